"""Claims in the store: counted exactly, once each, and given back when their holds end."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest

from recsvc.domain.offers.cap_validation import MAX_PER_CUSTOMER
from recsvc.domain.offers.claims import Claim, ClaimFailure, ClaimRefusal, ClaimState
from recsvc.domain.offers.offer import Caps, Kind, Offer, PeriodCap
from recsvc.domain.offers.stored_offer import NewOffer, StoredOffer
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import OfferId, ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.policy_clock import PolicyClock
from recsvc.stores.offers.claim_records import ClaimRecords
from recsvc.stores.offers.claims import ClaimAttempt, ClaimStore
from recsvc.stores.offers.offers import OfferStore
from recsvc.usecases.offers.counters import counters_of

SECOND = 1_000_000
DAY = 86_400 * SECOND
HOLD = 900 * SECOND
NOON = 1_800_000_000 * SECOND
DEAL = OfferId("deal: {a} *")
OFFER = Offer(DEAL, "A deal", Kind.FREE_SHIPPING)


class Clock:
    """A time that the test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


class OfferUnderTest:
    """One offer of a shop, and short ways to claim it."""

    def __init__(self, connections: Connections, shop: ShopName, clock: Clock) -> None:
        self.connections, self.shop, self.clock = connections, shop, clock
        self.offers = OfferStore(connections)
        self.claims = ClaimStore(connections, HOLD, PolicyClock(395 * DAY, clock), clock)

    def put(self, codes: list[str] | None = None, **changes: object) -> None:
        offer = replace(OFFER, **changes)
        self.offers.put_many(self.shop, [NewOffer(offer, codes)])

    @property
    def stored(self) -> StoredOffer:
        found = self.offers.get(self.shop, DEAL)
        assert found is not None
        return found

    def attempt(self, customer: CustomerKey, **more: str) -> ClaimAttempt:
        snapshot = self.claims.snapshot(self.shop, customer, DEAL)
        return ClaimAttempt(
            uuid4().hex,
            DEAL,
            customer,
            self.stored.state.revision,
            snapshot.permission,
            **more,
        )

    def claim(self, customer: CustomerKey, **more: str) -> object:
        return self.claims.claim(self.shop, self.attempt(customer, **more))

    def held(self, customer: CustomerKey, **more: str) -> Claim:
        claim = self.claim(customer, **more)
        assert isinstance(claim, Claim), claim
        return claim


def new_customer() -> CustomerKey:
    return CustomerKey(os.urandom(16))


def is_exhausted(offer: StoredOffer, now_us: int) -> bool:
    """Return True if workers treat the offer as exhausted."""
    counted = counters_of({DEAL: offer}, now_us)
    caps, left = offer.offer.caps, counted.codes_left.get(DEAL, 1)
    taken = caps.total_redeemed is not None and counted.taken[DEAL] >= caps.total_redeemed
    shown = caps.total_shown is not None and counted.shown[DEAL] >= caps.total_shown
    return taken or shown or left <= 0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def offer(connections: Connections, shop: ShopName, clock: Clock) -> OfferUnderTest:
    return OfferUnderTest(connections, shop, clock)


def test_a_claim_holds_one_redemption(offer: OfferUnderTest, customer: CustomerKey) -> None:
    """A held claim counts as taken, and its record names the customer."""
    offer.put(caps=Caps(total_redeemed=5))
    claim = offer.held(customer, channel="web")

    assert claim.expires_at_us == NOON + HOLD
    assert (offer.stored.state.taken, offer.stored.state.redeemed) == (1, 0)
    found = offer.claims.find(offer.shop, claim.claim_id)
    assert found is not None
    assert found == (replace(found[0], state=ClaimState.HELD, channel="web", at_us=NOON), customer)


def test_a_total_cap_is_never_exceeded(offer: OfferUnderTest) -> None:
    """Of many concurrent claims exactly as many succeed as the total cap permits."""
    offer.put(caps=Caps(total_redeemed=20))

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda _: offer.claim(new_customer()), range(60)))

    assert sum(isinstance(each, Claim) for each in results) == 20
    assert results.count(ClaimRefusal.NOTHING_LEFT) == 40
    assert offer.stored.state.taken == 20


def test_a_customer_cap_is_never_exceeded(offer: OfferUnderTest, customer: CustomerKey) -> None:
    """Held claims count towards the customer's cap; other customers have their own caps."""
    offer.put(caps=Caps(per_customer=PeriodCap(2)))

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: offer.claim(customer), range(10)))

    assert sum(isinstance(each, Claim) for each in results) == 2
    assert results.count(ClaimRefusal.CAPPED) == 8
    assert isinstance(offer.claim(new_customer()), Claim)


def test_a_cap_has_a_rolling_period(
    offer: OfferUnderTest, clock: Clock, customer: CustomerKey
) -> None:
    """The cap is free again in the microsecond in which the period of the first claim ends."""
    offer.put(caps=Caps(per_customer=PeriodCap(1, period_days=7)))
    claim = offer.held(customer)
    offer.claims.redeem(offer.shop, DEAL, claim.claim_id, customer)

    clock.now = NOON + 7 * DAY - 1
    assert offer.claim(customer) is ClaimRefusal.CAPPED
    clock.now += 1
    assert isinstance(offer.claim(customer), Claim)


def test_each_code_is_handed_out_once(offer: OfferUnderTest) -> None:
    """Codes are handed out in their order, each once, and then claims are refused."""
    codes = [f"C-{number}" for number in range(5)]
    offer.put(codes)

    handed = [offer.held(new_customer()).code for _ in codes]

    assert handed == codes
    assert offer.claim(new_customer()) is ClaimRefusal.NOTHING_LEFT
    assert offer.stored.state.codes_left == 0


def test_an_ended_hold_gives_back(
    offer: OfferUnderTest, clock: Clock, customer: CustomerKey
) -> None:
    """The end of a hold frees the redemption, the code and the customer's cap at once."""
    offer.put(["ONE"], caps=Caps(per_customer=PeriodCap(1), total_redeemed=1))
    offer.held(customer)

    clock.now = NOON + HOLD - 1
    assert offer.claim(new_customer()) is ClaimRefusal.NOTHING_LEFT
    clock.now += 1
    assert offer.held(customer).code == "ONE"
    assert offer.stored.state.taken == 1


def test_a_released_claim_gives_back_at_once(offer: OfferUnderTest, customer: CustomerKey) -> None:
    """A release frees the redemption and the code; a second release changes nothing."""
    offer.put(["ONE", "TWO"], caps=Caps(per_customer=PeriodCap(1)))
    claim = offer.held(customer)

    for _ in range(2):
        state = offer.claims.release(offer.shop, DEAL, claim.claim_id, customer)
        assert state is ClaimState.RELEASED
    assert (offer.stored.state.taken, offer.stored.state.codes_left) == (0, 2)
    assert offer.held(new_customer()).code == "TWO"  # a returned code is the last of the queue
    assert offer.held(new_customer()).code == "ONE"


@pytest.mark.parametrize("ends", ["released", "expired"])
def test_a_pool_of_codes_cannot_be_read_by_releasing(
    offer: OfferUnderTest, clock: Clock, customer: CustomerKey, ends: str
) -> None:
    """A customer who claims again gets the released code, not the next one of the pool."""
    offer.put([f"C-{number}" for number in range(9)], caps=Caps(per_customer=PeriodCap(2)))
    handed: list[set[str | None]] = []
    for _ in range(5):
        claims = [offer.held(customer) for _ in range(2)]
        handed.append({claim.code for claim in claims})
        clock.now += HOLD if ends == "expired" else 1
        for claim in claims:
            offer.claims.release(offer.shop, DEAL, claim.claim_id, customer)

    assert handed == [{"C-0", "C-1"}] * 5
    assert offer.held(new_customer()).code == "C-2"


def test_the_customers_own_ended_hold_is_freed_first(
    offer: OfferUnderTest, clock: Clock, customer: CustomerKey
) -> None:
    """A customer gets their code back even if one call cannot free all ended holds."""
    offer.put([f"C-{number}" for number in range(120)], caps=Caps(per_customer=PeriodCap(1)))
    for _ in range(101):
        offer.held(new_customer())
    clock.now += 1
    code = offer.held(customer).code
    clock.now += HOLD

    assert offer.held(customer).code == code


def test_a_code_of_another_customer_is_not_given_again(
    offer: OfferUnderTest, customer: CustomerKey
) -> None:
    """A released code that another customer holds returns only after that customer releases it."""
    offer.put(["ONE", "TWO", "THREE"])
    claim = offer.held(customer)
    offer.claims.release(offer.shop, DEAL, claim.claim_id, customer)
    others = [offer.held(new_customer()) for _ in range(3)]
    assert offer.claim(customer) is ClaimRefusal.NOTHING_LEFT
    for each in others:
        offer.claims.release(offer.shop, DEAL, each.claim_id, None)

    assert [each.code for each in others] == ["TWO", "THREE", "ONE"]
    assert offer.held(customer).code == "ONE"


def test_a_redeemed_code_is_followed_by_another(
    offer: OfferUnderTest, customer: CustomerKey
) -> None:
    """After a redemption the customer gets a new code, and the redeemed one is forgotten."""
    offer.put(["ONE", "TWO"])
    claim = offer.held(customer)
    offer.claims.redeem(offer.shop, DEAL, claim.claim_id, customer)

    assert offer.held(customer).code == "TWO"
    field = offer.connections.writes.hget(redis_keys.caps(offer.shop, customer), f"codes:{DEAL}")
    assert field == f"{offer.stored.state.incarnation}\nTWO".encode()


def test_returned_codes_are_bounded(offer: OfferUnderTest, customer: CustomerKey) -> None:
    """A customer's list of returned codes has at most MAX_PER_CUSTOMER codes, the latest ones."""
    codes = [f"C-{number}" for number in range(MAX_PER_CUSTOMER + 1)]
    offer.put(codes)
    for _ in codes:
        offer.held(customer)

    caps = ClaimRecords(offer.connections, offer.claims).caps(offer.shop, customer)
    assert list(caps.codes[DEAL].codes) == codes[1:]


def test_a_redeemed_claim_stays(offer: OfferUnderTest, clock: Clock, customer: CustomerKey) -> None:
    """A claim redeemed twice counts once; it neither expires nor can be released."""
    offer.put(["ONE"], caps=Caps(total_redeemed=1))
    claim = offer.held(customer)

    for _ in range(2):
        state = offer.claims.redeem(offer.shop, DEAL, claim.claim_id, customer)
        assert state is ClaimState.REDEEMED
    clock.now += 2 * HOLD
    assert offer.claims.release(offer.shop, DEAL, claim.claim_id, customer) is ClaimState.REDEEMED
    assert offer.claim(new_customer()) is ClaimRefusal.NOTHING_LEFT
    assert (offer.stored.state.taken, offer.stored.state.redeemed) == (1, 1)


@pytest.mark.parametrize("has_code", [False, True])
def test_a_late_redemption_needs_a_free_place(
    offer: OfferUnderTest, clock: Clock, has_code: bool
) -> None:
    """After its hold a claim can be redeemed only while its redemption and its code are free."""
    offer.put(["ONE"] if has_code else None, caps=Caps(total_redeemed=1))
    first, second = new_customer(), new_customer()
    late = offer.held(first)
    clock.now += HOLD
    in_time = offer.held(second)

    def redeem(claim: Claim) -> object:
        return offer.claims.redeem(offer.shop, DEAL, claim.claim_id, None)

    assert redeem(late) is ClaimRefusal.NOTHING_LEFT
    offer.claims.release(offer.shop, DEAL, in_time.claim_id, second)
    assert redeem(late) is ClaimState.REDEEMED
    assert (offer.stored.state.taken, offer.stored.state.redeemed) == (1, 1)


def test_a_claim_belongs_to_one_customer_and_offer(
    offer: OfferUnderTest, customer: CustomerKey
) -> None:
    """A claim is not found for another customer or another offer."""
    offer.put()
    claim = offer.held(customer)

    for change in (offer.claims.redeem, offer.claims.release):
        assert change(offer.shop, DEAL, claim.claim_id, new_customer()) is ClaimFailure.NOT_FOUND
        assert (
            change(offer.shop, OfferId("other"), claim.claim_id, customer) is ClaimFailure.NOT_FOUND
        )
        assert change(offer.shop, DEAL, "never", customer) is ClaimFailure.NOT_FOUND


def test_an_idempotency_key_gets_the_same_claim(
    offer: OfferUnderTest, customer: CustomerKey
) -> None:
    """A repeated key returns the same claim and code; with another request it is refused."""
    offer.put(["ONE", "TWO"])
    first = offer.held(customer, key_digest="aa", request_digest="01")
    again = offer.held(customer, key_digest="aa", request_digest="01")

    assert again == first
    assert offer.claim(customer, key_digest="aa", request_digest="02") is ClaimFailure.KEY_REUSED
    assert offer.held(customer, key_digest="bb", request_digest="01").code == "TWO"
    answer = offer.claims.snapshot(offer.shop, customer, DEAL, "aa").answer
    assert answer is not None
    assert (answer.claim, answer.request_digest) == (first, "01")


def test_an_idempotency_key_returns_no_ended_claim(
    offer: OfferUnderTest, clock: Clock, customer: CustomerKey
) -> None:
    """A repeated key is refused after the hold's end, until the claim is redeemed late."""
    offer.put(["ONE"])
    first = offer.held(customer, key_digest="aa", request_digest="01")
    clock.now += HOLD - 1
    assert offer.held(customer, key_digest="aa", request_digest="01") == first
    clock.now += 1
    assert offer.claim(customer, key_digest="aa", request_digest="01") is ClaimRefusal.ENDED
    other = offer.held(new_customer())
    assert offer.claim(customer, key_digest="aa", request_digest="01") is ClaimRefusal.ENDED

    offer.claims.release(offer.shop, DEAL, other.claim_id, None)
    offer.claims.redeem(offer.shop, DEAL, first.claim_id, customer)
    assert offer.held(customer, key_digest="aa", request_digest="01") == first


def test_an_idempotency_key_expires_after_a_day(
    offer: OfferUnderTest, clock: Clock, customer: CustomerKey
) -> None:
    """A key expires to the microsecond, even if later keys keep the hash alive."""
    offer.put()
    first = offer.held(customer, key_digest="aa", request_digest="01")
    offer.claims.redeem(offer.shop, DEAL, first.claim_id, customer)
    clock.now += DAY - 1
    assert offer.held(customer, key_digest="aa", request_digest="01") == first
    clock.now += 1
    assert offer.held(customer, key_digest="aa", request_digest="02") != first


def test_expired_answers_are_deleted(
    offer: OfferUnderTest, clock: Clock, customer: CustomerKey
) -> None:
    """Answers older than a day are deleted, even for a customer who claims every day."""
    offer.put()
    for key in ("aa", "bb", "cc"):
        offer.held(customer, key_digest=key, request_digest="01")
        clock.now += DAY

    kept = offer.connections.writes.hkeys(redis_keys.answers(offer.shop, customer))
    assert kept == [b"cc"]


def test_a_second_use_does_not_extend_the_life_of_the_first(offer: OfferUnderTest) -> None:
    """The life of a decision's uses starts with the first use."""
    offer.put()
    offer.claims.record_offer_event(offer.shop, DEAL, "shown", use="d")
    name, writes = redis_keys.spent(offer.shop, "d"), offer.connections.writes
    writes.expire(name, 60)
    offer.claims.record_offer_event(offer.shop, DEAL, "accepted", use="d")

    assert 0 < writes.ttl(name) <= 60


def test_answers_are_bounded(offer: OfferUnderTest, clock: Clock, customer: CustomerKey) -> None:
    """A customer has at most 100 stored answers; the oldest is deleted first."""
    offer.put()
    for number in range(120):
        clock.now += 1
        offer.held(customer, key_digest=f"{number:04x}", request_digest="01")

    kept = offer.connections.writes.hkeys(redis_keys.answers(offer.shop, customer))
    assert sorted(kept) == [f"{number:04x}".encode() for number in range(20, 120)]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (NOON - 1, ClaimRefusal.WINDOW),
        (NOON, None),
        (NOON + DAY - 1, None),
        (NOON + DAY, ClaimRefusal.WINDOW),
    ],
)
def test_an_offer_is_claimed_within_its_window_only(
    offer: OfferUnderTest,
    clock: Clock,
    customer: CustomerKey,
    at: int,
    expected: ClaimRefusal | None,
) -> None:
    """Claims succeed from the start of the window until just before its end."""
    offer.put(starts_at_us=NOON, ends_at_us=NOON + DAY)
    clock.now = at

    result = offer.claim(customer)

    assert (result if expected else isinstance(result, Claim)) == (expected or True)


def test_a_change_after_the_read_refuses_the_claim(
    offer: OfferUnderTest, customer: CustomerKey
) -> None:
    """A changed consent, policy or offer makes the claim CHANGED, and nothing is held."""
    offer.put()
    store, shop = offer.connections.writes, offer.shop

    def change_offer() -> None:
        offer.put(title="Another deal")

    def change_consent() -> None:
        store.hset(redis_keys.customer(shop, customer), "purpose:offers", "1 denied - - -")

    def change_policy() -> None:
        store.hset(redis_keys.epochs(shop), "policy", "{}")

    changes: list[Callable[[], None]] = [change_offer, change_consent, change_policy]
    for change in changes:
        attempt = offer.attempt(customer)
        change()
        assert offer.claims.claim(shop, attempt) is ClaimFailure.CHANGED
    assert offer.stored.state.taken == 0


def test_a_new_offer_of_the_same_id_starts_at_zero(
    offer: OfferUnderTest, clock: Clock, customer: CustomerKey
) -> None:
    """Claims of a deleted offer do not change the counters of a later offer with its id."""
    offer.put(["ONE"], caps=Caps(per_customer=PeriodCap(2)))
    held, redeemed = offer.held(customer), None
    offer.offers.delete(offer.shop, DEAL)
    offer.put(["NEW"], caps=Caps(per_customer=PeriodCap(1), total_redeemed=1))

    assert offer.held(customer).code == "NEW"
    for _ in range(2):
        redeemed = offer.claims.redeem(offer.shop, DEAL, held.claim_id, customer)
    assert redeemed is ClaimState.REDEEMED
    assert (offer.stored.state.taken, offer.stored.state.redeemed) == (1, 0)
    assert offer.stored.state.codes_left == 0


def test_codes_of_a_deleted_offer_are_not_handed_out_again(
    offer: OfferUnderTest, clock: Clock
) -> None:
    """A later offer of the same id hands out no held or redeemed codes while claims are stored."""
    codes = ["REDEEMED", "HELD", "ENDED", "FREE", "NEW"]
    offer.put(codes[:-1])
    redeemed = offer.held(new_customer())
    offer.claims.redeem(offer.shop, DEAL, redeemed.claim_id, None)
    offer.held(new_customer())
    offer.held(new_customer())
    for _ in range(2):  # also after a second deletion
        offer.offers.delete(offer.shop, DEAL)
        offer.put(codes)
        offer.put(codes)

    assert offer.stored.state.codes_left == 2
    assert [offer.held(new_customer()).code for _ in range(2)] == ["FREE", "NEW"]
    assert offer.claim(new_customer()) is ClaimRefusal.NOTHING_LEFT
    name = redis_keys.offer_retired(offer.shop, DEAL)
    left = offer.connections.writes.ttl(name)
    assert redis_keys.CLAIM_SECONDS - 60 < left <= redis_keys.CLAIM_SECONDS
    offer.connections.writes.delete(name)  # as time does
    offer.put(["HELD"])
    assert offer.held(new_customer()).code == "HELD"


def test_a_new_pool_does_not_hand_out_used_codes(offer: OfferUnderTest) -> None:
    """A code that a customer has is not handed out again when the shop sends it again."""
    offer.put(["ONE", "TWO"])
    first = offer.held(new_customer())
    offer.put(["TWO", "ONE", "THREE"])

    assert [offer.held(new_customer()).code for _ in range(2)] == ["TWO", "THREE"]
    assert offer.claim(new_customer()) is ClaimRefusal.NOTHING_LEFT
    offer.put(["FOUR"])
    offer.claims.release(offer.shop, DEAL, first.claim_id, None)
    assert offer.stored.state.codes_left == 1  # FOUR: the shop no longer names ONE


def test_exhaustion_is_published(
    offer: OfferUnderTest, clock: Clock, customer: CustomerKey
) -> None:
    """The epoch increases when the offer is exhausted and when it is available again, once each."""
    offer.put(caps=Caps(total_redeemed=2))
    epoch = offer.offers.whole(offer.shop).epoch
    offer.held(customer)
    clock.now += 1
    last = offer.held(customer)

    out = offer.offers.changes_since(offer.shop, epoch)
    assert out is not None
    changed = out.offers[DEAL]
    assert changed is not None
    assert (out.epoch, is_exhausted(changed, clock.now)) == (epoch + 1, True)
    assert (is_exhausted(changed, NOON + HOLD - 1), is_exhausted(changed, NOON + HOLD)) == (
        True,
        False,
    )

    offer.claims.release(offer.shop, DEAL, last.claim_id, customer)
    some = offer.offers.changes_since(offer.shop, out.epoch)
    assert some is not None
    again = some.offers[DEAL]
    assert again is not None
    assert (some.epoch, is_exhausted(again, clock.now)) == (epoch + 2, False)


def test_an_impression_counts_once_per_decision(
    offer: OfferUnderTest, customer: CustomerKey
) -> None:
    """An impression counts towards the total, and with permission towards the customer's cap."""
    offer.put(caps=Caps(total_shown=2, per_customer_shown=PeriodCap(5)))
    permission = offer.attempt(customer).permission

    def show(decision: str, whose: CustomerKey | None = customer) -> object:
        return offer.claims.record_offer_event(
            offer.shop, DEAL, "shown", use=decision, customer=whose, permission=permission
        )

    counted = [show("d1"), show("d1"), show("d2", None)]

    assert counted == [True, False, True]
    assert offer.stored.state.shown == 2
    assert is_exhausted(offer.stored, NOON)
    caps = offer.connections.writes.hgetall(redis_keys.caps(offer.shop, customer))
    incarnation = offer.stored.state.incarnation
    assert caps == {f"shown:{DEAL}".encode(): f"{incarnation} {NOON}".encode()}
