-- Include. Cancel the claim that find_claim.lua found, for good: a later redemption does not count.
--
-- A redeemed claim gives back its redemption, its place in the customer's cap and, where the offer
-- says so (`reuse_codes`), its code. A held claim gives back its hold.
--
-- Returns `cancelled`.

if state == 'cancelled' then return 'cancelled' end -- a replay
if is_of_this_incarnation then
  local codes = codes_in(caps)
  give_back(claim) -- of a held claim
  if state == 'redeemed' then
    increment('taken', -1)
    increment('redeemed', -1)
    if code ~= '' and field('reuse_codes') == '1' then
      return_code(claim)
      codes[#codes + 1] = code -- the customer's next claim gets it, as after a release
      write_codes(caps, codes)
    end
  end
  remove_claim(caps, claim)
end
close('cancelled')
publish_exhaustion()
return 'cancelled'
