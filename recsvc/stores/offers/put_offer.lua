-- Store an offer under its id, keep its counters, and publish the change.
--
-- KEYS: those of offer_state.lua, then
--       OFFERS   hash: offer id → record
--       RETIRED  set: codes that deleted offers of this id handed out
-- ARGV: OFFER, NOW, then
--       RECORD          JSON of the offer
--       REPLACES_CODES  `1` when the codes are replaced
--       LIMITS          number of arguments that follow as names and values of the state's limits
--       then these, then the codes
--
-- Returns the new epoch, which is also the offer's revision.

-- include: offers/offer_state.lua

local OFFERS, RETIRED = unpack(KEYS, 10, 11)
local RECORD, REPLACES_CODES, LIMITS = unpack(ARGV, 3, 5)
local FIRST_LIMIT = 6
local FIRST_CODE = FIRST_LIMIT + tonumber(LIMITS)
local COUNTERS = {'taken', 'redeemed', 'shown', 'accepted', 'has_codes', 'line'}

local incarnation = field('incarnation')
local epoch = publish_offer()
-- The state is replaced, so that limits that the offer no longer has are removed; counters stay.
local values = redis.call('HMGET', STATE, unpack(COUNTERS))
redis.call('DEL', STATE)
for i, name in ipairs(COUNTERS) do
  redis.call('HSET', STATE, name, values[i] or '0')
end
redis.call('HSET', STATE, 'incarnation', incarnation or epoch, 'revision', epoch)
for i = FIRST_LIMIT, FIRST_CODE - 1, 2 do
  redis.call('HSET', STATE, ARGV[i], ARGV[i + 1])
end
redis.call('HSET', OFFERS, OFFER, RECORD)
if REPLACES_CODES == '1' then
  -- A code that a customer holds or redeemed must not reach a second customer, even when the shop
  -- sends it again or has deleted the offer in between.
  local used = {}
  for _, code in ipairs(redis.call('HVALS', HANDED)) do used[code] = true end
  for _, code in ipairs(redis.call('SMEMBERS', RETIRED)) do used[code] = true end
  redis.call('DEL', CODES, POOL)
  for i = FIRST_CODE, #ARGV do
    redis.call('SADD', POOL, ARGV[i])
    if not used[ARGV[i]] then redis.call('ZADD', CODES, i, ARGV[i]) end
  end
  redis.call('HSET', STATE, 'has_codes', #ARGV >= FIRST_CODE and '1' or '0', 'line', #ARGV)
end
redis.call('HSET', STATE, 'is_out', is_exhausted() and '1' or '0')
return epoch
