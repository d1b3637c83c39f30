"""Every key name in the store, and how long each lives: for ever, where nothing else is said.

All keys of a shop begin with `{shop}`, braces included: Redis Cluster hashes only what stands
between them, so one shop lives in one slot and its updates can be atomic.
"""

from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import OfferId, ShopName

EPOCH_OF_KEYS = "keys"
EPOCH_OF_CATALOGUE = "catalogue"
EPOCH_OF_COUNTS = "counts"
EPOCH_OF_OFFERS = "offers"
POLICY = "policy"  # in the hash of the epochs, so that every request's trip brings it

RECENT_SECONDS = 180 * 86_400
REWRITE_SECONDS = 3600
CLAIM_SECONDS = 90 * 86_400
ANSWER_SECONDS = 86_400
SPENT_SECONDS = 8 * 86_400

ANY_API_KEYS = "{*}:api-keys"  # pattern of what `api_keys` names, over all shops


def customer(shop: ShopName, key: CustomerKey) -> str:
    """Hash: what the gate reads of one customer. Fields `purpose:<purpose>`, `flag:<flag>`."""
    return f"{{{shop}}}:customer:{key.hex()}"


def any_customer(shop: ShopName) -> str:
    """Pattern of the keys above. Shop names hold no character that a pattern would read."""
    return f"{{{shop}}}:customer:*"


def customer_of(key_name: bytes) -> CustomerKey | None:
    """Return whose key it is; None for a name that is none of ours."""
    try:
        return CustomerKey(bytes.fromhex(key_name.rpartition(b":")[2].decode()))
    except ValueError:
        return None


def history(shop: ShopName) -> str:
    """Stream: one entry `<n>-0` per change of a consent: `row`, `hash`. Never trimmed."""
    return f"{{{shop}}}:consent-history"


def history_of(shop: ShopName, key: CustomerKey) -> str:
    """List: the numbers of a customer's rows in the stream above, in their order."""
    return f"{{{shop}}}:history:{key.hex()}"


def audit_head(shop: ShopName) -> str:
    """String: how many rows the stream above has, their hash, and the time of the last."""
    return f"{{{shop}}}:audit-head"


def rewrite_due(shop: ShopName) -> str:
    """String: when something was erased that the append-only file may still hold (µs)."""
    return f"{{{shop}}}:rewrite-due"


def rewrite_begun(shop: ShopName) -> str:
    """String: when a rewrite of that file was begun (µs). Lives for REWRITE_SECONDS."""
    return f"{{{shop}}}:rewrite-begun"


def recent(shop: ShopName, key: CustomerKey) -> str:
    """List: a customer's latest events, the newest first. Lives for RECENT_SECONDS after one."""
    return f"{{{shop}}}:recent:{key.hex()}"


def purchases(shop: ShopName, key: CustomerKey) -> str:
    """List: a customer's latest purchases, the newest first. Lives for RECENT_SECONDS after one."""
    return f"{{{shop}}}:purchases:{key.hex()}"


def profile(shop: ShopName, key: CustomerKey) -> str:
    """String: JSON of what the shop told of a customer, but for the flags."""
    return f"{{{shop}}}:profile:{key.hex()}"


def api_keys(shop: ShopName) -> str:
    """Hash: SHA-256 of a key's text → its record."""
    return f"{{{shop}}}:api-keys"


def shop_of(key_name: bytes) -> ShopName:
    """Return the shop that the name of any of our keys begins with."""
    return ShopName(key_name.decode().partition("}")[0].removeprefix("{"))


def items(shop: ShopName) -> str:
    """Hash: item id → its record in the live catalogue."""
    return f"{{{shop}}}:items"


def items_log(shop: ShopName) -> str:
    """Stream: one entry `<epoch>-0` per change of the catalogue, with the ids that changed."""
    return f"{{{shop}}}:items-log"


def epochs(shop: ShopName) -> str:
    """Hash: name of what changes → how often it has changed; `policy`: JSON, purpose → version."""
    return f"{{{shop}}}:epochs"


def events(shop: ShopName) -> str:
    """Stream: the event log. Field `event`: JSON; `customer`: the hash of the customer, if any."""
    return f"{{{shop}}}:events"


def seen_days(shop: ShopName) -> str:
    """Hash: `<day>:buckets`, `<day>:marks`: how the marks below are kept, and how many."""
    return f"{{{shop}}}:seen-days"


def seen(shop: ShopName) -> str:
    """Begins the keys `…:<days since 1970>:<bucket>`: hash, mark of a message id → of its content.

    Each lives until eight days after the beginning of its day.
    """
    return f"{{{shop}}}:seen"


def counts(shop: ShopName) -> str:
    """Begins the keys below."""
    return f"{{{shop}}}:counts"


def counts_of(shop: ShopName, day: int) -> str:
    """Sorted set: item id → weight of a day's events. Lives until 15 days after the day began."""
    return f"{counts(shop)}:{day}"


def offers(shop: ShopName) -> str:
    """Hash: offer id → JSON of the offer, but for its codes."""
    return f"{{{shop}}}:offers"


def offers_log(shop: ShopName) -> str:
    """Stream: as the catalogue's; also one entry when an offer runs out, or has some again."""
    return f"{{{shop}}}:offers-log"


def offer_state(shop: ShopName, offer: OfferId) -> str:
    """Hash: what the scripts know of an offer (its caps, window, revision) and have counted."""
    return f"{{{shop}}}:offer-state:{offer}"


def offer_holds(shop: ShopName, offer: OfferId) -> str:
    """Sorted set: claim that holds one → when it ends, in microseconds since 1970."""
    return f"{{{shop}}}:offer-holds:{offer}"


def offer_codes(shop: ShopName, offer: OfferId) -> str:
    """Sorted set: the codes that nobody has → their places in line."""
    return f"{{{shop}}}:offer-line:{offer}"


def offer_pool(shop: ShopName, offer: OfferId) -> str:
    """Set: every code that the shop has named, whoever has it."""
    return f"{{{shop}}}:offer-pool:{offer}"


def offer_handed(shop: ShopName, offer: OfferId) -> str:
    """Hash: claim → the code that it was handed, held or redeemed."""
    return f"{{{shop}}}:offer-handed:{offer}"


def offer_retired(shop: ShopName, offer: OfferId) -> str:
    """Set: codes that deleted offers of the id had handed out. Lives for CLAIM_SECONDS."""
    return f"{{{shop}}}:offer-retired:{offer}"


def merging(shop: ShopName) -> str:
    """Hash: customer who is being merged away → into whom, and what is handed on. Goes with it."""
    return f"{{{shop}}}:merging"


def claims(shop: ShopName) -> str:
    """Begins the keys `…:<claim id>`: hash, all about one claim.

    Each lives for CLAIM_SECONDS after its hold or its redemption. Names its customer.
    """
    return f"{{{shop}}}:claim"


def claim(shop: ShopName, claim_id: str) -> str:
    return f"{claims(shop)}:{claim_id}"


def caps_of_all(shop: ShopName) -> str:
    """Begins the keys below."""
    return f"{{{shop}}}:caps"


def caps(shop: ShopName, key: CustomerKey) -> str:
    """Hash, per customer: what counts towards the caps of offers, over all channels.

    `taken:<offer>` → `<incarnation> <claim>,<at>,<end of the hold, or 0>…`; `shown:<offer>` →
    `<incarnation> <at>…`; `dismissed:<offer>` → `<incarnation> <at>`; times in microseconds.
    `codes:<offer>` → the incarnation and codes that were handed out and may come back, a line each.
    """
    return f"{caps_of_all(shop)}:{key.hex()}"


def answers(shop: ShopName, key: CustomerKey) -> str:
    """Hash, per customer: mark of an Idempotency-Key → the answer. Lives for ANSWER_SECONDS."""
    return f"{{{shop}}}:idempotency:{key.hex()}"


def claims_of(shop: ShopName, key: CustomerKey) -> str:
    """Sorted set, per customer: claim id → when it was made. Lives for 2 × CLAIM_SECONDS."""
    return f"{{{shop}}}:claims-of:{key.hex()}"


def spent(shop: ShopName, use: str) -> str:
    """Set: what a decision has been used for, `shown <offer>`. Lives for SPENT_SECONDS.

    `use`: the decision's id; of one for everybody, a keyed hash of it and of who used it.
    """
    return f"{{{shop}}}:spent:{use}"


def decision(shop: ShopName, decision_id: str) -> str:
    """String: JSON of one decision, with the hash of its customer. Lives as long as is set."""
    return f"{{{shop}}}:decision:{decision_id}"


def decisions_of(shop: ShopName, key: CustomerKey) -> str:
    """Sorted set, per customer: decision id → when it was made. Lives as long as the decisions."""
    return f"{{{shop}}}:decisions-of:{key.hex()}"


def decisions_log(shop: ShopName) -> str:
    """Stream: `decision`: the id of one that is kept and not drained; `customer`: the hash.

    An entry as old as decisions get goes with the next one that is made, all of it after that time
    without one.
    """
    return f"{{{shop}}}:decisions-log"
