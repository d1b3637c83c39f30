"""Names and lifetimes of all keys in the store. A key without a named lifetime does not expire.

All keys of a shop begin with `{shop}`, braces included. Redis Cluster hashes only the part in
braces, so a shop is in one slot and its updates can be atomic.
"""

from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import OfferId, ShopName

EPOCH_OF_KEYS = "keys"
EPOCH_OF_CATALOGUE = "catalogue"
EPOCH_OF_COUNTS = "counts"
EPOCH_OF_OFFERS = "offers"
POLICY = "policy"  # in the hash of the epochs: each request reads it with them

RECENT_SECONDS = 180 * 86_400
REWRITE_SECONDS = 3600
CLAIM_SECONDS = 90 * 86_400
ANSWER_SECONDS = 86_400
SPENT_SECONDS = 8 * 86_400

ANY_API_KEYS = "{*}:api-keys"  # pattern of the `api_keys` of all shops


def customer(shop: ShopName, key: CustomerKey) -> str:
    """Hash: consents and flags of a customer. Fields `purpose:<purpose>`, `flag:<flag>`."""
    return f"{{{shop}}}:customer:{key.hex()}"


def any_key(shop: ShopName) -> str:
    """Pattern of all keys of a shop."""
    return f"{{{shop}}}:*"


def any_customer(shop: ShopName) -> str:
    """Pattern of the keys above. Shop names have no character that is special in a pattern."""
    return f"{{{shop}}}:customer:*"


def customer_of(key_name: bytes) -> CustomerKey | None:
    """Return the customer of a key name; None for a name of another form."""
    try:
        return CustomerKey(bytes.fromhex(key_name.rpartition(b":")[2].decode()))
    except ValueError:
        return None


def history(shop: ShopName) -> str:
    """Stream: one entry `<n>-0` per change of a consent: `row`, `hash`. Never trimmed."""
    return f"{{{shop}}}:consent-history"


def history_of(shop: ShopName, key: CustomerKey) -> str:
    """List: the numbers of a customer's rows in the stream above, in order."""
    return f"{{{shop}}}:history:{key.hex()}"


def audit_head(shop: ShopName) -> str:
    """String: number of rows in the stream above, and hash and time of the last row."""
    return f"{{{shop}}}:audit-head"


def rewrite_due(shop: ShopName) -> str:
    """String: time of an erasure that the append-only file may still contain (µs)."""
    return f"{{{shop}}}:rewrite-due"


def rewrite_begun(shop: ShopName) -> str:
    """String: start of the latest rewrite of that file (µs). Lives for REWRITE_SECONDS."""
    return f"{{{shop}}}:rewrite-begun"


def recent(shop: ShopName, key: CustomerKey) -> str:
    """List: a customer's latest events, newest first. Lives for RECENT_SECONDS after one."""
    return f"{{{shop}}}:recent:{key.hex()}"


def impressions(shop: ShopName, key: CustomerKey) -> str:
    """List: a customer's latest impressions, newest first. Lives for IMPRESSION_SECONDS."""
    return f"{{{shop}}}:impressions:{key.hex()}"


def purchases(shop: ShopName, key: CustomerKey) -> str:
    """String: a customer's purchase history. Lives for KEPT_SECONDS after its last change.

    A list of an older release is replaced.
    """
    return f"{{{shop}}}:purchases:{key.hex()}"


def profile(shop: ShopName, key: CustomerKey) -> str:
    """String: JSON of the customer's profile, without the flags."""
    return f"{{{shop}}}:profile:{key.hex()}"


def api_keys(shop: ShopName) -> str:
    """Hash: SHA-256 of an API key → its record."""
    return f"{{{shop}}}:api-keys"


def shop_of(key_name: bytes) -> ShopName:
    """Return the shop of any key name."""
    return ShopName(key_name.decode().partition("}")[0].removeprefix("{"))


def items(shop: ShopName) -> str:
    """Hash: item id → its record in the live catalogue."""
    return f"{{{shop}}}:items"


def items_log(shop: ShopName) -> str:
    """Stream: one entry `<epoch>-0` per change of the catalogue, with the changed ids."""
    return f"{{{shop}}}:items-log"


def epochs(shop: ShopName) -> str:
    """Hash: epoch name → number of changes; `policy`: JSON, purpose → version."""
    return f"{{{shop}}}:epochs"


def events(shop: ShopName) -> str:
    """Stream: the event log. `event`: JSON; `customer`: hash of the customer, if it has one."""
    return f"{{{shop}}}:events"


def seen_days(shop: ShopName) -> str:
    """Hash: `<day>:buckets`, `<day>:marks`: number of buckets and of digests of a day."""
    return f"{{{shop}}}:seen-days"


def seen(shop: ShopName) -> str:
    """Prefix of `…:<days since 1970>:<bucket>`: hash, digest of a message id → of its content.

    Each lives until eight days after the start of its day.
    """
    return f"{{{shop}}}:seen"


def counts(shop: ShopName) -> str:
    """Prefix of the keys below."""
    return f"{{{shop}}}:counts"


def counts_of(shop: ShopName, day: int) -> str:
    """Sorted set: item id → weight of a day's events. Lives until 15 days after the day's start."""
    return f"{counts(shop)}:{day}"


def offers(shop: ShopName) -> str:
    """Hash: offer id → JSON of the offer, without its codes."""
    return f"{{{shop}}}:offers"


def offers_log(shop: ShopName) -> str:
    """Stream: as the catalogue's; also an entry when an offer is exhausted or available again."""
    return f"{{{shop}}}:offers-log"


def offer_state(shop: ShopName, offer: OfferId) -> str:
    """Hash: limits of an offer (caps, window), its revision and its counters, for the scripts."""
    return f"{{{shop}}}:offer-state:{offer}"


def offer_holds(shop: ShopName, offer: OfferId) -> str:
    """Sorted set: held claim → end of the hold, in microseconds since 1970."""
    return f"{{{shop}}}:offer-holds:{offer}"


def offer_codes(shop: ShopName, offer: OfferId) -> str:
    """Sorted set: free code → its place in the queue."""
    return f"{{{shop}}}:offer-line:{offer}"


def offer_pool(shop: ShopName, offer: OfferId) -> str:
    """Set: every code that the shop gave, free or used."""
    return f"{{{shop}}}:offer-pool:{offer}"


def offer_handed(shop: ShopName, offer: OfferId) -> str:
    """Hash: claim → its code, held or redeemed."""
    return f"{{{shop}}}:offer-handed:{offer}"


def offer_retired(shop: ShopName, offer: OfferId) -> str:
    """Set: codes handed out by deleted offers of the id. Lives for CLAIM_SECONDS."""
    return f"{{{shop}}}:offer-retired:{offer}"


def merging(shop: ShopName) -> str:
    """Hash: customer in a merge → the remaining customer and the data to move. Deleted after it."""
    return f"{{{shop}}}:merging"


def claims(shop: ShopName) -> str:
    """Prefix of `…:<claim id>`: hash, one claim with its customer.

    Each lives for CLAIM_SECONDS after its hold or its redemption.
    """
    return f"{{{shop}}}:claim"


def claim(shop: ShopName, claim_id: str) -> str:
    return f"{claims(shop)}:{claim_id}"


def caps_of_all(shop: ShopName) -> str:
    """Prefix of the keys below."""
    return f"{{{shop}}}:caps"


def caps(shop: ShopName, key: CustomerKey) -> str:
    """Hash, per customer: entries that count towards the caps of offers, over all channels.

    `taken:<offer>` → `<incarnation> <claim>,<at>,<end of the hold, or 0>…`; `shown:<offer>` →
    `<incarnation> <at>…`; `dismissed:<offer>` → `<incarnation> <at>`; times in microseconds.
    `codes:<offer>` → the incarnation and the codes that the customer may get again, a line each.
    """
    return f"{caps_of_all(shop)}:{key.hex()}"


def answers(shop: ShopName, key: CustomerKey) -> str:
    """Hash, per customer: digest of an Idempotency-Key → answer. Lives for ANSWER_SECONDS."""
    return f"{{{shop}}}:idempotency:{key.hex()}"


def claims_of(shop: ShopName, key: CustomerKey) -> str:
    """Sorted set, per customer: claim id → its time. Lives for 2 × CLAIM_SECONDS."""
    return f"{{{shop}}}:claims-of:{key.hex()}"


def spent(shop: ShopName, use: str) -> str:
    """Set: the counted uses of a decision, e.g. `shown <offer>`. Lives for SPENT_SECONDS.

    `use`: the decision's id; for a generic decision a keyed hash of its id and its user.
    """
    return f"{{{shop}}}:spent:{use}"


def decision(shop: ShopName, decision_id: str) -> str:
    """String: JSON of a decision, with the hash of its customer. Lives for RECSVC_DECISION_DAYS."""
    return f"{{{shop}}}:decision:{decision_id}"


def decisions_of(shop: ShopName, key: CustomerKey) -> str:
    """Sorted set, per customer: decision id → its time. Lives as long as the decisions."""
    return f"{{{shop}}}:decisions-of:{key.hex()}"


def decisions_log(shop: ShopName) -> str:
    """Stream: `decision`: id of a stored decision that is not drained; `customer`: the hash.

    Entries older than a decision's life are deleted with the next decision; without one the whole
    stream expires.
    """
    return f"{{{shop}}}:decisions-log"
