"""The store counts claims as a simple oracle does, for any sequence of steps.

The oracle keeps every claim in a list and counts again at each step; the store keeps counters.
"""

from dataclasses import dataclass, field, replace
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsvc.domain.offers.claims import Claim, ClaimFailure, ClaimRefusal, ClaimState
from recsvc.domain.offers.offer import Caps, Kind, Offer, PeriodCap
from recsvc.domain.offers.stored_offer import NewOffer
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import OfferId, ShopName
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.policy_clock import PolicyClock
from recsvc.stores.offers.claim_records import ClaimRecords
from recsvc.stores.offers.claims import ClaimAttempt, ClaimStore
from recsvc.stores.offers.offers import OfferStore

DAY = 86_400_000_000
HOLD = DAY // 4
NOON = 1_800_000_000_000_000
DEAL = OfferId("deal")
CUSTOMERS = [CustomerKey(bytes([number]) * 16) for number in range(3)]

caps = st.builds(
    Caps,
    per_customer=st.none() | st.builds(PeriodCap, st.integers(1, 3), st.none() | st.integers(1, 2)),
    total_redeemed=st.none() | st.integers(1, 5),
)
pools = st.none() | st.integers(1, 4).map(lambda size: [f"C{each}" for each in range(size)])
places = st.integers(0, 20)  # of a claim among those made
steps = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), st.sampled_from(range(3))),
        st.tuples(st.just("redeem"), places),
        st.tuples(st.just("redeem_oldest"), st.sampled_from(range(3))),
        st.tuples(st.just("release"), places),
        st.tuples(st.just("cancel"), places),
        st.tuples(st.just("cancel_latest"), st.sampled_from(range(3))),
        st.tuples(st.just("wait"), st.sampled_from([1, HOLD - 1, HOLD, DAY])),
    ),
    max_size=40,
)


@dataclass
class ExpectedClaim:
    """A claim in the oracle."""

    claim: Claim
    customer: CustomerKey
    at: int
    state: ClaimState = ClaimState.HELD

    def counts(self, now: int) -> bool:
        held = self.state is ClaimState.HELD and now < self.claim.expires_at_us
        return held or self.state is ClaimState.REDEEMED


@dataclass
class Oracle:
    caps: Caps
    codes: list[str] | None
    reuse_codes: bool = False
    now: int = NOON
    made: list[ExpectedClaim] = field(default_factory=list)
    used_up: set[str | None] = field(default_factory=set)  # codes of cancelled redemptions

    def assigned(self) -> set[str | None]:
        """Return the codes that no further claim can have."""
        return {each.claim.code for each in self.made if each.counts(self.now)} | self.used_up

    def cancel(self, made: ExpectedClaim) -> None:
        if made.state is ClaimState.REDEEMED and self.codes is not None and not self.reuse_codes:
            self.used_up.add(made.claim.code)
        made.state = ClaimState.CANCELLED

    def refusal(self, customer: CustomerKey, code: str | None = None) -> ClaimRefusal | None:
        """Return the refusal of one more claim. `code`: the code it needs; None: any."""
        counting = [each for each in self.made if each.counts(self.now)]
        cap = self.caps.per_customer
        own = [each for each in counting if each.customer == customer]
        if cap is not None:
            since = self.now - (cap.period_days or 10**6) * DAY
            if sum(each.at > since for each in own) >= cap.limit:
                return ClaimRefusal.CAPPED
        total = self.caps.total_redeemed
        if total is not None and len(counting) >= total:
            return ClaimRefusal.NOTHING_LEFT
        assigned = self.assigned()
        is_exhausted = self.codes is not None and len(assigned) >= len(self.codes)
        return (
            ClaimRefusal.NOTHING_LEFT
            if is_exhausted or (code is not None and code in assigned)
            else None
        )


class Run:
    """One offer in the store and in the oracle, which must agree after every step."""

    def __init__(
        self, connections: Connections, caps: Caps, codes: list[str] | None, *, reuse_codes: bool
    ) -> None:
        self.shop = ShopName(f"shop-{uuid4().hex[:12]}")
        self.oracle = Oracle(caps, codes, reuse_codes)
        self.offers = OfferStore(connections)
        self.store = ClaimStore(
            connections,
            HOLD,
            PolicyClock(395 * DAY, lambda: self.oracle.now),
            lambda: self.oracle.now,
        )
        self.records = ClaimRecords(connections, self.store)
        offer = Offer(DEAL, "A deal", Kind.GIFT, caps=caps, reuse_codes=reuse_codes)
        self.offers.put_many(self.shop, [NewOffer(offer, codes)])

    def claim(self, number: int) -> None:
        customer, oracle = CUSTOMERS[number], self.oracle
        snapshot = self.store.snapshot(self.shop, customer, DEAL)
        assert snapshot.stored is not None
        revision = snapshot.stored.state.revision
        attempt = ClaimAttempt(uuid4().hex, DEAL, customer, revision, snapshot.permission)
        expected = oracle.refusal(customer)
        found = self.store.claim(self.shop, attempt)
        if expected is not None:
            assert found is expected
            return
        assert isinstance(found, Claim)
        assert found.expires_at_us == oracle.now + HOLD
        assigned = oracle.assigned()
        assert (found.code is None) if oracle.codes is None else (found.code in oracle.codes)
        assert found.code is None or found.code not in assigned
        once = {each.claim.code for each in oracle.made if each.customer == customer}
        assert not (once - assigned) or found.code in once
        oracle.made.append(ExpectedClaim(found, customer, oracle.now))

    def redeem(self, place: int) -> None:
        made = self._made(place)
        if made is None:
            return
        expected: ClaimState | ClaimRefusal = ClaimState.REDEEMED
        if made.state is ClaimState.CANCELLED:
            expected = ClaimState.CANCELLED
        elif not made.counts(self.oracle.now):
            refused = self.oracle.refusal(made.customer, made.claim.code)
            expected = ClaimRefusal.NOTHING_LEFT if refused else expected
        found = self.store.redeem(self.shop, DEAL, made.claim.claim_id, made.customer)
        assert found is expected
        if expected is ClaimState.REDEEMED:
            made.state = ClaimState.REDEEMED
        elif made.state is ClaimState.HELD:
            made.state = ClaimState.EXPIRED

    def redeem_oldest(self, number: int) -> None:
        customer, now = CUSTOMERS[number], self.oracle.now
        held = [
            each
            for each in self.oracle.made
            if each.customer == customer and each.state is ClaimState.HELD and each.counts(now)
        ]
        found = self.store.redeem_oldest(self.shop, DEAL, customer, uuid4().hex, now)
        assert found is (ClaimState.REDEEMED if held else ClaimFailure.NOT_FOUND)
        redeemed = [each for each in held if self._has(each, ClaimState.REDEEMED)]
        assert len(redeemed) == min(1, len(held))
        for made in redeemed:
            assert made.at == min(each.at for each in held)
            made.state = ClaimState.REDEEMED

    def release(self, place: int) -> None:
        made = self._made(place)
        if made is None:
            return
        found = self.store.release(self.shop, DEAL, made.claim.claim_id, made.customer)
        redeemed = made.state is ClaimState.REDEEMED
        assert found is not ClaimFailure.NOT_FOUND
        assert (found is ClaimState.REDEEMED) == redeemed
        is_final = made.state in (ClaimState.REDEEMED, ClaimState.CANCELLED)
        made.state = made.state if is_final else ClaimState.RELEASED

    def cancel(self, place: int) -> None:
        made = self._made(place)
        if made is None:
            return
        found = self.store.cancel(self.shop, DEAL, made.claim.claim_id, made.customer)
        assert found is ClaimState.CANCELLED
        self.oracle.cancel(made)

    def cancel_latest(self, number: int) -> None:
        customer, use = CUSTOMERS[number], uuid4().hex
        redeemed = [
            each
            for each in self.oracle.made
            if each.customer == customer and each.state is ClaimState.REDEEMED
        ]
        for _ in range(2):  # the second time is a replay
            found = self.store.cancel_latest(self.shop, DEAL, customer, use, self.oracle.now)
            assert found is (ClaimState.CANCELLED if redeemed else ClaimFailure.NOT_FOUND)
        cancelled = [each for each in redeemed if self._has(each, ClaimState.CANCELLED)]
        assert len(cancelled) == min(1, len(redeemed))
        for made in cancelled:
            assert made.at == max(each.at for each in redeemed)
            self.oracle.cancel(made)

    def wait(self, time: int) -> None:
        self.oracle.now += time

    def check(self) -> None:
        """Compare the counters. An ended hold may still count until the store removes it."""
        stored = self.offers.get(self.shop, DEAL)
        assert stored is not None
        oracle, state = self.oracle, stored.state
        counting = [each for each in oracle.made if each.counts(oracle.now)]
        ended = sum(
            each.state is ClaimState.HELD and not each.counts(oracle.now) for each in oracle.made
        )
        redeemed = sum(each.state is ClaimState.REDEEMED for each in oracle.made)
        assert state.redeemed == redeemed
        assert len(counting) <= state.taken <= len(counting) + ended
        if oracle.codes is not None:
            used_up = len(oracle.used_up)
            assert state.codes_left + state.taken + used_up == len(oracle.codes)
        for customer in CUSTOMERS:
            own = sum(each.customer == customer for each in counting)
            cap = oracle.caps.per_customer
            without_period = replace(
                stored,
                offer=replace(stored.offer, caps=Caps(per_customer=cap and PeriodCap(cap.limit))),
            )
            counts = self.records.caps(self.shop, customer).counts(
                {DEAL: without_period}, oracle.now
            )
            assert counts.redeemed.get(DEAL, 0) == own

    def _has(self, made: ExpectedClaim, state: ClaimState) -> bool:
        found = self.store.find(self.shop, made.claim.claim_id)
        return found is not None and found[0].state is state

    def _made(self, place: int) -> ExpectedClaim | None:
        made = self.oracle.made
        return made[place % len(made)] if made else None


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(caps=caps, codes=pools, reuse_codes=st.booleans(), steps=steps)
def test_the_store_counts_as_the_oracle_does(
    connections: Connections,
    caps: Caps,
    codes: list[str] | None,
    reuse_codes: bool,
    steps: list[tuple[str, int]],
) -> None:
    """After every step, the store and the oracle agree for every customer."""
    run = Run(connections, caps, codes, reuse_codes=reuse_codes)

    for step, value in steps:
        getattr(run, step)(value)
        run.check()
