-- Apply edits of consents and append their rows to the history, in one atomic step.
--
-- Python reads, decides and sends here both the values that it read and the new ones. The script
-- only compares and writes. A value that changed since the read stops the script before any write,
-- so no decision is applied to data that it was not made for.
--
-- KEYS: HEAD     string: number of rows in the history, hash and time of the last one
--       HISTORY  stream of rows
--       then the keys that edits and rows refer to by their number
-- ARGV: OLD_HEAD  the head as it was read
--       NEW_HEAD  the head after the rows
--       EDITS     number of edits
--       per edit: number of its key
--                 field (empty: the key is a string; `<>`: a string that expires; `[]`: a list,
--                   entries separated by \n)
--                 `1` when the old value is compared
--                 old value (empty: none)
--                 new value (empty: none)
--       per row:  its number in the history, its JSON, its hash
--                 number of the key of the customer's list of rows (0: the row has no customer)
-- CONSTANTS: RECENT_SECONDS  life of a list, and of a string that expires
--
-- Returns {DONE, ''}, {CHANGED, ''} when a compared value differs, or {HISTORY_GREW, head} when
-- another writer appended first: Python then links its rows to that head, or decides again.

local DONE, CHANGED, HISTORY_GREW = 0, 1, 2
local HEAD, HISTORY = KEYS[1], KEYS[2]
local OLD_HEAD, NEW_HEAD, EDITS = unpack(ARGV, 1, 3)
local FIRST, EDIT_SIZE, ROW_SIZE = 4, 5, 4
local FIRST_ROW = FIRST + tonumber(EDITS) * EDIT_SIZE

local function edit_at(base)
  local number, field, compares, old, new = unpack(ARGV, base, base + EDIT_SIZE - 1)
  return KEYS[tonumber(number)], field, compares == '1', old, new
end

local function row_at(base)
  local number, row, hash, list = unpack(ARGV, base, base + ROW_SIZE - 1)
  return number, row, hash, KEYS[tonumber(list)] -- KEYS[0] is nil: no customer
end

for base = FIRST, FIRST_ROW - 1, EDIT_SIZE do
  local key, field, is_compared, old = edit_at(base)
  if is_compared then
    local stored
    if field == '' or field == '<>' then stored = redis.call('GET', key)
    elseif field == '[]' then stored = table.concat(redis.call('LRANGE', key, 0, -1), '\n')
    else stored = redis.call('HGET', key, field) end
    if (stored or '') ~= old then return {CHANGED, ''} end
  end
end

if FIRST_ROW <= #ARGV then
  local head = redis.call('GET', HEAD) or ''
  if head ~= OLD_HEAD then return {HISTORY_GREW, head} end
  -- A script that fails is not rolled back. LLEN fails on a key of another type here, before the
  -- first write; RPUSH would fail after the row is in the history.
  for base = FIRST_ROW, #ARGV, ROW_SIZE do
    local _, _, _, list = row_at(base)
    if list then redis.call('LLEN', list) end
  end
  for base = FIRST_ROW, #ARGV, ROW_SIZE do
    local number, row, hash, list = row_at(base)
    redis.call('XADD', HISTORY, number .. '-0', 'row', row, 'hash', hash)
    if list then redis.call('RPUSH', list, number) end
  end
  redis.call('SET', HEAD, NEW_HEAD)
end

for base = FIRST, FIRST_ROW - 1, EDIT_SIZE do
  local key, field, _, _, new = edit_at(base)
  if field == '' then
    if new == '' then redis.call('DEL', key) else redis.call('SET', key, new) end
  elseif field == '<>' then
    redis.call('DEL', key)
    if new ~= '' then redis.call('SET', key, new, 'EX', CONSTANTS.RECENT_SECONDS) end
  elseif field == '[]' then
    redis.call('DEL', key)
    for entry in string.gmatch(new, '[^\n]+') do redis.call('RPUSH', key, entry) end
    redis.call('EXPIRE', key, CONSTANTS.RECENT_SECONDS)
  elseif new == '' then
    redis.call('HDEL', key, field)
  else
    redis.call('HSET', key, field, new)
  end
end
return {DONE, ''}
