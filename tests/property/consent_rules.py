"""What may be said and done about consent, to the service and to the oracle alike."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from recsvc.domain.consent.consent import DAY_US, Flag, Purpose
from recsvc.domain.consent.hash_chain import chain_faults
from recsvc.domain.customers.profile import NO_PROFILE
from recsvc.domain.customers.recent_events import MAX_EVENTS, RecentKind
from recsvc.domain.errors import Conflict
from recsvc.domain.events import Event, EventType
from recsvc.domain.values.customer_keys import CustomerKey, Secret
from recsvc.domain.values.ids import CustomerId, ItemId
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.consents import ImportedConsent
from recsvc.stores.customers.profiles import NewProfile
from recsvc.stores.events.events import IncomingEvent
from recsvc.usecases.access.request_access import RequestContext
from tests.consents import now_us
from tests.property.consent_oracle import MAX_AGE_DAYS, Expected, Said
from tests.property.small_service import SmallService

CUSTOMERS = ("anna", "bert")
NAMES = st.sampled_from(CUSTOMERS)
ANY_PURPOSE = st.sampled_from(Purpose)
PURPOSES = st.sets(ANY_PURPOSE, min_size=1, max_size=2) | st.just(set(Purpose))
MOSTLY = st.sampled_from([True, True, False])
VERSIONS = st.sampled_from([None, "v2", "v9", "v10"])
MINIMUMS = st.sampled_from([None, None, "v9", "v10"])
# Days before now, far from the boundary, but for what moves the clock.
AGES = st.sampled_from([1, 3, 5, 25])
BEGAN_US = now_us()
AN_HOUR = 3600


def other_than(name: str) -> str:
    return "bert" if name == "anna" else "anna"


class ConsentRules(RuleBasedStateMachine):
    """One shop, two customers. `today` is days since the example began; the clock only grows.

    `moment` grows with everything that happens.
    """

    connections: Connections
    secret: Secret
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.today, self.seen, self.live, self.events, self.moment = 0.0, 0.0, 0, 0, 0
        self.minimums: dict[Purpose, str] = {}
        self.service = SmallService(
            self.connections, self.secret, self.folder, self.clock, MAX_AGE_DAYS
        )
        self.shop = self.service.shop
        self.keys = {name: self.service.key(name) for name in CUSTOMERS}
        self.expected = {name: Expected() for name in CUSTOMERS}
        # As if one had been begun a moment ago: rewrites of the server's file are another test's.
        begun = redis_keys.rewrite_begun(self.shop)
        self.connections.writes.set(begun, now_us(), ex=AN_HOUR)

    def clock(self) -> int:
        return now_us() + int(self.today * DAY_US)

    def goes_on(self) -> int:
        self.moment += 1
        return self.moment

    @rule(name=NAMES)
    def agrees(self, name: str) -> None:
        """To everything, and nothing is known against it: nobody permits much for long else."""
        for flag in sorted(self.expected[name].flags):
            self.is_flagged(name, flag, is_set=False)
        self.says(name, set(Purpose), granted=True, version="v10")

    @rule(name=NAMES, purposes=PURPOSES, granted=MOSTLY, version=VERSIONS)
    def says(self, name: str, purposes: set[Purpose], granted: bool, version: str | None) -> None:
        """Live words: always later than every other, stamped by the store's own clock."""
        self.goes_on()
        self.live += 1
        self.service.consents.write(
            self.shop, self.keys[name], dict.fromkeys(purposes, granted), version
        )
        order = (0.0, self.live, not granted, version or "")
        for purpose in purposes:
            self.expected[name].hear(purpose, Said(granted, order, version))
        if granted:
            self.expected[name].is_erased = False

    @rule(name=NAMES, purpose=ANY_PURPOSE, granted=st.booleans(), version=VERSIONS, age=AGES)
    def said_elsewhere(
        self, name: str, purpose: Purpose, granted: bool, version: str | None, age: int
    ) -> None:
        """An import; twice, since that must be as once. Equal days are equal moments."""
        self.goes_on()
        at_us = BEGAN_US - age * DAY_US
        row = ImportedConsent(self.keys[name], purpose, granted, at_us, version)
        self.service.consents.import_many(self.shop, [row, row])
        order = (-float(age), 0, not granted, version or "")
        if self.expected[name].erased_at is None:  # all of them are of before the erasure
            self.expected[name].hear(purpose, Said(granted, order, version))

    @rule(name=NAMES)
    def is_erased(self, name: str) -> None:
        """Nothing of the customer's remains, and of the other's all; twice is as once."""
        self.service.decision_log.flush()
        key, other = self.keys[name], self.keys[other_than(name)]
        kept = self.held_of(other)
        self.service.privacy.erase(self.shop, key, "test")
        again = self.service.privacy.erase(self.shop, key, "test")
        self.expected[name].bury(self.goes_on())
        self.is_forgotten(name)

        assert set(again.removed.values()) == {0}
        assert self.held_of(key) == ({b"erased"}, [], [])
        assert self.held_of(other) == kept

    @rule(name=NAMES)
    def comes_back(self, name: str) -> None:
        """As a stranger: what was known before counts no more."""
        self.is_erased(name)
        self.agrees(name)

    @rule(name=NAMES, is_interrupted=st.booleans())
    def is_merged_into_the_other(self, name: str, is_interrupted: bool) -> None:
        """The one is left as erased; the other is permitted what both were.

        One that was interrupted after its one step is completed by whoever asks again.
        """
        into = other_than(name)
        away, stays = self.expected[name], self.expected[into]
        keys = self.keys[name], self.keys[into]
        if away.is_erased or stays.is_erased:
            with pytest.raises(Conflict):
                self.service.privacy.merge(self.shop, *keys, "test")
            return
        shared = all(self.is_permitted(each, Purpose.PERSONALIZATION) for each in CUSTOMERS)
        with_said = all(
            self.ought_to_permit(each, Purpose.PERSONALIZATION, Purpose.OFFERS)
            for each in CUSTOMERS
        )
        recent = [self.held_of(key)[1] for key in keys]
        self.service.decision_log.flush()
        if is_interrupted:
            self.service.merges.merge(self.shop, *keys)

        assert self.service.privacy.merge(self.shop, *keys, "test").has_shared is shared
        handed = {*recent[0], *recent[1]} if shared else set(recent[1])
        assert set(self.held_of(keys[1])[1]) == handed
        assert self.held_of(keys[0]) == ({b"erased"}, [], [])
        self.live += 1
        stays.take_over(away, self.live, is_shared=shared)
        away.bury(self.goes_on())
        self.is_handed_over(name, into, with_said=with_said)

    def is_forgotten(self, name: str) -> None:
        """What other rules know of the customer is gone."""

    def is_handed_over(self, name: str, into: str, *, with_said: bool) -> None:
        """What other rules know of the customer is the other's.

        `with_said`: also what was said of offers, which both permit to be used.
        """

    def held_of(self, key: CustomerKey) -> tuple[set[bytes], list[bytes], list[bytes]]:
        """Return the fields of the customer's hash, what is remembered of events, and the log's."""
        redis = self.connections.writes
        fields = set(redis.hgetall(redis_keys.customer(self.shop, key)))
        recent, purchases = (
            redis.lrange(name(self.shop, key), 0, -1)
            for name in (redis_keys.recent, redis_keys.purchases)
        )
        return (
            fields,
            recent + purchases,
            [entry.event for entry in self.service.log.entries_of(self.shop, key)],
        )

    @rule(days=st.sampled_from([2, 2, 4, 12, 20]))
    def time_passes(self, days: int) -> None:
        self.today += days
        self.holds_end()

    def holds_end(self) -> None:
        """No claim is held for that long."""

    @rule(days=st.sampled_from([3, 20]))
    def the_clock_goes_back(self, days: int) -> None:
        """For one look, which must see nothing that had expired."""
        before = self.today
        self.today -= days
        for name in CUSTOMERS:
            self.is_judged(name)
        self.today = before

    @rule(purpose=ANY_PURPOSE, minimum=MINIMUMS)
    def policy_changes(self, purpose: Purpose, minimum: str | None) -> None:
        self.goes_on()
        self.service.policy.change(self.shop, {purpose: minimum})
        self.minimums.pop(purpose, None)
        if minimum is not None:
            self.minimums[purpose] = minimum

    @rule(name=NAMES, flag=st.sampled_from(Flag), is_set=st.sampled_from([True, False, False]))
    def is_flagged(self, name: str, flag: Flag, is_set: bool) -> None:
        self.goes_on()
        new = NewProfile(self.keys[name], NO_PROFILE, {flag: is_set})
        self.service.profiles.put_many(self.shop, [new])
        (self.expected[name].flags.add if is_set else self.expected[name].flags.discard)(flag)

    @precondition(lambda self: self.events < MAX_EVENTS)
    @rule(name=NAMES)
    def does_something(self, name: str) -> None:
        """A purchase enters the log and what is remembered exactly where each is permitted."""
        self.events += 1
        key, expected, item = self.keys[name], self.expected[name], f"item-{self.events}"
        event = Event(
            f"m-{self.events}",
            EventType.PURCHASE,
            customer_id=CustomerId(name),
            item_id=ItemId(item),
        )
        self.service.events.add(self.shop, [IncomingEvent(event, key, RecentKind.PURCHASE)])
        _, remembered, logged = self.held_of(key)
        if self.is_permitted(name, Purpose.ANALYTICS):
            expected.logged.add(item)
        if self.is_permitted(name, Purpose.PERSONALIZATION):
            expected.recent.add(item)

        items = Counter(entry.split()[-1].decode() for entry in remembered)
        assert items == dict.fromkeys(expected.recent, 2)  # as an event and as a purchase
        assert len(logged) == len(expected.logged)

    def is_permitted(self, name: str, purpose: Purpose) -> bool:
        self.is_answered(name)
        return self.ought_to_permit(name, purpose)

    def ought_to_permit(self, name: str, *purposes: Purpose) -> bool:
        expected = self.expected[name]
        return all(expected.permits(each, self.seen, self.minimums) for each in purposes)

    @rule(purpose=ANY_PURPOSE)
    def is_audited(self, purpose: Purpose) -> None:
        """Whoever asks for all customers hears the same, and the history is whole."""
        found = self.service.consented_customers.permitted(self.shop, purpose).customers
        permitting = {name for name in CUSTOMERS if self.ought_to_permit(name, purpose)}
        head, last = self.service.history.head_and_last_row(self.shop)
        links = self.service.history.chained_rows(self.shop, last=last) if last else ()

        assert {self.keys[name] for name in permitting} == found
        assert list(chain_faults(self.shop, links, head)) == []

    @invariant()
    def answers_are_as_they_ought_to_be(self) -> None:
        for name in CUSTOMERS:
            self.is_answered(name)

    def is_answered(self, name: str) -> None:
        self.gets(name, self.is_judged(name))

    def is_judged(self, name: str) -> RequestContext:
        """Make a request's trip, and judge by what it brings: each purpose is as it ought to be."""
        context = self.service.context(name)
        self.seen = max(self.seen, self.today)  # what has expired does not come back
        assert context.consent is not None
        for purpose in Purpose:
            assert context.consent.permits(purpose) is self.ought_to_permit(name, purpose)
        return context

    def gets(self, name: str, context: RequestContext) -> None:
        """What other rules know of what the customer is to be answered."""
