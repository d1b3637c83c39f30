-- Cancel the latest redemption of a customer, for an event that names no claim.
--
-- KEYS: those of offer_state.lua, then
--       SPENT  set: uses of the event, `cancelled <offer>`
-- ARGV: OFFER, NOW, then
--       MADE_BY_US     only claims made at this time or before
--       customer       hash of the customer
--       CLAIM_SECONDS  life of a closed claim
--       SPENT_SECONDS  life of the uses
--
-- Returns `cancelled` or `unknown` (no such redemption).

-- include: offers/claim_holds.lua

local SPENT = KEYS[10]
local MADE_BY_US, customer, CLAIM_SECONDS, SPENT_SECONDS = unpack(ARGV, 3, 6)
local USE = 'cancelled ' .. OFFER

-- A replayed event must not cancel a second redemption.
if redis.call('SISMEMBER', SPENT, USE) == 1 then return 'cancelled' end
local claim
for _, each in ipairs(claims_in(CAPS .. ':' .. customer)) do -- sorted by time
  local is_stored = redis.call('HGET', claim_key(each.claim), 'word') == 'redeemed'
  if is_stored and each.at <= tonumber(MADE_BY_US) then claim = each.claim end
end
if not claim then return 'unknown' end -- the use is not spent: the redemption may arrive later
redis.call('SADD', SPENT, USE)
redis.call('EXPIRE', SPENT, SPENT_SECONDS)

-- include: offers/find_claim.lua

-- include: offers/cancel_claim.lua
