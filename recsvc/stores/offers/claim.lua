-- Hold one redemption of an offer for a customer, with a code if the offer has codes.
--
-- Python reads the offer and the consent and decides. The script compares the offer's revision, the
-- consent record and the policy with the store, then checks the window, the caps and the remaining
-- redemptions and codes, and holds the claim. One step: concurrent claims cannot exceed a limit.
--
-- KEYS: those of offer_state.lua, then
--       RECORD           consent record of the customer
--       ANSWERS          hash: digest of an Idempotency-Key → answer
--       CUSTOMER_CLAIMS  sorted set: claim of the customer → its time
-- ARGV: OFFER, NOW, then
--       REVISION        revision of the offer that was decided on
--       CLAIM           id of the claim
--       CUSTOMER        hash of the customer
--       HOLD_US         length of the hold
--       STORED, POLICY  the consent record and the policy as they were read
--       KEY_DIGEST        digest of the Idempotency-Key (empty: none)
--       REQUEST_DIGEST    digest of the request
--       ANSWER_SECONDS, CLAIM_SECONDS  lives of an answer and of a claim
--       CHANNEL
--
-- Returns two texts: `held` or `again` and `<claim> <end of the hold> <code>`; `refused` and the
-- reason; `reused` (the key came with another request); `changed` (read and decide again).

-- include: offers/claim_holds.lua

local MAX_ANSWERS = 100 -- of one customer; the oldest are removed
local RECORD, ANSWERS, CUSTOMER_CLAIMS = unpack(KEYS, 10, 12)
local REVISION, CLAIM, CUSTOMER, HOLD_US, STORED, POLICY = unpack(ARGV, 3, 8)
local KEY_DIGEST, REQUEST_DIGEST, ANSWER_SECONDS, CLAIM_SECONDS, CHANNEL = unpack(ARGV, 9, 13)
local claim_us = tonumber(CLAIM_SECONDS) * 1000000
local caps = CAPS .. ':' .. CUSTOMER

-- A code that the customer was given before comes first. Otherwise a customer could read the whole
-- pool by claiming and releasing.
local function next_code()
  local codes = codes_in(caps)
  for _, code in ipairs(codes) do
    if redis.call('ZREM', CODES, code) == 1 then return code end
  end
  codes[#codes + 1] = redis.call('ZPOPMIN', CODES)[1]
  write_codes(caps, codes)
  return codes[#codes]
end

-- Fields of a hash cannot expire one by one (Redis 6.2), so each answer carries its time.
local function parse_answer(text)
  local digest, at, answer = string.match(text or '', '^(%x+) (%d+) (.*)$')
  if digest and tonumber(at) > now - tonumber(ANSWER_SECONDS) * 1000000 then
    return digest, at, answer
  end
end

local function store_answer(answer)
  local all, oldest, oldest_at = redis.call('HGETALL', ANSWERS), nil, math.huge
  for i = 1, #all, 2 do
    local digest, at = parse_answer(all[i + 1])
    if not digest then
      redis.call('HDEL', ANSWERS, all[i])
    elseif tonumber(at) < oldest_at then
      oldest, oldest_at = all[i], tonumber(at)
    end
  end
  if redis.call('HLEN', ANSWERS) >= MAX_ANSWERS then redis.call('HDEL', ANSWERS, oldest) end
  redis.call('HSET', ANSWERS, KEY_DIGEST, REQUEST_DIGEST .. ' ' .. integer(now) .. ' ' .. answer)
  redis.call('EXPIRE', ANSWERS, ANSWER_SECONDS)
end

-- A replay with the same Idempotency-Key gets the same claim, but only while the claim still holds
-- its code: after its end another customer may have the code.
if KEY_DIGEST ~= '' then
  local digest, _, answer = parse_answer(redis.call('HGET', ANSWERS, KEY_DIGEST))
  if digest and digest ~= REQUEST_DIGEST then return {'reused', ''} end
  if digest then
    local key = claim_key(string.match(answer, '^%w+'))
    local state, till = unpack(redis.call('HMGET', key, 'word', 'till'))
    local is_valid = state == 'redeemed' or (state == 'held' and tonumber(till) > now)
    return is_valid and {'again', answer} or {'refused', 'ended'}
  end
end
-- The client library repeats a command after a closed connection. The claim's id is new for each
-- call of Python, so a claim of this id is the same command's first run.
local before = redis.call('HMGET', claim_key(CLAIM), 'till', 'code')
if before[1] then
  return {'again', CLAIM .. ' ' .. before[1] .. ' ' .. (before[2] or '')}
end
if field('revision') ~= REVISION or not is_consent_unchanged(RECORD, STORED, POLICY) then
  return {'changed', ''}
end
local starts, ends = number('starts_us'), number('ends_us')
if (starts and now < starts) or (ends and now >= ends) then return {'refused', 'window'} end
expire_ended_holds()
local claims, ended = claims_in(caps)
expire_all(ended) -- the customer's own, also where more than MAX_ENDED_HOLDS holds of others have ended
local reason
if is_capped(claims) then
  reason = 'capped'
elseif not has_redemptions_left() or has_no_code_left() then
  reason = 'nothing_left'
end
if reason then
  publish_exhaustion()
  return {'refused', reason}
end
local code = has_codes() and next_code() or ''
local till = now + tonumber(HOLD_US)
increment('taken', 1)
redis.call('ZADD', HOLDS, integer(till), CLAIM)
if code ~= '' then redis.call('HSET', HANDED, CLAIM, code) end
claims[#claims + 1] = {claim = CLAIM, at = now, till = till}
write_claims(caps, claims)
redis.call('HSET', claim_key(CLAIM), 'offer', OFFER, 'incarnation', field('incarnation'),
  'customer', CUSTOMER, 'word', 'held', 'at', integer(now), 'till', integer(till), 'code', code,
  'channel', CHANNEL)
redis.call('PEXPIRE', claim_key(CLAIM), integer(math.ceil((tonumber(HOLD_US) + claim_us) / 1000)))
redis.call('ZADD', CUSTOMER_CLAIMS, integer(now), CLAIM)
redis.call('ZREMRANGEBYSCORE', CUSTOMER_CLAIMS, '-inf', integer(now - 2 * claim_us))
redis.call('EXPIRE', CUSTOMER_CLAIMS, integer(2 * tonumber(CLAIM_SECONDS)))
local answer = CLAIM .. ' ' .. integer(till) .. ' ' .. code
if KEY_DIGEST ~= '' then store_answer(answer) end
publish_exhaustion()
return {'held', answer}
