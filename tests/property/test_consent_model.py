"""Whatever happens in whatever order, the service is personal exactly where a small oracle is.

The oracle knows the words that were said and nothing of how they are kept. A capability that
changes what may be done with a customer (erasure, merging, publishing, offers, campaigns) adds its
rules here: a rule does it to the service and to `self.expected` alike, and `check` compares.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from recsvc.domain.audit import findings
from recsvc.domain.consent import DAY_US, Flag, Purpose
from recsvc.domain.events import Event, EventType
from recsvc.domain.gate import Admitted, admit
from recsvc.domain.identity import CustomerKey, Secret
from recsvc.domain.ids import CustomerId, ItemId, ShopName
from recsvc.domain.profile import NO_PROFILE
from recsvc.domain.recent import RecentKind
from recsvc.stores import redis_keys
from recsvc.stores.connection import Connections
from recsvc.stores.consent_judge import ConsentJudge
from recsvc.stores.consent_policy import PolicyStore
from recsvc.stores.consents import ConsentStore, ImportedConsent
from recsvc.stores.events import EventStore, Incoming
from recsvc.stores.history import HistoryStore
from recsvc.stores.ledger import Ledger
from recsvc.stores.profiles import NewProfile, ProfileStore
from recsvc.stores.survey import ConsentSurvey
from recsvc.stores.trip import RequestTrip
from tests.consents import now_us

MAX_AGE_DAYS = 10
NAMES = st.sampled_from(["anna", "bert"])
PURPOSES = st.sampled_from([Purpose.PERSONALIZATION, Purpose.ANALYTICS, Purpose.EMAIL])
VERSIONS = st.sampled_from([None, "v2", "v9", "v10"])
MINIMUMS = st.sampled_from([None, "v9", "v10"])
# Days before now, far from the boundary, but for what moves the clock.
AGES = st.sampled_from([1, 3, 5, 15])

PROFILING = {Purpose.PERSONALIZATION, Purpose.OFFERS, Purpose.ANALYTICS, Purpose.TRAINING}
FORBIDS = {
    Flag.MINOR: PROFILING,
    Flag.RESTRICTED: set(Purpose),
    Flag.OBJECTS_TO_MARKETING: {Purpose.EMAIL, Purpose.OFFERS},
}


@dataclass
class Said:
    """A word on one purpose. `order`: day, which live word it was, a no, and the version."""

    granted: bool
    order: tuple[float, int, bool, str]
    version: str | None


@dataclass
class Expected:
    """What ought to be known of one customer."""

    words: dict[Purpose, Said] = field(default_factory=dict)
    flags: set[Flag] = field(default_factory=set)

    def hear(self, purpose: Purpose, said: Said) -> None:
        last = self.words.get(purpose)
        if last is None or said.order > last.order:
            self.words[purpose] = said

    def permits(self, purpose: Purpose, today: float, minimums: Mapping[Purpose, str]) -> bool:
        said = self.words.get(purpose)
        if said is None or not said.granted or today - said.order[0] >= MAX_AGE_DAYS:
            return False
        if purpose in minimums and number(said.version) < number(minimums[purpose]):
            return False
        return not any(purpose in FORBIDS[flag] for flag in self.flags)


def number(version: str | None) -> int:
    return -1 if version is None else int(version.removeprefix("v"))


class ConsentModel(RuleBasedStateMachine):
    """One shop, two customers. `today` is days since the example began; the clock only grows."""

    connections: Connections
    secret: Secret

    def __init__(self) -> None:
        super().__init__()
        self.shop = ShopName(f"shop-{uuid4().hex[:12]}")
        self.keys = {name: CustomerKey(os.urandom(16)) for name in ("anna", "bert")}
        self.expected = {name: Expected() for name in self.keys}
        self.minimums: dict[Purpose, str] = {}
        self.today, self.seen, self.live, self.events = 0.0, 0.0, 0, 0
        connections, ledger = self.connections, Ledger(self.connections)
        judge = ConsentJudge(MAX_AGE_DAYS * DAY_US, self.clock)
        self.judge, self.trip = judge, RequestTrip(connections)
        self.history = HistoryStore(connections)
        self.consents = ConsentStore(connections, ledger)
        self.policy = PolicyStore(connections, ledger)
        self.profiles = ProfileStore(connections, ledger)
        self.survey = ConsentSurvey(connections, self.history, judge)
        self.event_store = EventStore(connections, self.secret, 1000, judge)

    def clock(self) -> int:
        return now_us() + int(self.today * DAY_US)

    @rule(name=NAMES, purpose=PURPOSES, granted=st.booleans(), version=VERSIONS)
    def says(self, name: str, purpose: Purpose, granted: bool, version: str | None) -> None:
        """A live word: always later than every other, stamped by the store's own clock."""
        self.live += 1
        self.consents.write(self.shop, self.keys[name], {purpose: granted}, version)
        order = (0.0, self.live, not granted, version or "")
        self.expected[name].hear(purpose, Said(granted, order, version))

    @rule(name=NAMES, purpose=PURPOSES, granted=st.booleans(), version=VERSIONS, age=AGES)
    def said_elsewhere(
        self, name: str, purpose: Purpose, granted: bool, version: str | None, age: int
    ) -> None:
        """An import; twice, since that must be as once. Equal days are equal moments."""
        at_us = BEGAN_US - age * DAY_US
        row = ImportedConsent(self.keys[name], purpose, granted, at_us, version)
        self.consents.import_many(self.shop, [row, row])
        order = (-float(age), 0, not granted, version or "")
        self.expected[name].hear(purpose, Said(granted, order, version))

    @rule(days=st.sampled_from([2, 4, 8]))
    def time_passes(self, days: int) -> None:
        self.today += days

    @rule(days=st.sampled_from([3, 20]))
    def the_clock_goes_back(self, days: int) -> None:
        """For one look, which must see nothing that had expired."""
        before = self.today
        self.today -= days
        for name in self.keys:
            self.is_permitted(name, Purpose.EMAIL)
        self.today = before

    @rule(purpose=PURPOSES, minimum=MINIMUMS)
    def policy_changes(self, purpose: Purpose, minimum: str | None) -> None:
        self.policy.change(self.shop, {purpose: minimum})
        self.minimums.pop(purpose, None)
        if minimum is not None:
            self.minimums[purpose] = minimum

    @rule(name=NAMES, flag=st.sampled_from(Flag), is_set=st.booleans())
    def is_flagged(self, name: str, flag: Flag, is_set: bool) -> None:
        new = NewProfile(self.keys[name], NO_PROFILE, {flag: is_set})
        self.profiles.put_many(self.shop, [new])
        (self.expected[name].flags.add if is_set else self.expected[name].flags.discard)(flag)

    @rule(name=NAMES)
    def does_something(self, name: str) -> None:
        """An event enters the log and the list of recent ones exactly where each is permitted."""
        self.events += 1
        redis, key, item = self.connections.writes, self.keys[name], f"item-{self.events}"
        event = Event(
            f"m-{self.events}", EventType.VIEW, customer_id=CustomerId(name), item_id=ItemId(item)
        )
        logged = redis.xlen(redis_keys.events(self.shop))
        self.event_store.add(self.shop, [Incoming(event, key, RecentKind.VIEW)])
        recent = b" ".join(redis.lrange(redis_keys.recent(self.shop, key), 0, -1)).split()
        is_logged = redis.xlen(redis_keys.events(self.shop)) > logged

        assert is_logged is self.is_permitted(name, Purpose.ANALYTICS)
        assert (item.encode() in recent) is self.is_permitted(name, Purpose.PERSONALIZATION)

    @rule(name=NAMES)
    def asks(self, name: str) -> None:
        """A request's trip, and the gate: admitted exactly where it is permitted."""
        reply = self.trip.read(self.shop, self.keys[name])
        assert reply.consent is not None
        standing = self.judge.standing(reply.consent, reply.minimums)
        admission = admit(self.keys[name], standing, Purpose.PERSONALIZATION)
        expected = self.is_permitted(name, Purpose.PERSONALIZATION)

        assert isinstance(admission, Admitted) is expected

    def is_permitted(self, name: str, purpose: Purpose) -> bool:
        """Compare every way of asking with the oracle, and return its answer."""
        record = self.consents.read(self.shop, self.keys[name])
        standing = self.judge.standing(record, self.policy.get(self.shop))
        self.seen = max(self.seen, self.today)  # what has expired does not come back
        expected = self.expected[name].permits(purpose, self.seen, self.minimums)

        assert standing.permits(purpose) is expected
        return expected

    @invariant()
    def check(self) -> None:
        """Every reader says the same, and the history is whole."""
        for purpose in (Purpose.PERSONALIZATION, Purpose.EMAIL):
            permitted = {name for name in self.keys if self.is_permitted(name, purpose)}
            found = self.survey.permitted(self.shop, purpose).customers
            assert {self.keys[name] for name in permitted} == found
        head, last = self.history.ends(self.shop)
        links = self.history.walk(self.shop, last=last) if last else ()
        assert list(findings(self.shop, links, head)) == []


BEGAN_US = now_us()


def test_the_service_is_personal_where_the_oracle_is(
    connections: Connections, secret: Secret
) -> None:
    """Grants, withdrawals, imports, policies, flags, time and events in any order."""
    machine = type("Model", (ConsentModel,), {"connections": connections, "secret": secret})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=40, stateful_step_count=25, deadline=None)
    )
