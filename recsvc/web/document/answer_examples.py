"""An example of each answer, by schema. A test checks each against its schema."""

from typing import Any

_MOMENT = "2026-11-05T10:00:00Z"
_DECISION_ID = "019a5b3e-1c9a-7d53-8e0f-3f1d2a7b9c10"
_CLAIM_ID = "019a5b3f-2d4b-7f11-9a1e-7c5d1b2e3f40"
_RECOMMENDATION = {
    "recommendation_id": "019a5b3d-7c61-7c52-a4b0-1de23f45a678",
    "model_version": "20261105T031500Z",
    "slate": "for_you",
    "personalized": True,
    "fallback": None,
    "items": [
        {
            "item_id": "butter",
            "score": 1.0,
            "reason": {"code": "because_you_bought", "item_id": "milk"},
            "title": "Butter, 250 g",
            "price": 2.49,
        },
        {"item_id": "bread", "score": 0.63093, "reason": {"code": "popular", "item_id": None}},
    ],
}
_PURPOSE = {
    "state": "granted",
    "permitted": True,
    "at": _MOMENT,
    "expires_at": "2027-11-05T10:00:00Z",
    "reason": None,
    "policy_version": "2",
    "source": "banner",
}
_UNKNOWN = {
    "state": "unknown",
    "at": None,
    "expires_at": None,
    "policy_version": None,
    "source": None,
}
_CONSENTS = {"purposes": {"personalization": _PURPOSE, "email": _UNKNOWN}}
_HISTORY_ROW = {
    "n": 12,
    "at": _MOMENT,
    "kind": "live",
    "subject": "personalization",
    "word": "granted",
    "said_at": None,
    "policy_version": "2",
    "source": "banner",
    "actor": None,
}
_PROFILE = {
    "attributes": {"household": 3},
    "segments": ["vip"],
    "birth_month": 5,
    "customer_since": "2024-02-29",
    "minor": False,
    "restricted": False,
    "objects_to_marketing": False,
}
_ITEM: dict[str, Any] = {
    "item_id": "milk",
    "title": "Whole milk, 1 l",
    "description": None,
    "url": "https://shop.example/milk",
    "image_url": None,
    "category": "Dairy > Milk",
    "categories": [],
    "brand": "Green Valley",
    "price": 1.29,
    "currency": "EUR",
    "attributes": {"organic": True},
    "item_group_id": None,
    "in_stock": True,
    "hidden": False,
    "sensitive": False,
    "available_from": None,
    "available_until": None,
}
_OFFER = {
    "offer_id": "dairy-10",
    "title": "10 % off all dairy",
    "kind": "percent_off",
    "value": 10,
    "categories": ["Dairy"],
    "state": {"revision": 3, "shown": 120, "accepted": 14, "taken": 9, "redeemed": 7},
}
_FAULT = {"field": "price", "detail": '"1.29" is not a number from 0 to 1e+12'}
_RESULTS = [{"status": 201}, {"status": 422, "code": "bad_item", "errors": [_FAULT]}]
_REWRITE = {"rewrite": "started"}
_HELD_MODEL = {
    "version": "20261105T031500Z",
    "created_at": _MOMENT,
    "bought": [{"item_id": "milk", "weight": 2.5}],
    "orders": 4,
    "spent": 61.2,
    "first_order": "2026-01-05T00:00:00Z",
    "last_order": "2026-10-30T00:00:00Z",
}
ANSWER_EXAMPLES: dict[str, Any] = {
    "Recommendation": _RECOMMENDATION,
    "Page": {"placements": [{"name": "top", **_RECOMMENDATION}]},
    "ConsentView": _CONSENTS,
    "HistoryAnswer": {"rows": [_HISTORY_ROW], "next_cursor": None},
    "ImportResults": {"results": [{"status": 201}, {"status": 200, "duplicate": True}]},
    "ProfileView": _PROFILE,
    "WrittenView": _PROFILE,
    "LineResults": {"results": _RESULTS},
    "ExportView": {
        "customer_id": "anna",
        "erased_at": None,
        "consents": _CONSENTS,
        "profile": _PROFILE,
        "history": [_HISTORY_ROW],
        "events": [
            {
                "message_id": "view-77",
                "type": "view",
                "customer_id": "anna",
                "item_id": "milk",
                "received_at": _MOMENT,
            }
        ],
        "impressions": [],
        "purchases": [],
        "orders": [],
        "refunds": [],
        "dismissed_items": [],
        "decisions": [],
        "claims": [],
        "offer_caps": [],
        "campaign_rows": [],
        "models": [_HELD_MODEL],
    },
    "MergeView": {
        "into": "anna",
        "was_known": True,
        "has_shared": True,
        "ended_purposes": ["email"],
        "undrained_events_removed": 2,
        "append_only_file": _REWRITE,
        "shop_removes": ["purchase files: rename the customer before the next training"],
    },
    "ReceiptView": {
        "customer": "3b0f6b8f0c9d4be2a1a7c4a6f2f0d9e1",
        "erased_at": _MOMENT,
        "removed": {"events": 12},
        "append_only_file": _REWRITE,
        "next_training": {
            "removes": "the customer's rows of the model",
            "by": "the next training",
            "until_then": "the rows are not used",
        },
        "shop_removes": ["purchase files"],
        "tombstone_ends": None,
    },
    "ItemView": _ITEM,
    "DeletedItem": {"item_id": "milk", "deleted": True},
    "EventResults": {"results": [{"status": 201}, {"status": 200, "duplicate": True}]},
    "OfferView": _OFFER,
    "OfferPage": {"offers": [_OFFER], "next_cursor": None},
    "DeletedOffer": {"offer_id": "dairy-10", "deleted": True},
    "OfferResults": {"results": _RESULTS},
    "OffersAnswer": {
        "decision_id": _DECISION_ID,
        "personalized": True,
        "fallback": None,
        "offers": [
            {
                "offer_id": "dairy-10",
                "title": "10 % off all dairy",
                "kind": "percent_off",
                "value": 10,
                "reason": {
                    "code": "because_you_buy",
                    "text": "Because you often buy Whole milk, 1 l",
                    "item_id": "milk",
                },
                "ends_at": "2030-12-01T00:00:00Z",
                "has_code": True,
            }
        ],
    },
    "ClaimView": {
        "claim_id": _CLAIM_ID,
        "expires_at": "2026-11-05T10:15:00Z",
        "code": "DAIRY-7K2P",
    },
    "ReleasedClaim": {"claim_id": _CLAIM_ID, "state": "released"},
    "DecisionView": {
        "decision_id": _DECISION_ID,
        "at": _MOMENT,
        "decision": {
            "channel": "web",
            "placement": None,
            "consent": {"personalization": {"at": _MOMENT, "policy_version": "2"}},
            "model_version": "20261105T031500Z",
            "offers_epoch": 41,
            "offered": [{"offer_id": "dairy-10", "revision": 3, "reason": "because_you_buy"}],
            "refused": {"eligibility": ["welcome-5"]},
            "considered": 2,
        },
    },
    "Alive": {"status": "alive"},
    "Ready": {"status": "ready"},
}
TEXT_EXAMPLES = {
    "text/plain": "# a text\n",
    "text/html": "<!doctype html><title>recsvc</title>",
    "text/javascript": "export {}",
    "application/json": {"openapi": "3.1.0"},
}


def problem_example(status: int, title: str) -> dict[str, Any]:
    """Return the problem document of a refusal."""
    code = "_".join(title.lower().split())
    return {
        "type": f"urn:recsvc:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": title.lower(),
        "errors": [],
    }
