"""The keys that every script about an offer is given, in the order that they know them by."""

from recsvc.domain.values.ids import OfferId, ShopName
from recsvc.stores.client import keys as redis_keys


def keys_of_offer(shop: ShopName, offer: OfferId) -> list[str]:
    names = (
        redis_keys.offer_state,
        redis_keys.offer_holds,
        redis_keys.offer_codes,
        redis_keys.offer_pool,
        redis_keys.offer_handed,
    )
    return [
        redis_keys.epochs(shop),
        redis_keys.offers_log(shop),
        *(name(shop, offer) for name in names),
        redis_keys.claims(shop),
        redis_keys.caps_of_all(shop),
    ]
