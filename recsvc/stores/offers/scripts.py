"""The scripts that put and delete offers, and what every script that counts one begins with.

Each is one atomic step about one offer, with commands of Redis 6.2 only. KEYS, in all of them:
epochs, log, state, holds, codes, pool and handed codes of the offer, then what the claims' keys
and the caps' keys begin with: those of one claim and of one customer stand in the same slot. ARGV,
in all of them: the offer's id, and the time in microseconds (empty: the store's own, which is the
same for every worker).

Times and counts are below 2^53, so Lua's doubles hold them exactly. What may be refused is
refused before anything is written.
"""

from recsvc.stores.catalogue.change_log import LOG_ENTRIES, TELL

COUNTING = (
    TELL
    + f"""
local LOG_ENTRIES = {LOG_ENTRIES}
"""
    + r"""
local EPOCHS, LOG, STATE, HOLDS, CODES, POOL, HANDED, CLAIMS, CAPS = unpack(KEYS, 1, 9)
local OFFER, now = ARGV[1], tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function whole(number)
  return string.format('%.0f', number)
end

local function state(field)
  return redis.call('HGET', STATE, field)
end

local function number(field)
  return tonumber(state(field) or '')
end

local function add(field, by)
  redis.call('HINCRBY', STATE, field, by)
end

local function has_room()
  local most = number('total_redeemed')
  return not most or (number('taken') or 0) < most
end

local function has_codes()
  return state('has_codes') == '1'
end

local function is_out()
  local shown = number('total_shown')
  return not has_room()
    or (shown and (number('shown') or 0) >= shown)
    or (has_codes() and redis.call('ZCARD', CODES) == 0)
end

-- Tell the workers when the offer has run out, and when there is some of it again.
local function settle()
  local word = is_out() and '1' or '0'
  if redis.call('EXISTS', STATE) == 1 and state('is_out') ~= word then
    redis.call('HSET', STATE, 'is_out', word)
    tell(EPOCHS, 'offers', LOG, LOG_ENTRIES, cjson.encode({OFFER}))
  end
end
"""
)

# KEYS: also the offers and the retired codes. ARGV: also the record, `1` where the codes are
# replaced, how many fields of the state follow and which (every one that is not counted here), then
# the codes.
PUT = (
    COUNTING
    + r"""
local fields = tonumber(ARGV[5])
local incarnation = state('incarnation')
local epoch = tell(EPOCHS, 'offers', LOG, LOG_ENTRIES, cjson.encode({OFFER}))
local counted = {'taken', 'redeemed', 'shown', 'accepted', 'has_codes', 'line'}
local values = redis.call('HMGET', STATE, unpack(counted))
redis.call('DEL', STATE)
for i, name in ipairs(counted) do
  redis.call('HSET', STATE, name, values[i] or '0')
end
redis.call('HSET', STATE, 'incarnation', incarnation or epoch, 'revision', epoch)
for i = 6, 5 + fields, 2 do
  redis.call('HSET', STATE, ARGV[i], ARGV[i + 1])
end
redis.call('HSET', KEYS[10], OFFER, ARGV[3])
if ARGV[4] == '1' then
  local handed = {}
  for _, code in ipairs(redis.call('HVALS', HANDED)) do handed[code] = true end
  for _, code in ipairs(redis.call('SMEMBERS', KEYS[11])) do handed[code] = true end
  redis.call('DEL', CODES, POOL)
  for i = 6 + fields, #ARGV do
    redis.call('SADD', POOL, ARGV[i])
    if not handed[ARGV[i]] then redis.call('ZADD', CODES, i, ARGV[i]) end
  end
  redis.call('HSET', STATE, 'has_codes', #ARGV > 5 + fields and '1' or '0', 'line', #ARGV)
end
redis.call('HSET', STATE, 'is_out', is_out() and '1' or '0')
return epoch
"""
)

# KEYS: also the offers and the retired codes. ARGV: also the life of these in seconds. Returns
# whether there was one.
DELETE = (
    COUNTING
    + r"""
if redis.call('HDEL', KEYS[10], OFFER) == 0 and redis.call('EXISTS', STATE) == 0 then return 0 end
tell(EPOCHS, 'offers', LOG, LOG_ENTRIES, cjson.encode({OFFER}))
for _, code in ipairs(redis.call('HVALS', HANDED)) do redis.call('SADD', KEYS[11], code) end
redis.call('EXPIRE', KEYS[11], ARGV[3])
redis.call('UNLINK', STATE, HOLDS, CODES, POOL, HANDED)
return 1
"""
)
