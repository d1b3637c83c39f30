"""What a customer may demand: to be erased. Whoever calls has made sure that it may be asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.identity import CustomerKey
from recsvc.domain.ids import ShopName
from recsvc.domain.rights import Rewrite, RewriteState
from recsvc.stores.aof_rewrite import AofRewrite
from recsvc.stores.erasure import ErasureStore

# What only the next training removes, and by when.
NEXT_TRAINING = (
    "the customer's lists and purchases in published models, and what their purchases added to "
    "what all customers see",
    "the next `recsvc-train run --consents service` that publishes; older versions hold them until "
    "they are deleted",
)
UNTIL_THEN = "every version made before the erasure serves the customer as unknown"
SHOP_REMOVES = (
    "purchase files and drained event files that name the customer (the trainer leaves the "
    "customer out of them with --consents service, and with nothing else)",
    "backups and replicas of the store that are older than the erasure",
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an erasure did: all of it is done and on disk, but for the rewrite."""

    customer: CustomerKey
    erased_at_us: int
    removed: Mapping[str, int]
    rewrite: Rewrite


class Rights:
    def __init__(self, erasures: ErasureStore, rewrite: AofRewrite) -> None:
        self._erasures = erasures
        self._rewrite = rewrite

    def erase(self, shop: ShopName, customer: CustomerKey, actor: str) -> Receipt:
        """Erase a customer, known or not: who asks learns nothing of that but from the counts."""
        erased = self._erasures.erase(shop, customer, actor)
        return Receipt(customer, erased.at_us, erased.removed, self._rewritten(shop))

    def _rewritten(self, shop: ShopName) -> Rewrite:
        """Ask for the rewrite. The erasure is done: what befalls this is told, and no error."""
        try:
            return self._rewrite.ask(shop)
        except StoreUnavailable as fault:
            return Rewrite(RewriteState.REFUSED, fault.detail)
