-- Delete an offer, its counters and its codes, and publish the change.
--
-- KEYS: those of offer_state.lua, then OFFERS, RETIRED as in put_offer.lua
-- ARGV: OFFER, NOW, then RETIRED_SECONDS, the life of the retired codes
--
-- Returns 1, or 0 when there was no such offer.

-- include: offers/offer_state.lua

local OFFERS, RETIRED = unpack(KEYS, 10, 11)
local RETIRED_SECONDS = ARGV[3]

if redis.call('HDEL', OFFERS, OFFER) == 0 and redis.call('EXISTS', STATE) == 0 then return 0 end
publish_offer()
-- A later offer of the same id must not hand out codes that customers of this one have.
for _, code in ipairs(redis.call('HVALS', HANDED)) do redis.call('SADD', RETIRED, code) end
redis.call('EXPIRE', RETIRED, RETIRED_SECONDS)
redis.call('UNLINK', STATE, HOLDS, CODES, POOL, HANDED)
return 1
