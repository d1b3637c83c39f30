"""The scripts that take a redemption of an offer, confirm it, and give it back.

They begin as those of `offer_scripts` do, with the same KEYS and ARGV, and keep to the same rules.
"""

from recsvc.stores.offers.cap_scripts import KEEPING

MOST_ANSWERS = 100  # kept of one customer; the oldest go first
_REAPED = 100  # ended holds that one call gives back

_TAKING = (
    KEEPING
    + f"""
local MOST_ANSWERS, REAPED = {MOST_ANSWERS}, {_REAPED}
"""
    + r"""
-- A code that the shop no longer names comes back to nobody.
local function give_back(claim)
  if redis.call('ZREM', HOLDS, claim) == 0 then return end
  add('taken', -1)
  -- Workers know of what ends by itself, but not that somebody else has it by then.
  if state('is_out') == '1' then redis.call('HSET', STATE, 'is_out', '') end
  local code = redis.call('HGET', HANDED, claim)
  if code then
    redis.call('HDEL', HANDED, claim)
    if redis.call('SISMEMBER', POOL, code) == 1 then
      redis.call('ZADD', CODES, redis.call('HINCRBY', STATE, 'line', 1), code)
    end
  end
end

local function claim_key(claim)
  return CLAIMS .. ':' .. claim
end

local function end_all(claims)
  for _, claim in ipairs(claims) do
    give_back(claim)
    if redis.call('HGET', claim_key(claim), 'word') == 'held' then
      redis.call('HSET', claim_key(claim), 'word', 'expired')
    end
  end
end

local function reap()
  end_all(redis.call('ZRANGEBYSCORE', HOLDS, '-inf', whole(now), 'LIMIT', 0, REAPED))
end
"""
)

# KEYS: also the customer's record, answers and claims. ARGV: also the revision that was judged,
# the claim's id, the customer, the hold in microseconds, the record and the policy as they were
# read, the mark of the Idempotency-Key (empty: none) and of the request, the lives of an answer
# and of a claim in seconds, the claim's channel.
# Returns `held` or `again` and the claim, `refused` and why, `reused`, or `changed`: read anew.
CLAIM = (
    _TAKING
    + r"""
local RECORD, ANSWERS, OWN = unpack(KEYS, 10, 12)
local revision, claim, customer, hold, stored, policy = unpack(ARGV, 3, 8)
local key_mark, request_mark, answer_life, claim_life = unpack(ARGV, 9, 12)
local life_us = tonumber(claim_life) * 1000000
local caps = CAPS .. ':' .. customer

-- One that was handed to the customer before comes first, so that nobody reads a pool by claiming
-- and giving back.
local function next_code(caps)
  local codes = codes_of(caps)
  for _, code in ipairs(codes) do
    if redis.call('ZREM', CODES, code) == 1 then return code end
  end
  codes[#codes + 1] = redis.call('ZPOPMIN', CODES)[1]
  keep_codes(caps, codes)
  return codes[#codes]
end

local function remembered(text)
  local mark, at, answer = string.match(text or '', '^(%x+) (%d+) (.*)$')
  if mark and tonumber(at) > now - tonumber(answer_life) * 1000000 then return mark, at, answer end
end

local function remember(answer)
  local all, oldest, oldest_at = redis.call('HGETALL', ANSWERS), nil, math.huge
  for i = 1, #all, 2 do
    local mark, at = remembered(all[i + 1])
    if not mark then
      redis.call('HDEL', ANSWERS, all[i])
    elseif tonumber(at) < oldest_at then
      oldest, oldest_at = all[i], tonumber(at)
    end
  end
  if redis.call('HLEN', ANSWERS) >= MOST_ANSWERS then redis.call('HDEL', ANSWERS, oldest) end
  redis.call('HSET', ANSWERS, key_mark, request_mark .. ' ' .. whole(now) .. ' ' .. answer)
  redis.call('EXPIRE', ANSWERS, answer_life)
end

if key_mark ~= '' then
  local mark, _, answer = remembered(redis.call('HGET', ANSWERS, key_mark))
  if mark and mark ~= request_mark then return {'reused', ''} end
  if mark then
    local key = claim_key(string.match(answer, '^%w+'))
    local word, till = unpack(redis.call('HMGET', key, 'word', 'till'))
    local stands = word == 'redeemed' or (word == 'held' and tonumber(till) > now)
    return stands and {'again', answer} or {'refused', 'ended'} -- others may have its code
  end
end
local before = redis.call('HMGET', claim_key(claim), 'till', 'code')
if before[1] then -- the client asked again on a new connection
  return {'again', claim .. ' ' .. before[1] .. ' ' .. (before[2] or '')}
end
if state('revision') ~= revision or not is_unchanged(RECORD, stored, policy) then
  return {'changed', ''}
end
local starts, ends = number('starts_us'), number('ends_us')
if (starts and now < starts) or (ends and now >= ends) then return {'refused', 'window'} end
reap()
local mine, ended = taken(caps)
end_all(ended) -- so that their codes can come back, whoever else's wait
local why
if is_capped(mine) then
  why = 'capped'
elseif not has_room() or (has_codes() and redis.call('ZCARD', CODES) == 0) then
  why = 'nothing_left'
end
if why then
  settle()
  return {'refused', why}
end
local code = has_codes() and next_code(caps) or ''
local till = now + tonumber(hold)
add('taken', 1)
redis.call('ZADD', HOLDS, whole(till), claim)
if code ~= '' then redis.call('HSET', HANDED, claim, code) end
mine[#mine + 1] = {claim = claim, at = now, till = till}
keep_taken(caps, mine)
redis.call('HSET', claim_key(claim), 'offer', OFFER, 'incarnation', state('incarnation'),
  'customer', customer, 'word', 'held', 'at', whole(now), 'till', whole(till), 'code', code,
  'channel', ARGV[13])
redis.call('PEXPIRE', claim_key(claim), whole(math.ceil((tonumber(hold) + life_us) / 1000)))
redis.call('ZADD', OWN, whole(now), claim)
redis.call('ZREMRANGEBYSCORE', OWN, '-inf', whole(now - 2 * life_us))
redis.call('EXPIRE', OWN, whole(2 * tonumber(claim_life)))
local answer = claim .. ' ' .. whole(till) .. ' ' .. code
if key_mark ~= '' then remember(answer) end
settle()
return {'held', answer}
"""
)

# ARGV: also the claim's id, its customer (empty: whoever it is) and the life of a claim in seconds.
_OF_ONE = (
    _TAKING
    + """
local claim = ARGV[3]
"""
)

# KEYS: also what is spent of the event. ARGV: also until when the hold was made, the customer, the
# life of a claim and of what is spent, in seconds.
_OF_OLDEST = (
    _TAKING
    + """
if redis.call('SADD', KEYS[10], 'redeemed ' .. OFFER) == 0 then return 'redeemed' end
redis.call('EXPIRE', KEYS[10], ARGV[6])
local claim
for _, each in ipairs(taken(CAPS .. ':' .. ARGV[4])) do
  if not claim and each.till > 0 and each.at <= tonumber(ARGV[3]) then claim = each.claim end
end
if not claim then return 'unknown' end
"""
)

_FOUND = r"""
local key = claim_key(claim)
local offer, incarnation, customer, word, at, till, code =
  unpack(redis.call('HMGET', key, 'offer', 'incarnation', 'customer', 'word', 'at', 'till', 'code'))
if offer ~= OFFER or (ARGV[4] ~= '' and customer ~= ARGV[4]) then return 'unknown' end
local caps = CAPS .. ':' .. customer
local is_of_now = state('incarnation') == incarnation

local function close(last_word)
  redis.call('HSET', key, 'word', last_word)
  redis.call('EXPIRE', key, ARGV[5])
end
"""

_REDEEM = r"""
local function comes_back_no_more()
  local others = {}
  for _, each in ipairs(codes_of(caps)) do
    if each ~= code then others[#others + 1] = each end
  end
  keep_codes(caps, others)
end

if word == 'redeemed' then return 'redeemed' end
if not is_of_now then
  close('redeemed')
  return 'redeemed'
end
if word == 'held' and tonumber(till) <= now then
  give_back(claim)
  close('expired')
  word = 'expired'
end
reap()
local mine, found = taken(caps), false
if word == 'held' then
  redis.call('ZREM', HOLDS, claim)
else
  local is_gone = is_capped(mine) or not has_room()
  if is_gone or (code ~= '' and redis.call('ZREM', CODES, code) == 0) then
    settle()
    return 'nothing_left'
  end
  add('taken', 1)
  if code ~= '' then redis.call('HSET', HANDED, claim, code) end
end
for _, each in ipairs(mine) do
  if each.claim == claim then each.till, found = 0, true end
end
if not found then mine[#mine + 1] = {claim = claim, at = tonumber(at), till = 0} end
keep_taken(caps, mine)
if code ~= '' then comes_back_no_more() end
add('redeemed', 1)
close('redeemed')
settle()
return 'redeemed'
"""

# Returns `redeemed`, `unknown`, or `nothing_left`: the hold had ended, and others have its place.
REDEEM = _OF_ONE + _FOUND + _REDEEM

# The same for the oldest of a customer's open holds, once for each event. Unknown: there is none.
REDEEM_OLDEST = _OF_OLDEST + _FOUND + _REDEEM

# Returns `released`, `redeemed` or `unknown`.
RELEASE = (
    _OF_ONE
    + _FOUND
    + r"""
if word ~= 'held' then return word == 'redeemed' and 'redeemed' or 'released' end
if is_of_now then
  give_back(claim)
  local others = {}
  for _, each in ipairs(taken(caps)) do
    if each.claim ~= claim then others[#others + 1] = each end
  end
  keep_taken(caps, others)
end
close('released')
settle()
return 'released'
"""
)
