-- Count an offer as shown or accepted, or store that the customer dismissed it.
--
-- KEYS: those of offer_state.lua, then
--       SPENT   set: uses of the decision, `shown <offer>`
--       RECORD  consent record of the customer
-- ARGV: OFFER, NOW, then
--       KIND           `shown`, `accepted` or `dismissed`
--       CUSTOMER       hash of the customer (empty: nothing is stored for a customer)
--       STORED         the consent record as it was read
--       POLICY         the consent policy as it was read
--       IS_ONE_USE     `1` when the event uses the decision
--       SPENT_SECONDS  life of the uses
--
-- Returns `done`, `spent` (the decision was used for this before), `unknown` (no such offer), or
-- `changed` (consent changed since it was read).

-- include: offers/customer_caps.lua

local MAX_USES = 500 -- of one decision: no answer names more offers
local SPENT, RECORD = unpack(KEYS, 10, 11)
local KIND, CUSTOMER, STORED, POLICY, IS_ONE_USE, SPENT_SECONDS = unpack(ARGV, 3, 8)
local caps = CAPS .. ':' .. CUSTOMER

if CUSTOMER ~= '' and not is_consent_unchanged(RECORD, STORED, POLICY) then return 'changed' end
if redis.call('EXISTS', STATE) == 0 then return 'unknown' end
if IS_ONE_USE == '1' then
  -- A replayed event of one decision must not use up a cap.
  if redis.call('SCARD', SPENT) >= MAX_USES then return 'spent' end
  if redis.call('SADD', SPENT, KIND .. ' ' .. OFFER) == 0 then return 'spent' end
  -- The life starts with the first use and is not extended by others.
  if redis.call('SCARD', SPENT) == 1 then redis.call('EXPIRE', SPENT, SPENT_SECONDS) end
end
if KIND == 'dismissed' then
  if CUSTOMER ~= '' then write_caps(caps, 'dismissed:' .. OFFER, {integer(now)}) end
  return 'done'
end
increment(KIND, 1)
local limit = number('shown_limit')
if KIND == 'shown' and limit and CUSTOMER ~= '' then
  local times, period = {}, number('shown_us')
  for at in string.gmatch(read_caps(caps, 'shown:' .. OFFER), ' (%d+)') do
    if not period or tonumber(at) > now - period then times[#times + 1] = at end
  end
  times[#times + 1] = integer(now)
  while #times > limit do table.remove(times, 1) end
  write_caps(caps, 'shown:' .. OFFER, times)
end
publish_exhaustion()
return 'done'
