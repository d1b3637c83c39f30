"""The scripts that look at consents and take events in: once each, as far as consent permits.

One call is one atomic step over a chunk of events: whether an event is new, and all that it
changes. What its customer permits was decided from what was read before; the script only compares
whether that, or the policy, is still what is stored. Commands of Redis 6.2 only.

KEYS: log, days of the marks, marks, counts, epochs; then of each customer the record, the recent
list and the list of purchases.
The marks and counts of a day have keys of their own, named after those two, in the shop's slot.
ARGV: length of the log, places in a recent list and in one of purchases, their life in seconds, how
many customers, the policy as it was read; of each customer the record as it was read, whether the
log may name them and whether their lists may be updated; then ten words per event: mark of its id,
mark of its content, number of its customer (0: nobody, -1: one who permits nothing), item, weight,
mark of what counts once a day (empty: each time), kind in the recent list (empty: none), what
stands behind the time in the list of purchases (empty: nothing), seconds since 1970 (empty: on
arrival), and the event as JSON without its last brace.
Returns per event 0: new, 1: known with this content, 2: known with another, 3: not taken in,
since what its customer permits has changed.
"""

DAYS_KNOWN = 7  # an id counts once for so many days
DAYS_COUNTED = 14  # an older event moves no count
MOST_COUNTED = 100_000  # items in the counts of a day

_LIMITS = f"""
local DAYS_KNOWN, DAYS_COUNTED, MOST_COUNTED = {DAYS_KNOWN}, {DAYS_COUNTED}, {MOST_COUNTED}
"""

# KEYS: epochs, then the record of each customer. Returns the policy, then the fields of each record
# (no list: a key of another kind). One command and one reply: a pipeline costs more than its reads.
LOOK = r"""
local found = {redis.call('HGET', KEYS[1], 'policy')}
for place = 2, #KEYS do
  local fields = redis.pcall('HGETALL', KEYS[place])
  found[place] = fields.err and '' or fields
end
return found
"""

ADD = (
    _LIMITS
    + r"""
local HEADER, CUSTOMER, WORDS = 6, 3, 10
local MOST_RECENT, MOST_PURCHASES, LIFE = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local FIRST = HEADER + tonumber(ARGV[5]) * CUSTOMER
local LOG, DAYS, MARKS, COUNTS, EPOCHS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
-- Fields stay in a packed list up to 512 of them; beyond it each costs five times as much.
local LEAST_BUCKETS, MOST_FILLED, WELL_FILLED = 4096, 384, 128

local time = redis.call('TIME')
local second = tonumber(time[1])
local today = math.floor(second / 86400)

local function whole(number)
  return string.format('%.0f', number)
end

-- Howard Hinnant's civil_from_days
local function rfc3339(microseconds)
  local z = today + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  local rest = second % 86400
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%06dZ', year, month,
    doy - math.floor((153 * mp + 2) / 5) + 1,
    math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60, microseconds)
end
local arrival = rfc3339(tonumber(time[2]))

local sizes, held = {}, {}
local told = redis.call('HGETALL', DAYS)
for i = 1, #told, 2 do
  local day, what = string.match(told[i], '^(%d+):(%l+)$')
  local number = tonumber(told[i + 1])
  if day and number and what == 'buckets' then sizes[tonumber(day)] = number end
  if day and number and what == 'marks' then held[tonumber(day)] = number end
end
if not sizes[today] then
  local yesterday, buckets = held[today - 1] or 0, LEAST_BUCKETS
  if yesterday > buckets * MOST_FILLED then
    while buckets * WELL_FILLED < yesterday do buckets = buckets * 2 end
  end
  sizes[today] = buckets
  redis.call('HSET', DAYS, whole(today) .. ':buckets', whole(buckets))
  redis.call('EXPIREAT', DAYS, whole((today + DAYS_KNOWN + 1) * 86400))
  for day in pairs(sizes) do
    if day < today - DAYS_KNOWN then
      redis.call('HDEL', DAYS, whole(day) .. ':buckets', whole(day) .. ':marks')
    end
  end
end

local prefixes = {}
for day in pairs(sizes) do prefixes[day] = MARKS .. ':' .. whole(day) .. ':%x' end

local function bucket(day, mark)
  local first, second_byte, third = string.byte(mark, 1, 3)
  local number = (first * 65536 + second_byte * 256 + third) % sizes[day]
  return string.format(prefixes[day], number)
end

local function found(mark)
  for day in pairs(sizes) do
    if day >= today - DAYS_KNOWN then
      local content = redis.call('HGET', bucket(day, mark), mark)
      if content then return content end
    end
  end
end

local remembered = 0
local function remember(mark, content)
  local key = bucket(today, mark)
  redis.call('HSET', key, mark, content)
  if redis.call('HLEN', key) == 1 then
    redis.call('EXPIREAT', key, whole((today + DAYS_KNOWN + 1) * 86400))
  end
  remembered = remembered + 1
end

local same_policy = (redis.call('HGET', EPOCHS, 'policy') or '') == ARGV[6]
local unchanged = {}
local function is_unchanged(number)
  if unchanged[number] == nil then
    local stored = table.concat(redis.pcall('HGETALL', KEYS[3 + 3 * number]), '\n')
    unchanged[number] = same_policy and stored == ARGV[HEADER + (number - 1) * CUSTOMER + 1]
  end
  return unchanged[number]
end

-- The latest first, and equal times in the order of their bytes: the order of arrival is nothing.
local PART = 10 -- entries that are looked at in one go: most events are the latest
local function follower(key, entry, at)
  local start = 0
  repeat
    local listed = redis.call('LRANGE', key, start, start + PART - 1)
    for _, other in ipairs(listed) do
      local when = tonumber(string.match(other, '^%l?(%d+) ')) or 0
      if when < at or (when == at and other < entry) then return other end
    end
    start = start + PART
  until #listed < PART
end

local function insert(key, entry, at, most)
  local next_one, held = follower(key, entry, at), redis.call('LLEN', key)
  if next_one then
    redis.call('LINSERT', key, 'BEFORE', next_one, entry)
  elseif held < most then
    redis.call('RPUSH', key, entry)
  else
    return
  end
  if held >= most then redis.call('LTRIM', key, 0, most - 1) end
  redis.call('EXPIRE', key, LIFE)
end

local function update(key, entry, at, most)
  local done = pcall(insert, key, entry, at, most)
  if not done then -- no list of ours: begin anew
    redis.call('DEL', key)
    insert(key, entry, at, most)
  end
end

local counted = {}
local function count(item, weight, at, once)
  local day = math.floor(at / 86400)
  if today - day >= DAYS_COUNTED then return end
  if once ~= '' then -- the greatest weight of the day, in whatever order they come
    local key = bucket(today, once)
    local before = tonumber(redis.call('HGET', key, once) or 0) or 0
    if before >= weight then return end
    if before == 0 then remember(once, weight) else redis.call('HSET', key, once, weight) end
    weight = weight - before
  end
  redis.call('ZINCRBY', COUNTS .. ':' .. whole(day), weight, item)
  counted[day] = true
end

local results = {}
for base = FIRST, #ARGV - WORDS, WORDS do
  local id, content, number = ARGV[base + 1], ARGV[base + 2], tonumber(ARGV[base + 3])
  local item, weight, once = ARGV[base + 4], tonumber(ARGV[base + 5]), ARGV[base + 6]
  local kind, bought, sent, event = ARGV[base + 7], ARGV[base + 8], ARGV[base + 9], ARGV[base + 10]
  local known = found(id)
  if known then
    results[#results + 1] = known == content and 1 or 2
  elseif number > 0 and not is_unchanged(number) then
    results[#results + 1] = 3
  else
    local at = math.min(tonumber(sent) or second, second)
    if sent == '' then event = event .. ',"timestamp":"' .. arrival .. '"' end
    event = event .. ',"received_at":"' .. arrival .. '"}'
    if number == 0 then
      redis.call('XADD', LOG, 'MAXLEN', '~', ARGV[1], '*', 'event', event)
    elseif number > 0 then
      local record, recent, purchases = KEYS[3 + 3 * number], KEYS[4 + 3 * number], KEYS[5 + 3 * number]
      local permits = HEADER + (number - 1) * CUSTOMER
      if ARGV[permits + 2] == '1' then
        local hash = string.match(record, '[^:]+$')
        redis.call('XADD', LOG, 'MAXLEN', '~', ARGV[1], '*', 'event', event, 'customer', hash)
      end
      if kind ~= '' and ARGV[permits + 3] == '1' then
        update(recent, kind .. whole(at) .. ' ' .. item, at, MOST_RECENT)
        if bought ~= '' then update(purchases, whole(at) .. ' ' .. bought, at, MOST_PURCHASES) end
      end
    end
    remember(id, content) -- what fails before it is taken in when it is sent again
    if weight > 0 then count(item, weight, at, once) end -- may fail: it must not be logged twice
    results[#results + 1] = 0
  end
end

if remembered > 0 then
  redis.call('HINCRBY', DAYS, whole(today) .. ':marks', remembered)
end
for day in pairs(counted) do
  local key = COUNTS .. ':' .. whole(day)
  if redis.call('TTL', key) < 0 then
    redis.call('EXPIREAT', key, whole((day + DAYS_COUNTED + 1) * 86400))
  end
  if redis.call('ZCARD', key) > MOST_COUNTED * 1.1 then
    redis.call('ZREMRANGEBYRANK', key, 0, -MOST_COUNTED - 1)
  end
end
if next(counted) then redis.call('HINCRBY', EPOCHS, 'counts', 1) end
return results
"""  # noqa: E501
)
