-- Include. Keys, time and counters of one offer; the head of each script about an offer.
--
-- KEYS: EPOCHS   hash of epochs
--       LOG      stream of changed offers
--       STATE    hash: limits of the offer and its counters
--       HOLDS    sorted set: claim → end of its hold, µs since 1970
--       CODES    sorted set: free code → its place in the queue
--       POOL     set: each code that the shop gave
--       HANDED   hash: claim → code that it holds or redeemed
--       CLAIMS   prefix of the keys of claims
--       CAPS     prefix of the customers' caps
--   The two prefixes begin with the shop's `{…}`, so the keys made from them are in its slot.
-- ARGV: OFFER  id of the offer
--       NOW    µs since 1970 (empty: the store's clock, the same for all workers)
-- CONSTANTS: LOG_ENTRIES
--
-- The order of the keys is also in scripts.py; a test compares the two.
-- Times and counts are below 2^53, so Lua's doubles hold them exactly.
-- A script that fails is not rolled back. A script may write before it refuses (an ended hold is
-- closed, a use is stored); every refusal leaves a valid state.
--
-- Fields of STATE with a meaning of their own:
--   incarnation  the epoch in which the offer was first stored. An offer that is deleted and stored
--                again has another one, so claims and caps of the old offer are told apart.
--   line         the last place given in the queue of codes; a code that is given back goes behind it
--   is_out       `1` when workers were last told that the offer is exhausted

local EPOCHS, LOG, STATE, HOLDS, CODES, POOL, HANDED, CLAIMS, CAPS = unpack(KEYS, 1, 9)
local OFFER, NOW = unpack(ARGV, 1, 2)

-- include: catalogue/publish_change.lua

local now = tonumber(NOW)
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- Lua's tostring gives `1e+15` for large numbers.
local function integer(number)
  return string.format('%.0f', number)
end

local function field(name)
  return redis.call('HGET', STATE, name)
end

local function number(name)
  return tonumber(field(name) or '')
end

local function increment(name, by)
  redis.call('HINCRBY', STATE, name, by)
end

local function has_redemptions_left()
  local limit = number('total_redeemed')
  return not limit or (number('taken') or 0) < limit
end

local function has_codes()
  return field('has_codes') == '1'
end

local function has_no_code_left()
  return has_codes() and redis.call('ZCARD', CODES) == 0
end

local function is_exhausted()
  local limit = number('total_shown')
  return not has_redemptions_left()
    or (limit and (number('shown') or 0) >= limit)
    or has_no_code_left()
end

local function publish_offer()
  return publish_change(EPOCHS, 'offers', LOG, CONSTANTS.LOG_ENTRIES, cjson.encode({OFFER}))
end

-- Publish only when the offer becomes exhausted or available again: an epoch per claim would make
-- every worker reload the offer after every claim.
local function publish_exhaustion()
  local exhausted = is_exhausted() and '1' or '0'
  if redis.call('EXISTS', STATE) == 1 and field('is_out') ~= exhausted then
    redis.call('HSET', STATE, 'is_out', exhausted)
    publish_offer()
  end
end
