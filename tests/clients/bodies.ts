// The least that a caller sends: each must compile against the types of openapi-typescript.
import type { components } from "./api";

type Schemas = components["schemas"];

export const view: Schemas["EventBody"] = { message_id: "1", type: "view", item_id: "milk" };
export const events: Schemas["EventsBody"] = { events: [view] };
export const consents: Schemas["ConsentBody"] = { purposes: { email: false } };
export const statement: Schemas["ConsentLine"] = {
  customer_id: "anna",
  at: "2026-11-05T10:00:00Z",
  purposes: { email: true },
};
export const offer: Schemas["OfferBody"] = { title: "A deal", kind: "free_shipping" };
export const capped: Schemas["OfferBody"] = { ...offer, caps: { per_customer: { limit: 1 } } };
export const offerLine: Schemas["OfferLine"] = { offer_id: "sale", ...offer };
export const item: Schemas["ItemBody"] = {};
export const itemLine: Schemas["ItemLine"] = { item_id: "milk" };
export const price: Schemas["ItemPatch"] = { price: 1.19 };
export const cleared: Schemas["ItemPatch"] = { brand: null };
export const profile: Schemas["ProfileBody"] = { attributes: { household: 3 } };
export const customer: Schemas["CustomerLine"] = { customer_id: "anna" };
export const basket: Schemas["BasketBody"] = { items: ["milk"] };
export const page: Schemas["PageBody"] = { placements: [{ name: "top" }] };
export const ranking: Schemas["RankingBody"] = { items: ["milk"] };
export const merge: Schemas["MergeBody"] = { into: "anna" };
export const claim: Schemas["ClaimBody"] = {};
export const release: Schemas["ReleaseBody"] = {};

// @ts-expect-error: a type of event that does not exist
export const unknownType: Schemas["EventBody"] = { message_id: "1", type: "purchased" };
// @ts-expect-error: a kind of offer that does not exist
export const unknownKind: Schemas["OfferBody"] = { title: "A deal", kind: "cheap" };
// @ts-expect-error: an event without its id
export const nameless: Schemas["EventBody"] = { type: "view", item_id: "milk" };
