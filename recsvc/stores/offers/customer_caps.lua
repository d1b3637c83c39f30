-- Include. Claims, impressions, dismissals and codes of one customer for one offer.
--
-- CONSTANTS: LOG_ENTRIES, MAX_PER_CUSTOMER (highest cap that an offer may have)
--
-- Each field of a customer's caps starts with the incarnation of the offer that it was written
-- for. A deleted offer and a later one of the same id differ in it, so the caps of the old one are
-- ignored.
--
--   taken:<offer>      `<incarnation> <claim>,<at>,<end of the hold, or 0: redeemed> …`
--   shown:<offer>      `<incarnation> <at> …`
--   dismissed:<offer>  `<incarnation> <at>`
--   codes:<offer>      the incarnation and the customer's returned codes, a line each

-- include: offers/offer_state.lua

local MAX_FIELDS = 1000 -- of one customer's caps, before those of deleted offers are removed

local function read_caps(caps, name)
  local stored = redis.call('HGET', caps, name) or ''
  local incarnation, rest = string.match(stored, '^(%d+)(.*)$')
  return incarnation and incarnation == field('incarnation') and rest or ''
end

-- Return the claims that count towards the cap, and the ids of those whose holds have ended.
local function claims_in(caps)
  local counted, ended = {}, {}
  for claim, at, till in string.gmatch(read_caps(caps, 'taken:' .. OFFER), ' (%w+),(%d+),(%d+)') do
    at, till = tonumber(at), tonumber(till)
    if till == 0 or till > now then
      counted[#counted + 1] = {claim = claim, at = at, till = till}
    else
      ended[#ended + 1] = claim
    end
  end
  return counted, ended
end

local function remove_caps_of_deleted_offers(caps)
  if redis.call('HLEN', caps) <= MAX_FIELDS then return end
  local state_prefix = string.sub(STATE, 1, #STATE - #OFFER)
  local stored = redis.call('HGETALL', caps)
  for i = 1, #stored, 2 do
    local offer = string.match(stored[i], '^%l+:(.*)$')
    local incarnation = offer and redis.call('HGET', state_prefix .. offer, 'incarnation')
    if not incarnation or incarnation ~= string.match(stored[i + 1], '^%d+') then
      redis.call('HDEL', caps, stored[i])
    end
  end
end

local function write_caps(caps, name, entries, separator)
  if #entries == 0 then
    redis.call('HDEL', caps, name)
  else
    table.insert(entries, 1, field('incarnation'))
    redis.call('HSET', caps, name, table.concat(entries, separator or ' '))
    remove_caps_of_deleted_offers(caps)
  end
end

-- Codes that the customer was given and may get again. A line each: a code may contain spaces.
local function codes_in(caps)
  local codes = {}
  for code in string.gmatch(read_caps(caps, 'codes:' .. OFFER), '[^\n]+') do
    codes[#codes + 1] = code
  end
  return codes
end

local function write_codes(caps, codes)
  local first = math.max(1, #codes - CONSTANTS.MAX_PER_CUSTOMER + 1)
  write_caps(caps, 'codes:' .. OFFER, {unpack(codes, first)}, '\n')
end

local function write_claims(caps, claims)
  table.sort(claims, function(one, other) return one.at < other.at end)
  local entries = {}
  for i = math.max(1, #claims - CONSTANTS.MAX_PER_CUSTOMER + 1), #claims do
    local each = claims[i]
    entries[#entries + 1] = each.claim .. ',' .. integer(each.at) .. ',' .. integer(each.till)
  end
  write_caps(caps, 'taken:' .. OFFER, entries)
end

local function is_capped(claims)
  local limit, period = number('customer_limit'), number('customer_us')
  local counted = 0
  for _, each in ipairs(claims) do
    if not period or each.at > now - period then counted = counted + 1 end
  end
  return limit and counted >= limit
end

-- Compare the customer's consent record and the policy with those that were decided on.
local function is_consent_unchanged(record, stored, policy)
  return table.concat(redis.call('HGETALL', record), '\n') == stored
    and (redis.call('HGET', EPOCHS, 'policy') or '') == policy
end
