"""The scripts that change consents, each in one atomic step. Commands of Redis 6.2 only.

A stamp is a number below 2^53, so Lua's doubles hold it exactly; it is formatted with %.0f,
because tostring() would round it. A stored value that does not read as we write it has no
stamp to respect: a live write replaces it, an import leaves it alone, where it denies.
"""

from recsvc.domain.consent import Purpose
from recsvc.stores.consent_fields import harmless_flags


def _table(purpose: Purpose) -> str:
    flags = ", ".join(f"['{flag}'] = true" for flag in harmless_flags(purpose))
    return f"['{purpose}'] = {{{flags}}}"


_HARMLESS = ", ".join(map(_table, Purpose))

# Also what other scripts read a consent by: nobody may read it less strictly.
READ = (
    f"local HARMLESS = {{{_HARMLESS}}}\n"
    + r"""
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function read(key, field)
  local stored = redis.call('HGET', key, field)
  if not stored then return nil, false end
  local at, word, first, tail = string.match(stored, '^(%d+) (%l+) ([^ ]+) ([^ ]+ [^ ]+)$')
  local known = at and #at <= 16 and (word == 'granted' or word == 'denied')
    and (first == '-' or (#first <= 16 and string.match(first, '^%d+$')))
  if not known then return nil, true end
  return {at = tonumber(at), word = word, first = tonumber(first), tail = tail}, true
end

-- What no yes outweighs, whatever value it has; a flag that nobody here knows may mean anything.
local function barred(key, purpose)
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if string.sub(field, 1, 5) == 'flag:' and not HARMLESS[purpose][field] then return true end
  end
  return false
end

local function keep(key, field, at, word, first, tail)
  local first_word = first and string.format('%.0f', first) or '-'
  redis.call('HSET', key, field, string.format('%.0f', at) .. ' ' .. word .. ' ' .. first_word .. ' ' .. tail)
end
"""  # noqa: E501
)

# KEYS: one customer. ARGV: the tail, then field and word of each purpose.
# A stamp is later than every earlier one of its purpose, even if the clock went back.
WRITE = (
    READ
    + r"""
for i = 2, #ARGV, 2 do
  local field, word = ARGV[i], ARGV[i + 1]
  local last = read(KEYS[1], field)
  local at = last and math.max(now, last.at + 1) or now
  local first = last and last.first
  if word == 'granted' and not first then first = at end
  keep(KEYS[1], field, at, word, first, ARGV[1])
end
return redis.call('HGETALL', KEYS[1])
"""
)

# KEYS: the customer of each row. ARGV: field, word, stamp and tail of each row.
# The latest wins; a denial wins among equals; then the greater tail, so that order is nothing.
IMPORT = (
    READ
    + r"""
local function beats(at, word, tail, last)
  if at ~= last.at then return at > last.at end
  if word ~= last.word then return word == 'denied' end
  return tail > last.tail
end

local accepted, in_future, unreadable = 0, 0, 0
for row, key in ipairs(KEYS) do
  local base = (row - 1) * 4
  local field, word, at, tail = ARGV[base + 1], ARGV[base + 2], tonumber(ARGV[base + 3]), ARGV[base + 4]
  local last, stored = read(key, field)
  if at > now then
    in_future = in_future + 1
  elseif stored and not last then
    unreadable = unreadable + 1
  else
    accepted = accepted + 1
    local first = last and last.first
    local earlier = word == 'granted' and (not first or at < first)
    if earlier then first = at end
    if not last or beats(at, word, tail, last) then
      keep(key, field, at, word, first, tail)
    elseif earlier then
      keep(key, field, last.at, last.word, first, last.tail)
    end
  end
end
return {accepted, in_future, unreadable}
"""  # noqa: E501
)
