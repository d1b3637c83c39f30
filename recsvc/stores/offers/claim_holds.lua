-- Include. Holds of claims: give back a redemption and its code when a hold ends.

-- include: offers/customer_caps.lua

local MAX_ENDED_HOLDS = 100 -- ended holds that one call gives back: a script blocks all other requests

local function return_code(claim)
  local code = redis.call('HGET', HANDED, claim)
  if code then
    redis.call('HDEL', HANDED, claim)
    -- A code that the shop has removed from the pool is not handed out again.
    if redis.call('SISMEMBER', POOL, code) == 1 then
      local place = redis.call('HINCRBY', STATE, 'line', 1) -- behind every free code
      redis.call('ZADD', CODES, place, code)
    end
  end
end

local function give_back(claim)
  -- The claim is in HOLDS only once, so a second call changes nothing.
  if redis.call('ZREM', HOLDS, claim) == 0 then return end
  increment('taken', -1)
  -- Workers show the offer again from the end of the first hold. If it is still exhausted then,
  -- publish_exhaustion has to publish again.
  if field('is_out') == '1' then redis.call('HSET', STATE, 'is_out', '') end
  return_code(claim)
end

local function claim_key(claim)
  return CLAIMS .. ':' .. claim
end

-- Remove a claim from those that count towards the customer's cap.
local function remove_claim(caps, claim)
  local others = {}
  for _, each in ipairs(claims_in(caps)) do
    if each.claim ~= claim then others[#others + 1] = each end
  end
  write_claims(caps, others)
end

local function expire_all(claims)
  for _, claim in ipairs(claims) do
    give_back(claim)
    if redis.call('HGET', claim_key(claim), 'word') == 'held' then
      redis.call('HSET', claim_key(claim), 'word', 'expired')
    end
  end
end

local function expire_ended_holds()
  expire_all(redis.call('ZRANGEBYSCORE', HOLDS, '-inf', integer(now), 'LIMIT', 0, MAX_ENDED_HOLDS))
end
