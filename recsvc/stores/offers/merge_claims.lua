-- Move the claims and caps of one customer to another. Running it twice changes nothing more.
--
-- KEYS: CAPS, CUSTOMER_CLAIMS, ANSWERS  of the customer that is merged away
--       INTO_CAPS, INTO_CLAIMS          of the remaining customer
--       CLAIMS                          prefix of the keys of claims
-- ARGV: INTO                   hash of the remaining customer
--       CLAIMS_SECONDS         life of the remaining customer's list of claims
--       KEEPS_SHOWN_DISMISSED  `1` when these are moved too; otherwise they are deleted
--
-- Returns nothing.

local CAPS, CUSTOMER_CLAIMS, ANSWERS, INTO_CAPS, INTO_CLAIMS, CLAIMS = unpack(KEYS, 1, 6)
local INTO, CLAIMS_SECONDS, KEEPS_SHOWN_DISMISSED = unpack(ARGV, 1, 3)

-- The time of an entry: `<claim>,<at>,<till>` or `<at>`.
local function time_of(entry)
  return tonumber(string.match(entry, '^%w+,(%d+)') or entry)
end

local function join_lines(one, other)
  local known = {}
  for line in string.gmatch(other, '[^\n]+') do known[line] = true end
  return other .. string.gsub(one, '\n([^\n]+)', function(line)
    return known[line] and '' or nil
  end)
end

local function join(kind, one, other)
  if kind == 'codes' then return join_lines(one, other) end
  local entries, known = {}, {}
  for entry in string.gmatch(one .. other, '[^ ]+') do
    if not known[entry] then entries[#entries + 1] = entry end
    known[entry] = true
  end
  table.sort(entries, function(left, right) return time_of(left) < time_of(right) end)
  return kind == 'dismissed' and ' ' .. entries[#entries] or ' ' .. table.concat(entries, ' ')
end

-- A field starts with the incarnation of its offer; the later incarnation is the one that exists.
local function move(kind, name, value)
  local stored = redis.call('HGET', INTO_CAPS, name)
  local incarnation, entries = string.match(value, '^(%d+)(.*)$')
  local into_incarnation, into_entries = string.match(stored or '', '^(%d+)(.*)$')
  if not into_incarnation or tonumber(incarnation) > tonumber(into_incarnation) then
    redis.call('HSET', INTO_CAPS, name, value)
  elseif incarnation == into_incarnation then
    redis.call('HSET', INTO_CAPS, name, incarnation .. join(kind, entries, into_entries))
  end
end

local is_behaviour = {shown = true, dismissed = true}
local stored = redis.call('HGETALL', CAPS)
for i = 1, #stored, 2 do
  local kind = string.match(stored[i], '^%l+')
  if KEEPS_SHOWN_DISMISSED == '1' or not is_behaviour[kind] then
    move(kind, stored[i], stored[i + 1])
  end
end
for _, claim in ipairs(redis.call('ZRANGE', CUSTOMER_CLAIMS, 0, -1)) do
  local key = CLAIMS .. ':' .. claim
  -- A claim may have expired: HSET would make a new key that never expires.
  if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'customer', INTO) end
end
if redis.call('EXISTS', CUSTOMER_CLAIMS) == 1 then
  redis.call('ZUNIONSTORE', INTO_CLAIMS, 2, INTO_CLAIMS, CUSTOMER_CLAIMS)
  redis.call('EXPIRE', INTO_CLAIMS, CLAIMS_SECONDS)
end
redis.call('DEL', CAPS, CUSTOMER_CLAIMS, ANSWERS)
