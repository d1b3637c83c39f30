-- Redeem one claim, once.
--
-- KEYS: those of offer_state.lua
-- ARGV: OFFER, NOW, then
--       claim, customer  id of the claim, and its customer's hash (empty: any customer)
--       CLAIM_SECONDS    life of a closed claim
--
-- Returns `redeemed`, `cancelled`, `unknown` or `nothing_left`.

-- include: offers/claim_holds.lua

local claim, customer, CLAIM_SECONDS = unpack(ARGV, 3, 5)

-- include: offers/find_claim.lua

-- include: offers/redeem_claim.lua
