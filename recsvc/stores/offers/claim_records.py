"""All stored claims and caps of one customer: read for an export, merged, erased."""

from typing import cast

from redis.typing import EncodableT as Encoded

from recsvc.domain.offers.caps import CustomerCaps, decode_caps
from recsvc.domain.offers.claims import Claim, ClaimState
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections, store_faults
from recsvc.stores.client.lua import load_script
from recsvc.stores.offers.claims import ClaimStore

_MERGE_CLAIMS = load_script("offers/merge_claims.lua")


class ClaimRecords:
    def __init__(self, connections: Connections, claims: ClaimStore) -> None:
        self._redis = connections.writes
        self._claims = claims
        self._merge = connections.writes.register_script(_MERGE_CLAIMS)

    def caps(self, shop: ShopName, key: CustomerKey) -> CustomerCaps:
        """Return the claims, impressions and dismissals that count towards the customer's caps."""
        with store_faults():
            fields = self._redis.hgetall(redis_keys.caps(shop, key))
        found = cast("dict[bytes, bytes]", fields)
        return decode_caps([part for pair in found.items() for part in pair])

    def claims(self, shop: ShopName, key: CustomerKey) -> list[Claim]:
        """Return the customer's claims that are still stored, oldest first."""
        found = (self._claims.find(shop, claim_id) for claim_id in self._ids(shop, key))
        return [each[0] for each in found if each is not None]

    def forget(self, shop: ShopName, key: CustomerKey) -> None:
        """Delete everything. Release held claims; redemptions stay counted, without a customer.

        The caller ensures that the customer cannot claim concurrently.
        """
        for claim_id in self._ids(shop, key):
            found = self._claims.find(shop, claim_id)
            if found is not None and found[0].state is ClaimState.HELD:
                self._claims.release(shop, found[0].offer_id, claim_id, key)
            with store_faults():
                self._redis.delete(redis_keys.claim(shop, claim_id))
        names = (redis_keys.caps, redis_keys.answers, redis_keys.claims_of)
        with store_faults():
            self._redis.delete(*(name(shop, key) for name in names))

    def merge(
        self, shop: ShopName, key: CustomerKey, into: CustomerKey, *, with_shown_and_dismissed: bool
    ) -> None:
        """Move everything to the customer `into`. The claims of both then count together.

        `with_shown_and_dismissed`: move these too; otherwise they are deleted.
        """
        keys = [
            redis_keys.caps(shop, key),
            redis_keys.claims_of(shop, key),
            redis_keys.answers(shop, key),
            redis_keys.caps(shop, into),
            redis_keys.claims_of(shop, into),
            redis_keys.claims(shop),
        ]
        life = 2 * redis_keys.CLAIM_SECONDS
        args: list[Encoded] = [into.hex(), life, "1" if with_shown_and_dismissed else ""]
        with store_faults():
            self._merge(keys=keys, args=args)

    def _ids(self, shop: ShopName, key: CustomerKey) -> list[str]:
        with store_faults():
            found = self._redis.zrange(redis_keys.claims_of(shop, key), 0, -1)
        return [name.decode() for name in cast("list[bytes]", found)]
