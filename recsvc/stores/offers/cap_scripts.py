"""What is kept of one customer and one offer towards its caps, and the script that tells of it.

They begin as those of `offer_scripts` do, with the same KEYS and ARGV, and keep to the same rules.
"""

from recsvc.domain.offers.eligibility_validation import MAX_PER_CUSTOMER
from recsvc.stores.offers.scripts import COUNTING

MOST_USES = 500  # of one decision: no answer names more offers
MOST_FIELDS = 1000  # of one customer's caps before those of offers that are gone are swept out

KEEPING = (
    COUNTING
    + f"""
local MOST_TAKEN, MOST_USES, MOST_FIELDS = {MAX_PER_CUSTOMER}, {MOST_USES}, {MOST_FIELDS}
"""
    + r"""
-- A field of caps, read only where it is about this offer and not about one that had its id.
local function of_caps(caps, field)
  local stored = redis.call('HGET', caps, field) or ''
  local incarnation, rest = string.match(stored, '^(%d+)(.*)$')
  return incarnation and incarnation == state('incarnation') and rest or ''
end

-- Return what counts, and the claims whose holds have ended.
local function taken(caps)
  local list, ended = {}, {}
  for claim, at, till in string.gmatch(of_caps(caps, 'taken:' .. OFFER), ' (%w+),(%d+),(%d+)') do
    at, till = tonumber(at), tonumber(till)
    if till == 0 or till > now then
      list[#list + 1] = {claim = claim, at = at, till = till}
    else
      ended[#ended + 1] = claim
    end
  end
  return list, ended
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

local function keep(caps, field, words, separator)
  if #words == 0 then
    redis.call('HDEL', caps, field)
  else
    table.insert(words, 1, state('incarnation'))
    redis.call('HSET', caps, field, table.concat(words, separator or ' '))
    sweep(caps)
  end
end

-- What was handed to the customer and may come back: a code is a line, since it may hold spaces.
local function codes_of(caps)
  local codes = {}
  for code in string.gmatch(of_caps(caps, 'codes:' .. OFFER), '[^\n]+') do
    codes[#codes + 1] = code
  end
  return codes
end

local function keep_codes(caps, codes)
  keep(caps, 'codes:' .. OFFER, {unpack(codes, math.max(1, #codes - MOST_TAKEN + 1))}, '\n')
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

# What a customer was told, or told us: shown, accepted or dismissed. KEYS: also what the decision
# has been used for, and the customer's record. ARGV: also which, the customer (empty: nobody who
# permits that it is remembered), the record and the policy as they were read, `1` where a use of
# the decision is spent, and the life of that in seconds.
# Returns `done`, `spent`, `unknown`, or `changed`: read anew.
TELL_OF = (
    KEEPING
    + r"""
local SPENT, RECORD = KEYS[10], KEYS[11]
local what, customer, stored, policy, spends, life = unpack(ARGV, 3, 8)
local caps = CAPS .. ':' .. customer
if customer ~= '' and not is_unchanged(RECORD, stored, policy) then return 'changed' end
if redis.call('EXISTS', STATE) == 0 then return 'unknown' end
if spends == '1' then
  if redis.call('SCARD', SPENT) >= MOST_USES then return 'spent' end
  if redis.call('SADD', SPENT, what .. ' ' .. OFFER) == 0 then return 'spent' end
  if redis.call('SCARD', SPENT) == 1 then redis.call('EXPIRE', SPENT, life) end
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
