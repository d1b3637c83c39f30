-- Include. Redeem the claim that find_claim.lua found.
--
-- Returns `redeemed`; `nothing_left`: the hold ended, and other customers have its place or code; or
-- `cancelled`: the redemption was cancelled, so a late event must not redeem the claim again.

-- A redeemed code is not given to the customer again.
local function forget_code()
  local others = {}
  for _, each in ipairs(codes_in(caps)) do
    if each ~= code then others[#others + 1] = each end
  end
  write_codes(caps, others)
end

if state == 'cancelled' then return 'cancelled' end
if state == 'redeemed' then return 'redeemed' end -- a replay: counted before
if not is_of_this_incarnation then
  close('redeemed')
  return 'redeemed'
end
if state == 'held' and tonumber(till) <= now then
  give_back(claim)
  close('expired')
  state = 'expired'
end
expire_ended_holds()
local claims, is_counted = claims_in(caps), false
if state == 'held' then
  redis.call('ZREM', HOLDS, claim) -- its redemption and code stay taken
else
  -- The hold ended: the redemption needs a free place and, if it had a code, that same code.
  local is_gone = is_capped(claims) or not has_redemptions_left()
  if is_gone or (code ~= '' and redis.call('ZREM', CODES, code) == 0) then
    publish_exhaustion()
    return 'nothing_left'
  end
  increment('taken', 1)
  if code ~= '' then redis.call('HSET', HANDED, claim, code) end
end
for _, each in ipairs(claims) do
  if each.claim == claim then each.till, is_counted = 0, true end
end
if not is_counted then claims[#claims + 1] = {claim = claim, at = tonumber(at), till = 0} end
write_claims(caps, claims)
if code ~= '' then forget_code() end
increment('redeemed', 1)
close('redeemed')
publish_exhaustion()
return 'redeemed'
