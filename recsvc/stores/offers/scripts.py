"""The Lua scripts about one offer, and the keys that all of them begin with."""

from collections.abc import Callable, Mapping

from recsvc.domain.offers.cap_validation import MAX_PER_CUSTOMER
from recsvc.domain.values.ids import OfferId, ShopName
from recsvc.stores.catalogue.change_log import LOG_ENTRIES
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.lua import load_script

# Name in offer_state.lua → key, in the order of KEYS.
OFFER_KEYS: Mapping[str, Callable[[ShopName, OfferId], str]] = {
    "EPOCHS": lambda shop, _: redis_keys.epochs(shop),
    "LOG": lambda shop, _: redis_keys.offers_log(shop),
    "STATE": redis_keys.offer_state,
    "HOLDS": redis_keys.offer_holds,
    "CODES": redis_keys.offer_codes,
    "POOL": redis_keys.offer_pool,
    "HANDED": redis_keys.offer_handed,
    "CLAIMS": lambda shop, _: redis_keys.claims(shop),
    "CAPS": lambda shop, _: redis_keys.caps_of_all(shop),
}


def keys_of_offer(shop: ShopName, offer: OfferId) -> list[str]:
    return [key(shop, offer) for key in OFFER_KEYS.values()]


def _load(name: str) -> str:
    constants = {"LOG_ENTRIES": LOG_ENTRIES, "MAX_PER_CUSTOMER": MAX_PER_CUSTOMER}
    return load_script(f"offers/{name}.lua", **constants)


PUT_OFFER = _load("put_offer")
DELETE_OFFER = _load("delete_offer")
RECORD_OFFER_EVENT = _load("record_offer_event")
CLAIM = _load("claim")
REDEEM = _load("redeem")
REDEEM_OLDEST = _load("redeem_oldest")
RELEASE = _load("release")
CANCEL = _load("cancel")
CANCEL_LATEST = _load("cancel_latest")
