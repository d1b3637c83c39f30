-- Store a chunk of events in one atomic step: each event once, and only as far as consent permits.
--
-- Python reads the consents, decides, and passes the records that it read. The script compares them
-- with the store and leaves out (CHANGED) each event whose customer's record or policy differs: an
-- event must not be stored after a withdrawal or an erasure that came between read and call.
--
-- KEYS: LOG        stream of events
--       DAYS       hash: `<day>:buckets` and `<day>:marks`, number of buckets and digests of a day
--       SEEN       prefix of the day's buckets: hash, digest of a message id → of its content
--       COUNTS     prefix of the day's counts: sorted set, item id → weight
--       EPOCHS     hash of epochs
--       per customer: RECORD, RECENT (list of events), HISTORY (purchase history), IMPRESSIONS (list)
--   The keys of a day are not in KEYS; they begin with the shop's `{…}`, so they are in its slot.
-- ARGV: LOG_LENGTH, MAX_RECENT (length of the list of events), LIST_SECONDS (its life)
--       CUSTOMERS  number of customers
--       POLICY     the policy as it was read
--       per customer: the record as it was read
--                     `1` when the log may name the customer
--                     `1` when the customer's list and history may be updated
--                     items to remove from the history, separated by \n
--       per event: ID         digest of the message id
--                  CONTENT    digest of the content
--                  CUSTOMER   number of the customer; 0: none; -1: permits nothing
--                  ITEM, WEIGHT  the item, and the weight that is added to its count
--                  ONCE       digest of a count that is made once a day (empty: each time)
--                  KIND       kind in the list of events (empty: not listed), or IMPRESSION
--                  CHANGE     change of the history (empty: none): `+` a purchase, `-` a refund,
--                             `!` a dismissal, `?` its cancellation; after the first two the order
--                             (8 hexadecimal digits or none), a tab, the amount paid, a tab, and
--                             the units (a number or none)
--                  SENT_AT    milliseconds since 1970 (empty: the time of arrival)
--                  JSON       the event, without its last brace
-- CONSTANTS: the five locals below, and those of the included file
--
-- A digest is a keyed hash of 8 bytes, computed in Python.
--
-- Returns one result per event: NEW, DUPLICATE (known with the same content), REUSED (known with
-- other content) or CHANGED (not stored: consent changed since it was read).

local NEW, DUPLICATE, REUSED, CHANGED = 0, 1, 2, 3
local LOG, DAYS, SEEN, COUNTS, EPOCHS = unpack(KEYS, 1, 5)
local LOG_LENGTH, MAX_RECENT, LIST_SECONDS, CUSTOMERS, POLICY = unpack(ARGV, 1, 5)
local HEADER_ARGS, CUSTOMER_ARGS, EVENT_ARGS = 5, 4, 10
local HEADER_KEYS, CUSTOMER_KEYS = 5, 4
local BEFORE_EVENTS = HEADER_ARGS + tonumber(CUSTOMERS) * CUSTOMER_ARGS
local NO_CUSTOMER = 0
local IMPRESSION = 's' -- kind of the events that have a list of their own
MAX_RECENT = tonumber(MAX_RECENT)

local DAYS_KNOWN = CONSTANTS.DAYS_KNOWN -- a message id counts once within so many days
local DAYS_COUNTED = CONSTANTS.DAYS_COUNTED -- an older event changes no count
local MAX_COUNTED_ITEMS = CONSTANTS.MAX_COUNTED_ITEMS -- items in the counts of a day
local MAX_IMPRESSIONS = CONSTANTS.MAX_IMPRESSIONS -- length of the list of impressions
local IMPRESSION_SECONDS = CONSTANTS.IMPRESSION_SECONDS -- its life

-- Digests are spread over many small hashes: a hash of up to 512 fields is stored as a packed list,
-- a larger one takes five times the memory per field. The number of buckets of a day is fixed on
-- its first event (a digest must stay findable), from the digests of the day before.
local MIN_BUCKETS, MAX_FILL, TARGET_FILL = 4096, 384, 128

local time = redis.call('TIME')
local second = tonumber(time[1])
local millisecond = second * 1000 + math.floor(tonumber(time[2]) / 1000)
local today = math.floor(second / 86400)

-- include: events/stored_history.lua

-- Lua's tostring gives `1e+15` for large numbers.
local function integer(number)
  return string.format('%.0f', number)
end

-- Days to a civil date: Howard Hinnant's civil_from_days. The server has no os.date.
local function rfc3339(microseconds)
  local z = today + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local leap_days = math.floor(doe / 1460) - math.floor(doe / 36524) + math.floor(doe / 146096)
  local yoe = math.floor((doe - leap_days) / 365)
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

local buckets_of, digests_of = {}, {} -- day → number
local stored_days = redis.call('HGETALL', DAYS)
for i = 1, #stored_days, 2 do
  local day, kind = string.match(stored_days[i], '^(%d+):(%l+)$')
  local number = tonumber(stored_days[i + 1])
  if day and number and kind == 'buckets' then buckets_of[tonumber(day)] = number end
  if day and number and kind == 'marks' then digests_of[tonumber(day)] = number end
end
if not buckets_of[today] then
  local yesterday, buckets = digests_of[today - 1] or 0, MIN_BUCKETS
  if yesterday > buckets * MAX_FILL then
    while buckets * TARGET_FILL < yesterday do buckets = buckets * 2 end
  end
  buckets_of[today] = buckets
  redis.call('HSET', DAYS, integer(today) .. ':buckets', integer(buckets))
  redis.call('EXPIREAT', DAYS, integer((today + DAYS_KNOWN + 1) * 86400))
  for day in pairs(buckets_of) do
    if day < today - DAYS_KNOWN then
      redis.call('HDEL', DAYS, integer(day) .. ':buckets', integer(day) .. ':marks')
    end
  end
end

local bucket_formats = {} -- day → format of the key, made once instead of once per digest
for day in pairs(buckets_of) do bucket_formats[day] = SEEN .. ':' .. integer(day) .. ':%x' end

local function bucket(day, digest)
  local first, second_byte, third = string.byte(digest, 1, 3)
  local number = (first * 65536 + second_byte * 256 + third) % buckets_of[day]
  return string.format(bucket_formats[day], number)
end

local function content_of(digest)
  for day in pairs(buckets_of) do
    if day >= today - DAYS_KNOWN then
      local content = redis.call('HGET', bucket(day, digest), digest)
      if content then return content end
    end
  end
end

local added_digests = 0
local function add_digest(digest, content)
  local key = bucket(today, digest)
  redis.call('HSET', key, digest, content)
  if redis.call('HLEN', key) == 1 then
    redis.call('EXPIREAT', key, integer((today + DAYS_KNOWN + 1) * 86400))
  end
  added_digests = added_digests + 1
end

local function keys_of(customer)
  local base = HEADER_KEYS + (customer - 1) * CUSTOMER_KEYS
  return unpack(KEYS, base + 1, base + CUSTOMER_KEYS)
end

local function customer_at(customer)
  local base = HEADER_ARGS + (customer - 1) * CUSTOMER_ARGS
  local record, is_logged, is_remembered, removed = unpack(ARGV, base + 1, base + CUSTOMER_ARGS)
  return record, is_logged == '1', is_remembered == '1', removed
end

local is_same_policy = (redis.call('HGET', EPOCHS, 'policy') or '') == POLICY
local unchanged = {}
local function is_unchanged(customer)
  if unchanged[customer] == nil then
    local stored = table.concat(redis.pcall('HGETALL', (keys_of(customer))), '\n')
    unchanged[customer] = is_same_policy and stored == (customer_at(customer))
  end
  return unchanged[customer]
end

-- Return the latest entry that is older than `entry`: the new one is inserted before it.
-- A list has its latest event first. Events of the same second are in the order of their bytes, so
-- a list does not depend on the order of arrival: a replay in another order gives the same list.
local PART = 10 -- entries read at once: most events are the latest
local function next_older(key, entry, at)
  local start = 0
  repeat
    local listed = redis.call('LRANGE', key, start, start + PART - 1)
    for _, other in ipairs(listed) do
      local other_at = tonumber(string.match(other, '^%l?(%d+) ')) or 0
      if other_at < at or (other_at == at and other < entry) then return other end
    end
    start = start + PART
  until #listed < PART
end

local function insert(key, entry, at, most, seconds)
  local next_entry, length = next_older(key, entry, at), redis.call('LLEN', key)
  if next_entry then
    redis.call('LINSERT', key, 'BEFORE', next_entry, entry)
  elseif length < most then
    redis.call('RPUSH', key, entry)
  else
    return
  end
  if length >= most then redis.call('LTRIM', key, 0, most - 1) end
  redis.call('EXPIRE', key, seconds)
end

local function list(key, ...)
  local done = pcall(insert, key, ...)
  if not done then -- the key has another type: replace it
    redis.call('DEL', key)
    insert(key, ...)
  end
end

local histories = {} -- customer → history, written at the end
local function history_of(customer)
  if not histories[customer] then
    local _, _, history = keys_of(customer)
    local _, _, _, removed = customer_at(customer)
    histories[customer] = read_history(history)
    if removed ~= '' then remove_items(histories[customer], removed) end
  end
  return histories[customer]
end

local function change_read_history(customer, item, change, at_ms)
  if not is_old(at_ms) then
    apply_change(history_of(customer), item, change, at_ms)
  else
    local _, _, _, removed = customer_at(customer)
    if removed ~= '' then history_of(customer) end -- these items leave it all the same
  end
end

local function change_history(customer, item, change, at_ms)
  if not pcall(change_read_history, customer, item, change, at_ms) then -- damaged: replace it
    histories[customer] = empty_history()
    histories[customer].lost = math.floor(second / 60)
    change_read_history(customer, item, change, at_ms)
  end
end

local counted_days = {}
local function count(item, weight, at, once)
  local day = math.floor(at / 86400)
  if today - day >= DAYS_COUNTED then return end
  if once ~= '' then
    -- Counts with the same digest add up to the greatest weight of the day, in any order:
    -- a view (1) followed by a cart (3) counts 3, not 4.
    local key = bucket(today, once)
    local before = tonumber(redis.call('HGET', key, once) or 0) or 0
    if before >= weight then return end
    if before == 0 then add_digest(once, weight) else redis.call('HSET', key, once, weight) end
    weight = weight - before
  end
  redis.call('ZINCRBY', COUNTS .. ':' .. integer(day), weight, item)
  counted_days[day] = true
end

local function log(json, ...)
  redis.call('XADD', LOG, 'MAXLEN', '~', LOG_LENGTH, '*', 'event', json, ...)
end

-- Write the event to the log and the customer's data, as far as the customer permits it.
local function store(customer, item, kind, change, at_ms, json)
  if customer == NO_CUSTOMER then
    log(json)
  elseif customer > 0 then
    local record, recent, _, impressions = keys_of(customer)
    local _, is_logged, is_remembered = customer_at(customer)
    if is_logged then log(json, 'customer', string.match(record, '[^:]+$')) end
    if kind ~= '' and is_remembered then
      local at = math.floor(at_ms / 1000)
      local entry = kind .. integer(at) .. ' ' .. item
      if kind == IMPRESSION then
        list(impressions, entry, at, MAX_IMPRESSIONS, IMPRESSION_SECONDS)
      else
        list(recent, entry, at, MAX_RECENT, LIST_SECONDS)
      end
    end
    if change ~= '' and is_remembered then change_history(customer, item, change, at_ms) end
  end
end

local results = {}
for base = BEFORE_EVENTS, #ARGV - EVENT_ARGS, EVENT_ARGS do
  local id, content, customer, item, weight, once, kind, change, sent_at, json =
    unpack(ARGV, base + 1, base + EVENT_ARGS)
  customer, weight = tonumber(customer), tonumber(weight)
  local known = content_of(id)
  if known then
    results[#results + 1] = known == content and DUPLICATE or REUSED
  elseif customer > 0 and not is_unchanged(customer) then
    results[#results + 1] = CHANGED
  else
    local at_ms = math.min(tonumber(sent_at) or millisecond, millisecond)
    if sent_at == '' then json = json .. ',"timestamp":"' .. arrival .. '"' end
    store(customer, item, kind, change, at_ms, json .. ',"received_at":"' .. arrival .. '"}')
    -- A script that fails is not rolled back. The digest follows the log and the lists: an event
    -- whose storing failed is stored when it is sent again. It precedes the count, which may fail
    -- too: an event must not be logged twice.
    add_digest(id, content)
    if weight > 0 then count(item, weight, math.floor(at_ms / 1000), once) end
    results[#results + 1] = NEW
  end
end

for customer, history in pairs(histories) do
  local _, _, key = keys_of(customer)
  write_history(key, history)
end
if added_digests > 0 then
  redis.call('HINCRBY', DAYS, integer(today) .. ':marks', added_digests)
end
for day in pairs(counted_days) do
  local key = COUNTS .. ':' .. integer(day)
  if redis.call('TTL', key) < 0 then
    redis.call('EXPIREAT', key, integer((day + DAYS_COUNTED + 1) * 86400))
  end
  -- Trimmed at 110 %, so that not every new item of a full day costs a removal.
  if redis.call('ZCARD', key) > MAX_COUNTED_ITEMS * 1.1 then
    redis.call('ZREMRANGEBYRANK', key, 0, -MAX_COUNTED_ITEMS - 1)
  end
end
if next(counted_days) then redis.call('HINCRBY', EPOCHS, 'counts', 1) end
return results
