"""An example of each request body, by schema. A test checks each and sends it to the service."""

from typing import Any

_ITEM = {
    "title": "Whole milk, 1 l",
    "category": "Dairy > Milk",
    "brand": "Green Valley",
    "price": 1.29,
    "currency": "EUR",
    "url": "https://shop.example/milk",
    "attributes": {"organic": True},
    "in_stock": True,
}
_OFFER = {
    "title": "10 % off all dairy",
    "kind": "percent_off",
    "value": 10,
    "categories": ["Dairy"],
    "channels": ["web", "email"],
    "starts_at": "2026-11-01T00:00:00Z",
    "ends_at": "2030-12-01T00:00:00Z",
    "priority": 5,
    "caps": {"per_customer": {"limit": 1, "period_days": 30}},
    "eligibility": {"min_orders": 1},
}
_PROFILE = {
    "attributes": {"household": 3},
    "segments": ["vip"],
    "birth_month": 5,
    "customer_since": "2024-02-29",
}
_CONSENT = {
    "purposes": {"personalization": True, "offers": True, "email": False},
    "policy_version": "2",
    "source": "banner",
}
BODY_EXAMPLES: dict[str, Any] = {
    "BasketBody": {"items": ["milk", "bread"], "customer_id": "anna", "n": 5},
    "PageBody": {
        "customer_id": "anna",
        "placements": [
            {"name": "top", "slate": "for_you", "n": 8},
            {"name": "below", "slate": "popular", "category": ["Dairy"]},
        ],
    },
    "RankingBody": {"items": ["milk", "bread", "butter"], "customer_id": "anna"},
    "ConsentBody": _CONSENT,
    "ConsentLine": {"customer_id": "anna", "at": "2026-11-05T10:00:00Z", **_CONSENT},
    "ProfileBody": _PROFILE,
    "CustomerLine": {"customer_id": "anna", **_PROFILE},
    "MergeBody": {"into": "anna"},
    "ItemBody": _ITEM,
    "ItemPatch": {"price": 1.19, "in_stock": False},
    "ItemLine": {"item_id": "milk", **_ITEM},
    "EventsBody": {
        "events": [
            {
                "message_id": "order-1001-1",
                "type": "purchase",
                "customer_id": "anna",
                "item_id": "milk",
                "quantity": 2,
                "price": 1.29,
                "order_id": "1001",
                "line_id": "1",
            },
            {"message_id": "view-77", "type": "view", "item_id": "milk", "session_id": "s-1"},
        ]
    },
    "OfferBody": _OFFER,
    "OfferLine": {"offer_id": "dairy-10", **_OFFER},
    "ClaimBody": {"channel": "web"},
    "ReleaseBody": {},
}
