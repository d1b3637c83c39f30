-- Release a claim: give back its redemption and its code at once.
--
-- KEYS: those of offer_state.lua
-- ARGV: OFFER, NOW, then
--       claim, customer  id of the claim, and its customer's hash (empty: any customer)
--       CLAIM_SECONDS    life of a closed claim
--
-- Returns `released`, `redeemed` (a redeemed claim stays) or `unknown`.

-- include: offers/claim_holds.lua

local claim, customer, CLAIM_SECONDS = unpack(ARGV, 3, 5)

-- include: offers/find_claim.lua

if state ~= 'held' then return state == 'redeemed' and 'redeemed' or 'released' end
if is_of_this_incarnation then
  give_back(claim)
  remove_claim(caps, claim)
end
close('released')
publish_exhaustion()
return 'released'
