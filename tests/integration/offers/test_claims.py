"""Claims in the store: counted exactly, once each, and given back when they end."""

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
    """A time that stands still until it is told."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


class Counter:
    """One shop's offer, and short ways to claim it."""

    def __init__(self, connections: Connections, shop: ShopName, clock: Clock) -> None:
        self.connections, self.shop, self.clock = connections, shop, clock
        self.offers = OfferStore(connections)
        self.claims = ClaimStore(connections, HOLD, PolicyClock(395 * DAY, clock), clock)

    def put(self, codes: list[str] | None = None, **changes: object) -> None:
        offer = replace(OFFER, **changes)  # type: ignore[arg-type]
        self.offers.put_many(self.shop, [NewOffer(offer, codes)])

    @property
    def stored(self) -> StoredOffer:
        found = self.offers.get(self.shop, DEAL)
        assert found is not None
        return found

    def asked(self, customer: CustomerKey, **more: str) -> ClaimAttempt:
        look = self.claims.snapshot(self.shop, customer, DEAL)
        return ClaimAttempt(
            uuid4().hex,
            DEAL,
            customer,
            self.stored.state.revision,
            look.permission,
            **more,  # type: ignore[arg-type]
        )

    def claim(self, customer: CustomerKey, **more: str) -> object:
        return self.claims.claim(self.shop, self.asked(customer, **more))

    def held(self, customer: CustomerKey, **more: str) -> Claim:
        claim = self.claim(customer, **more)
        assert isinstance(claim, Claim), claim
        return claim


def somebody() -> CustomerKey:
    return CustomerKey(os.urandom(16))


def is_exhausted(offer: StoredOffer, now_us: int) -> bool:
    """Whether workers take it for one of which nothing is left."""
    counted = counters_of({DEAL: offer}, now_us)
    caps, left = offer.offer.caps, counted.codes_left.get(DEAL, 1)
    taken = caps.total_redeemed is not None and counted.redeemed[DEAL] >= caps.total_redeemed
    shown = caps.total_shown is not None and counted.shown[DEAL] >= caps.total_shown
    return taken or shown or left <= 0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counter(connections: Connections, shop: ShopName, clock: Clock) -> Counter:
    return Counter(connections, shop, clock)


def test_a_claim_holds_one_until_its_time(counter: Counter, customer: CustomerKey) -> None:
    """What is held counts as taken, and its record says whose it is."""
    counter.put(caps=Caps(total_redeemed=5))
    claim = counter.held(customer, channel="web")

    assert claim.expires_at_us == NOON + HOLD
    assert (counter.stored.state.taken, counter.stored.state.redeemed) == (1, 0)
    found = counter.claims.find(counter.shop, claim.claim_id)
    assert found is not None
    assert found == (replace(found[0], state=ClaimState.HELD, channel="web", at_us=NOON), customer)


def test_a_total_is_never_passed(counter: Counter) -> None:
    """However many claim at once."""
    counter.put(caps=Caps(total_redeemed=20))

    with ThreadPoolExecutor(16) as claimants:
        results = list(claimants.map(lambda _: counter.claim(somebody()), range(60)))

    assert sum(isinstance(each, Claim) for each in results) == 20
    assert results.count(ClaimRefusal.NOTHING_LEFT) == 40
    assert counter.stored.state.taken == 20


def test_a_customer_gets_no_more_than_the_cap(counter: Counter, customer: CustomerKey) -> None:
    """Held claims count; other customers have caps of their own."""
    counter.put(caps=Caps(per_customer=PeriodCap(2)))

    with ThreadPoolExecutor(8) as claimants:
        results = list(claimants.map(lambda _: counter.claim(customer), range(10)))

    assert sum(isinstance(each, Claim) for each in results) == 2
    assert results.count(ClaimRefusal.CAPPED) == 8
    assert isinstance(counter.claim(somebody()), Claim)


def test_a_cap_rolls_on_with_its_period(
    counter: Counter, clock: Clock, customer: CustomerKey
) -> None:
    """From the very microsecond in which the period of the first claim is over."""
    counter.put(caps=Caps(per_customer=PeriodCap(1, period_days=7)))
    claim = counter.held(customer)
    counter.claims.redeem(counter.shop, DEAL, claim.claim_id, customer)

    clock.now = NOON + 7 * DAY - 1
    assert counter.claim(customer) is ClaimRefusal.CAPPED
    clock.now += 1
    assert isinstance(counter.claim(customer), Claim)


def test_each_code_is_handed_out_once(counter: Counter) -> None:
    """In their order, and then there are none."""
    codes = [f"C-{number}" for number in range(5)]
    counter.put(codes)

    handed = [counter.held(somebody()).code for _ in codes]

    assert handed == codes
    assert counter.claim(somebody()) is ClaimRefusal.NOTHING_LEFT
    assert counter.stored.state.codes_left == 0


def test_an_ended_hold_gives_back(counter: Counter, clock: Clock, customer: CustomerKey) -> None:
    """The redemption, the code and the place under the cap, exactly when it ends."""
    counter.put(["ONE"], caps=Caps(per_customer=PeriodCap(1), total_redeemed=1))
    counter.held(customer)

    clock.now = NOON + HOLD - 1
    assert counter.claim(somebody()) is ClaimRefusal.NOTHING_LEFT
    clock.now += 1
    assert counter.held(customer).code == "ONE"
    assert counter.stored.state.taken == 1


def test_a_released_claim_gives_back_at_once(counter: Counter, customer: CustomerKey) -> None:
    """Once: to release it again changes nothing."""
    counter.put(["ONE", "TWO"], caps=Caps(per_customer=PeriodCap(1)))
    claim = counter.held(customer)

    for _ in range(2):
        state = counter.claims.release(counter.shop, DEAL, claim.claim_id, customer)
        assert state is ClaimState.RELEASED
    assert (counter.stored.state.taken, counter.stored.state.codes_left) == (0, 2)
    assert counter.held(somebody()).code == "TWO"  # what came back stands at the end
    assert counter.held(somebody()).code == "ONE"


@pytest.mark.parametrize("ends", ["released", "expired"])
def test_a_pool_cannot_be_read_by_giving_back(
    counter: Counter, clock: Clock, customer: CustomerKey, ends: str
) -> None:
    """A code that comes back comes back to its customer, however often, and whoever is before."""
    counter.put([f"C-{number}" for number in range(9)], caps=Caps(per_customer=PeriodCap(2)))
    handed: list[set[str | None]] = []
    for _ in range(5):
        claims = [counter.held(customer) for _ in range(2)]
        handed.append({claim.code for claim in claims})
        clock.now += HOLD if ends == "expired" else 1
        for claim in claims:
            counter.claims.release(counter.shop, DEAL, claim.claim_id, customer)

    assert handed == [{"C-0", "C-1"}] * 5
    assert counter.held(somebody()).code == "C-2"


def test_an_ended_hold_of_ones_own_comes_back_before_those_of_others(
    counter: Counter, clock: Clock, customer: CustomerKey
) -> None:
    """However many of theirs have ended before, and wait to be given back."""
    counter.put([f"C-{number}" for number in range(120)], caps=Caps(per_customer=PeriodCap(1)))
    for _ in range(101):
        counter.held(somebody())
    clock.now += 1
    code = counter.held(customer).code
    clock.now += HOLD

    assert counter.held(customer).code == code


def test_a_code_that_another_has_does_not_come_back(
    counter: Counter, customer: CustomerKey
) -> None:
    """Nobody has it with them; it comes back once they have given it back."""
    counter.put(["ONE", "TWO", "THREE"])
    claim = counter.held(customer)
    counter.claims.release(counter.shop, DEAL, claim.claim_id, customer)
    others = [counter.held(somebody()) for _ in range(3)]
    assert counter.claim(customer) is ClaimRefusal.NOTHING_LEFT
    for each in others:
        counter.claims.release(counter.shop, DEAL, each.claim_id, None)

    assert [each.code for each in others] == ["TWO", "THREE", "ONE"]
    assert counter.held(customer).code == "ONE"


def test_a_redeemed_code_is_followed_by_another(counter: Counter, customer: CustomerKey) -> None:
    """And is remembered no longer as one that may come back."""
    counter.put(["ONE", "TWO"])
    claim = counter.held(customer)
    counter.claims.redeem(counter.shop, DEAL, claim.claim_id, customer)

    assert counter.held(customer).code == "TWO"
    field = counter.connections.writes.hget(
        redis_keys.caps(counter.shop, customer), f"codes:{DEAL}"
    )
    assert field == f"{counter.stored.state.incarnation}\nTWO".encode()


def test_the_codes_that_may_come_back_are_bounded(counter: Counter, customer: CustomerKey) -> None:
    """By the highest cap that an offer may have; the oldest go first."""
    codes = [f"C-{number}" for number in range(MAX_PER_CUSTOMER + 1)]
    counter.put(codes)
    for _ in codes:
        counter.held(customer)

    caps = ClaimRecords(counter.connections, counter.claims).caps(counter.shop, customer)
    assert list(caps.codes[DEAL].codes) == codes[1:]


def test_a_redeemed_claim_stays(counter: Counter, clock: Clock, customer: CustomerKey) -> None:
    """Redeemed twice it is redeemed once; it neither ends nor is given back."""
    counter.put(["ONE"], caps=Caps(total_redeemed=1))
    claim = counter.held(customer)

    for _ in range(2):
        state = counter.claims.redeem(counter.shop, DEAL, claim.claim_id, customer)
        assert state is ClaimState.REDEEMED
    clock.now += 2 * HOLD
    assert (
        counter.claims.release(counter.shop, DEAL, claim.claim_id, customer) is ClaimState.REDEEMED
    )
    assert counter.claim(somebody()) is ClaimRefusal.NOTHING_LEFT
    assert (counter.stored.state.taken, counter.stored.state.redeemed) == (1, 1)


@pytest.mark.parametrize("has_code", [False, True])
def test_a_late_redemption_needs_room(counter: Counter, clock: Clock, has_code: bool) -> None:
    """While there is some left it counts; where others have what it held, it does not."""
    counter.put(["ONE"] if has_code else None, caps=Caps(total_redeemed=1))
    first, second = somebody(), somebody()
    late = counter.held(first)
    clock.now += HOLD
    in_time = counter.held(second)

    def redeem(claim: Claim) -> object:
        return counter.claims.redeem(counter.shop, DEAL, claim.claim_id, None)

    assert redeem(late) is ClaimRefusal.NOTHING_LEFT
    counter.claims.release(counter.shop, DEAL, in_time.claim_id, second)
    assert redeem(late) is ClaimState.REDEEMED
    assert (counter.stored.state.taken, counter.stored.state.redeemed) == (1, 1)


def test_a_claim_is_its_customers_alone(counter: Counter, customer: CustomerKey) -> None:
    """To anybody else it is none, and so is one of another offer."""
    counter.put()
    claim = counter.held(customer)

    for who in (counter.claims.redeem, counter.claims.release):
        assert who(counter.shop, DEAL, claim.claim_id, somebody()) is ClaimFailure.NOT_FOUND
        assert (
            who(counter.shop, OfferId("other"), claim.claim_id, customer) is ClaimFailure.NOT_FOUND
        )
        assert who(counter.shop, DEAL, "never", customer) is ClaimFailure.NOT_FOUND


def test_a_key_is_answered_as_before(counter: Counter, customer: CustomerKey) -> None:
    """The same claim and code, for a day; with another request it is refused."""
    counter.put(["ONE", "TWO"])
    first = counter.held(customer, key_digest="aa", request_digest="01")
    again = counter.held(customer, key_digest="aa", request_digest="01")

    assert again == first
    assert counter.claim(customer, key_digest="aa", request_digest="02") is ClaimFailure.KEY_REUSED
    assert counter.held(customer, key_digest="bb", request_digest="01").code == "TWO"
    answer = counter.claims.snapshot(counter.shop, customer, DEAL, "aa").answer
    assert answer is not None
    assert (answer.claim, answer.request_digest) == (first, "01")


def test_a_key_brings_back_no_claim_that_has_ended(
    counter: Counter, clock: Clock, customer: CustomerKey
) -> None:
    """From the moment on at which others may have its code, until it is redeemed all the same."""
    counter.put(["ONE"])
    first = counter.held(customer, key_digest="aa", request_digest="01")
    clock.now += HOLD - 1
    assert counter.held(customer, key_digest="aa", request_digest="01") == first
    clock.now += 1
    assert counter.claim(customer, key_digest="aa", request_digest="01") is ClaimRefusal.ENDED
    other = counter.held(somebody())
    assert counter.claim(customer, key_digest="aa", request_digest="01") is ClaimRefusal.ENDED

    counter.claims.release(counter.shop, DEAL, other.claim_id, None)
    counter.claims.redeem(counter.shop, DEAL, first.claim_id, customer)
    assert counter.held(customer, key_digest="aa", request_digest="01") == first


def test_a_key_is_forgotten_after_a_day(
    counter: Counter, clock: Clock, customer: CustomerKey
) -> None:
    """To the microsecond, also where later keys keep the hash alive."""
    counter.put()
    first = counter.held(customer, key_digest="aa", request_digest="01")
    counter.claims.redeem(counter.shop, DEAL, first.claim_id, customer)
    clock.now += DAY - 1
    assert counter.held(customer, key_digest="aa", request_digest="01") == first
    clock.now += 1
    assert counter.held(customer, key_digest="aa", request_digest="02") != first


def test_an_answer_is_kept_for_a_day(counter: Counter, clock: Clock, customer: CustomerKey) -> None:
    """Also of a customer who claims every day."""
    counter.put()
    for mark in ("aa", "bb", "cc"):
        counter.held(customer, key_digest=mark, request_digest="01")
        clock.now += DAY

    kept = counter.connections.writes.hkeys(redis_keys.answers(counter.shop, customer))
    assert kept == [b"cc"]


def test_a_use_of_a_decision_is_kept_no_longer_for_a_further_one(counter: Counter) -> None:
    """Its life begins with the first."""
    counter.put()
    counter.claims.record_offer_event(counter.shop, DEAL, "shown", use="d")
    name, writes = redis_keys.spent(counter.shop, "d"), counter.connections.writes
    writes.expire(name, 60)
    counter.claims.record_offer_event(counter.shop, DEAL, "accepted", use="d")

    assert 0 < writes.ttl(name) <= 60


def test_answers_are_bounded(counter: Counter, clock: Clock, customer: CustomerKey) -> None:
    """The oldest goes first."""
    counter.put()
    for number in range(120):
        clock.now += 1
        counter.held(customer, key_digest=f"{number:04x}", request_digest="01")

    kept = counter.connections.writes.hkeys(redis_keys.answers(counter.shop, customer))
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
def test_an_offer_is_had_within_its_window(
    counter: Counter, clock: Clock, customer: CustomerKey, at: int, expected: ClaimRefusal | None
) -> None:
    """From its start on, and no longer at its end."""
    counter.put(starts_at_us=NOON, ends_at_us=NOON + DAY)
    clock.now = at

    result = counter.claim(customer)

    assert (result if expected else isinstance(result, Claim)) == (expected or True)


def test_what_has_changed_is_decided_anew(counter: Counter, customer: CustomerKey) -> None:
    """A consent, the policy, or the offer: nothing is taken on the strength of what was."""
    counter.put()
    store, shop = counter.connections.writes, counter.shop

    def change_offer() -> None:
        counter.put(title="Another deal")

    def change_consent() -> None:
        store.hset(redis_keys.customer(shop, customer), "purpose:offers", "1 denied - - -")

    def change_policy() -> None:
        store.hset(redis_keys.epochs(shop), "policy", "{}")

    changes: list[Callable[[], None]] = [change_offer, change_consent, change_policy]
    for change in changes:
        asked = counter.asked(customer)
        change()
        assert counter.claims.claim(shop, asked) is ClaimFailure.CHANGED
    assert counter.stored.state.taken == 0


def test_a_new_offer_of_that_id_starts_anew(
    counter: Counter, clock: Clock, customer: CustomerKey
) -> None:
    """Claims of the old one touch nothing of the new one."""
    counter.put(["ONE"], caps=Caps(per_customer=PeriodCap(2)))
    held, redeemed = counter.held(customer), None
    counter.offers.delete(counter.shop, DEAL)
    counter.put(["NEW"], caps=Caps(per_customer=PeriodCap(1), total_redeemed=1))

    assert counter.held(customer).code == "NEW"
    for _ in range(2):
        redeemed = counter.claims.redeem(counter.shop, DEAL, held.claim_id, customer)
    assert redeemed is ClaimState.REDEEMED
    assert (counter.stored.state.taken, counter.stored.state.redeemed) == (1, 0)
    assert counter.stored.state.codes_left == 0


def test_a_deleted_offer_keeps_its_codes_from_the_next_of_its_id(
    counter: Counter, clock: Clock
) -> None:
    """Those that somebody holds or has redeemed; for as long as claims are kept, then no longer."""
    codes = ["REDEEMED", "HELD", "ENDED", "FREE", "NEW"]
    counter.put(codes[:-1])
    redeemed = counter.held(somebody())
    counter.claims.redeem(counter.shop, DEAL, redeemed.claim_id, None)
    counter.held(somebody())
    counter.held(somebody())
    for _ in range(2):  # whatever is put and deleted between
        counter.offers.delete(counter.shop, DEAL)
        counter.put(codes)
        counter.put(codes)

    assert counter.stored.state.codes_left == 2
    assert [counter.held(somebody()).code for _ in range(2)] == ["FREE", "NEW"]
    assert counter.claim(somebody()) is ClaimRefusal.NOTHING_LEFT
    name = redis_keys.offer_retired(counter.shop, DEAL)
    left = counter.connections.writes.ttl(name)
    assert redis_keys.CLAIM_SECONDS - 60 < left <= redis_keys.CLAIM_SECONDS
    counter.connections.writes.delete(name)  # as time does
    counter.put(["HELD"])
    assert counter.held(somebody()).code == "HELD"


def test_a_code_in_somebodys_hands_is_not_put_back(counter: Counter) -> None:
    """Whatever pool is put: what was handed out is handed out to nobody else."""
    counter.put(["ONE", "TWO"])
    first = counter.held(somebody())
    counter.put(["TWO", "ONE", "THREE"])

    assert [counter.held(somebody()).code for _ in range(2)] == ["TWO", "THREE"]
    assert counter.claim(somebody()) is ClaimRefusal.NOTHING_LEFT
    counter.put(["FOUR"])
    counter.claims.release(counter.shop, DEAL, first.claim_id, None)
    assert counter.stored.state.codes_left == 1  # FOUR: the shop no longer names ONE


def test_workers_are_told_when_it_runs_out_and_when_there_is_some(
    counter: Counter, clock: Clock, customer: CustomerKey
) -> None:
    """By the epoch, once each; what ends by itself is told by its time."""
    counter.put(caps=Caps(total_redeemed=2))
    epoch = counter.offers.whole(counter.shop).epoch
    counter.held(customer)
    clock.now += 1
    last = counter.held(customer)

    out = counter.offers.changes_since(counter.shop, epoch)
    assert out is not None
    told = out.offers[DEAL]
    assert told is not None
    assert (out.epoch, is_exhausted(told, clock.now)) == (epoch + 1, True)
    assert (is_exhausted(told, NOON + HOLD - 1), is_exhausted(told, NOON + HOLD)) == (True, False)

    counter.claims.release(counter.shop, DEAL, last.claim_id, customer)
    some = counter.offers.changes_since(counter.shop, out.epoch)
    assert some is not None
    again = some.offers[DEAL]
    assert again is not None
    assert (some.epoch, is_exhausted(again, clock.now)) == (epoch + 2, False)


def test_a_showing_counts_once_for_each_decision(counter: Counter, customer: CustomerKey) -> None:
    """For everybody's total, and, of one who permits it, for the customer's own cap."""
    counter.put(caps=Caps(total_shown=2, per_customer_shown=PeriodCap(5)))
    permission = counter.asked(customer).permission

    def show(decision: str, who: CustomerKey | None = customer) -> object:
        return counter.claims.record_offer_event(
            counter.shop, DEAL, "shown", use=decision, customer=who, permission=permission
        )

    told = [show("d1"), show("d1"), show("d2", None)]

    assert told == [True, False, True]
    assert counter.stored.state.shown == 2
    assert is_exhausted(counter.stored, NOON)
    caps = counter.connections.writes.hgetall(redis_keys.caps(counter.shop, customer))
    incarnation = counter.stored.state.incarnation
    assert caps == {f"shown:{DEAL}".encode(): f"{incarnation} {NOON}".encode()}
