-- Include. Find the claim `claim` of the customer `customer` (empty: any customer).
--
-- The including script defines `claim`, `customer` and CLAIM_SECONDS, the life of a closed claim.
-- This file defines, of the claim: `key` (its key), `offer`, `incarnation` (of the offer, when the
-- claim was made), `owner` (hash of its customer), `state`, `at`, `till` (end of its hold), `code`
-- (empty: none); `caps` (key of the owner's caps), `is_of_this_incarnation` and `close`.
-- Ends the script with `unknown` when there is no such claim of this offer and customer.

local key = claim_key(claim)
local offer, incarnation, owner, state, at, till, code =
  unpack(redis.call('HMGET', key, 'offer', 'incarnation', 'customer', 'word', 'at', 'till', 'code'))
if offer ~= OFFER or (customer ~= '' and owner ~= customer) then return 'unknown' end
local caps = CAPS .. ':' .. owner
-- False for a claim of a deleted offer whose id is used again: it must not change the new counts.
local is_of_this_incarnation = field('incarnation') == incarnation

local function close(last_state)
  redis.call('HSET', key, 'word', last_state)
  redis.call('EXPIRE', key, CLAIM_SECONDS)
end
