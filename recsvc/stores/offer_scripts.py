"""The scripts that count offers, each in one atomic step. Commands of Redis 6.2 only.

Every script is about one offer. KEYS, in all of them: epochs, log, state, holds, codes, pool and
handed codes of the offer, then what the claims' keys and the caps' keys begin with: those of one
claim and of one customer stand in the same slot. ARGV, in all of them: the offer's id, and the
time in microseconds (empty: the store's own, which is the same for every worker).

Times and counts are below 2^53, so Lua's doubles hold them exactly. What may be refused is
refused before anything is written.
"""

from recsvc.domain.eligibility_fields import MAX_PER_CUSTOMER
from recsvc.stores.change_log import LOG_ENTRIES, TELL

MOST_ANSWERS = 100  # kept of one customer; the oldest go first
MOST_USES = 500  # of one decision: no answer names more offers
MOST_FIELDS = 1000  # of one customer's caps before those of offers that are gone are swept out
_REAPED = 100  # ended holds that one call gives back

_KEEPING = (
    TELL
    + f"""
local MOST_TAKEN, MOST_ANSWERS, MOST_USES = {MAX_PER_CUSTOMER}, {MOST_ANSWERS}, {MOST_USES}
local MOST_FIELDS, REAPED, LOG_ENTRIES = {MOST_FIELDS}, {_REAPED}, {LOG_ENTRIES}
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

-- Tell the workers when the offer has run out, and when there is some of it again.
local function settle()
  local shown = number('total_shown')
  local is_out = not has_room()
    or (shown and (number('shown') or 0) >= shown)
    or (has_codes() and redis.call('LLEN', CODES) == 0)
  local word = is_out and '1' or '0'
  if redis.call('EXISTS', STATE) == 1 and state('is_out') ~= word then
    redis.call('HSET', STATE, 'is_out', word)
    tell(EPOCHS, 'offers', LOG, LOG_ENTRIES, cjson.encode({OFFER}))
  end
end

-- A code that the shop no longer names comes back to nobody.
local function give_back(claim)
  if redis.call('ZREM', HOLDS, claim) == 0 then return end
  add('taken', -1)
  -- Workers know of what ends by itself, but not that somebody else has it by then.
  if state('is_out') == '1' then redis.call('HSET', STATE, 'is_out', '') end
  local code = redis.call('HGET', HANDED, claim)
  if code then
    redis.call('HDEL', HANDED, claim)
    if redis.call('SISMEMBER', POOL, code) == 1 then redis.call('RPUSH', CODES, code) end
  end
end

local function claim_key(claim)
  return CLAIMS .. ':' .. claim
end

local function reap()
  local ended = redis.call('ZRANGEBYSCORE', HOLDS, '-inf', whole(now), 'LIMIT', 0, REAPED)
  for _, claim in ipairs(ended) do
    give_back(claim)
    if redis.call('HGET', claim_key(claim), 'word') == 'held' then
      redis.call('HSET', claim_key(claim), 'word', 'expired')
    end
  end
end

-- A field of caps, read only where it is about this offer and not about one that had its id.
local function of_caps(caps, field)
  local stored = redis.call('HGET', caps, field) or ''
  local incarnation, rest = string.match(stored, '^(%d+)(.*)$')
  return incarnation and incarnation == state('incarnation') and rest or ''
end

local function taken(caps)
  local list = {}
  for claim, at, till in string.gmatch(of_caps(caps, 'taken:' .. OFFER), ' (%w+),(%d+),(%d+)') do
    at, till = tonumber(at), tonumber(till)
    if till == 0 or till > now then list[#list + 1] = {claim = claim, at = at, till = till} end
  end
  return list
end

local function sweep(caps)
  if redis.call('HLEN', caps) <= MOST_FIELDS then return end
  local of_state = string.sub(STATE, 1, #STATE - #OFFER)
  local stored = redis.call('HGETALL', caps)
  for i = 1, #stored, 2 do
    local offer = string.match(stored[i], '^%l+:(.*)$')
    local living = offer and redis.call('HGET', of_state .. offer, 'incarnation')
    if not living or living ~= string.match(stored[i + 1], '^%d+') then
      redis.call('HDEL', caps, stored[i])
    end
  end
end

local function keep(caps, field, words)
  if #words == 0 then
    redis.call('HDEL', caps, field)
  else
    local value = state('incarnation') .. ' ' .. table.concat(words, ' ')
    redis.call('HSET', caps, field, value)
    sweep(caps)
  end
end

local function keep_taken(caps, list)
  table.sort(list, function(one, other) return one.at < other.at end)
  local words = {}
  for i = math.max(1, #list - MOST_TAKEN + 1), #list do
    local each = list[i]
    words[#words + 1] = each.claim .. ',' .. whole(each.at) .. ',' .. whole(each.till)
  end
  keep(caps, 'taken:' .. OFFER, words)
end

local function is_capped(list)
  local most, period = number('customer_limit'), number('customer_us')
  local counted = 0
  for _, each in ipairs(list) do
    if not period or each.at > now - period then counted = counted + 1 end
  end
  return most and counted >= most
end

-- Whether a customer's record and the policy are as they were when consent was decided.
local function is_unchanged(record, stored, policy)
  return table.concat(redis.call('HGETALL', record), '\n') == stored
    and (redis.call('HGET', EPOCHS, 'policy') or '') == policy
end
"""
)

# KEYS: also the offers. ARGV: also the record, `1` where the codes are replaced, how many fields
# of the state follow and which (every one that is not counted here), then the codes.
PUT = (
    _KEEPING
    + r"""
local fields = tonumber(ARGV[5])
local incarnation = state('incarnation')
local epoch = tell(EPOCHS, 'offers', LOG, LOG_ENTRIES, cjson.encode({OFFER}))
local counted = {'taken', 'redeemed', 'shown', 'accepted', 'has_codes'}
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
  redis.call('DEL', CODES, POOL)
  for i = 6 + fields, #ARGV do
    redis.call('SADD', POOL, ARGV[i])
    if not handed[ARGV[i]] then redis.call('RPUSH', CODES, ARGV[i]) end
  end
  redis.call('HSET', STATE, 'has_codes', #ARGV > 5 + fields and '1' or '0')
end
local shown = number('total_shown')
local is_out = not has_room() or (shown and number('shown') >= shown)
  or (has_codes() and redis.call('LLEN', CODES) == 0)
redis.call('HSET', STATE, 'is_out', is_out and '1' or '0')
return epoch
"""
)

# KEYS: also the offers. Returns whether there was one.
DELETE = (
    _KEEPING
    + r"""
if redis.call('HDEL', KEYS[10], OFFER) == 0 and redis.call('EXISTS', STATE) == 0 then return 0 end
tell(EPOCHS, 'offers', LOG, LOG_ENTRIES, cjson.encode({OFFER}))
redis.call('UNLINK', STATE, HOLDS, CODES, POOL, HANDED)
return 1
"""
)

# KEYS: also the customer's record, answers and claims. ARGV: also the revision that was judged,
# the claim's id, the customer, the hold in microseconds, the record and the policy as they were
# read, the mark of the Idempotency-Key (empty: none) and of the request, the lives of an answer
# and of a claim in seconds, the claim's channel.
# Returns `held` or `again` and the claim, `refused` and why, `reused`, or `changed`: read anew.
CLAIM = (
    _KEEPING
    + r"""
local RECORD, ANSWERS, OWN = unpack(KEYS, 10, 12)
local revision, claim, customer, hold, stored, policy = unpack(ARGV, 3, 8)
local key_mark, request_mark, answer_life, claim_life = unpack(ARGV, 9, 12)
local life_us = tonumber(claim_life) * 1000000
local caps = CAPS .. ':' .. customer

local function remembered(text)
  local mark, at, answer = string.match(text or '', '^(%x+) (%d+) (.*)$')
  if mark and tonumber(at) > now - tonumber(answer_life) * 1000000 then return mark, at, answer end
end

local function remember(answer)
  if redis.call('HLEN', ANSWERS) >= MOST_ANSWERS then
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
  end
  redis.call('HSET', ANSWERS, key_mark, request_mark .. ' ' .. whole(now) .. ' ' .. answer)
  redis.call('EXPIRE', ANSWERS, answer_life)
end

if key_mark ~= '' then
  local mark, _, answer = remembered(redis.call('HGET', ANSWERS, key_mark))
  if mark then return mark == request_mark and {'again', answer} or {'reused', ''} end
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
local mine = taken(caps)
local why
if is_capped(mine) then
  why = 'capped'
elseif not has_room() or (has_codes() and redis.call('LLEN', CODES) == 0) then
  why = 'nothing_left'
end
if why then
  settle()
  return {'refused', why}
end
local code = has_codes() and redis.call('LPOP', CODES) or ''
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

# What the next two begin with. ARGV: also the claim's id, its customer (empty: whoever it is) and
# the life of a claim in seconds.
_OF_CLAIM = (
    _KEEPING
    + r"""
local claim = ARGV[3]
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
)

# Returns `redeemed`, `unknown`, or `nothing_left`: the hold had ended, and others have its place.
REDEEM = (
    _OF_CLAIM
    + r"""
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
  if is_gone or (code ~= '' and redis.call('LREM', CODES, -1, code) == 0) then
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
add('redeemed', 1)
close('redeemed')
settle()
return 'redeemed'
"""
)

# Returns `released`, `redeemed` or `unknown`.
RELEASE = (
    _OF_CLAIM
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

# What a customer was told, or told us: shown, accepted or dismissed. KEYS: also what the decision
# has been used for, and the customer's record. ARGV: also which, the customer (empty: nobody who
# permits that it is remembered), the record and the policy as they were read, `1` where a use of
# the decision is spent, and the life of that in seconds.
# Returns `done`, `spent`, `unknown`, or `changed`: read anew.
TELL_OF = (
    _KEEPING
    + r"""
local SPENT, RECORD = KEYS[10], KEYS[11]
local what, customer, stored, policy, spends, life = unpack(ARGV, 3, 8)
local caps = CAPS .. ':' .. customer
if customer ~= '' and not is_unchanged(RECORD, stored, policy) then return 'changed' end
if redis.call('EXISTS', STATE) == 0 then return 'unknown' end
if spends == '1' then
  if redis.call('SCARD', SPENT) >= MOST_USES then return 'spent' end
  if redis.call('SADD', SPENT, what .. ' ' .. OFFER) == 0 then return 'spent' end
  redis.call('EXPIRE', SPENT, life)
end
if what == 'dismissed' then
  if customer ~= '' then keep(caps, 'dismissed:' .. OFFER, {whole(now)}) end
  return 'done'
end
add(what, 1)
local most = number('shown_limit')
if what == 'shown' and most and customer ~= '' then
  local words, period = {}, number('shown_us')
  for at in string.gmatch(of_caps(caps, 'shown:' .. OFFER), ' (%d+)') do
    if not period or tonumber(at) > now - period then words[#words + 1] = at end
  end
  words[#words + 1] = whole(now)
  while #words > most do table.remove(words, 1) end
  keep(caps, 'shown:' .. OFFER, words)
end
settle()
return 'done'
"""
)
