-- Redeem the oldest open hold of a customer, for an event that names no claim.
--
-- KEYS: those of offer_state.lua, then
--       SPENT  set: uses of the event, `redeemed <offer>`
-- ARGV: OFFER, NOW, then
--       MADE_BY_US     only holds made at this time or before
--       customer       hash of the customer
--       CLAIM_SECONDS  life of a closed claim
--       SPENT_SECONDS  life of the uses
--
-- Returns `redeemed`, `unknown` (no such hold) or `nothing_left`.

-- include: offers/claim_holds.lua

local SPENT = KEYS[10]
local MADE_BY_US, customer, CLAIM_SECONDS, SPENT_SECONDS = unpack(ARGV, 3, 6)

-- A replayed event must not redeem a second hold.
if redis.call('SADD', SPENT, 'redeemed ' .. OFFER) == 0 then return 'redeemed' end
redis.call('EXPIRE', SPENT, SPENT_SECONDS)
local claim
for _, each in ipairs(claims_in(CAPS .. ':' .. customer)) do -- sorted by time
  if not claim and each.till > 0 and each.at <= tonumber(MADE_BY_US) then claim = each.claim end
end
if not claim then return 'unknown' end

-- include: offers/find_claim.lua

-- include: offers/redeem_claim.lua
