"""Stateful rules about consent; each acts on the service and on the oracle."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from recsvc.domain.consent.consent import DAY_US, Flag, Purpose
from recsvc.domain.consent.hash_chain import chain_faults
from recsvc.domain.customers.profile import NO_PROFILE
from recsvc.domain.customers.purchase_history import HistoryChange, decode
from recsvc.domain.customers.recent_events import MAX_EVENTS, RecentKind
from recsvc.domain.errors import Conflict
from recsvc.domain.events import Event, EventType
from recsvc.domain.values.customer_keys import CustomerKey, Secret
from recsvc.domain.values.ids import CustomerId, ItemId
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.consents import ImportedConsent
from recsvc.stores.customers.profiles import NewProfile
from recsvc.stores.events.event_arguments import IncomingEvent
from recsvc.usecases.access.request_access import RequestContext
from tests.consents import now_us
from tests.property.consent_oracle import MAX_AGE_DAYS, Expected, ExpectedStatement
from tests.property.small_service import SmallService

CUSTOMERS = ("anna", "bert")
NAMES = st.sampled_from(CUSTOMERS)
ANY_PURPOSE = st.sampled_from(Purpose)
PURPOSES = st.sets(ANY_PURPOSE, min_size=1, max_size=2) | st.just(set(Purpose))
MOSTLY = st.sampled_from([True, True, False])
VERSIONS = st.sampled_from([None, "v2", "v9", "v10"])
MINIMUMS = st.sampled_from([None, None, "v9", "v10"])
# Days before now, far from the expiry unless a rule moves the clock.
AGES = st.sampled_from([1, 3, 5, 25])
BEGAN_US = now_us()
AN_HOUR = 3600


def other_than(name: str) -> str:
    return "bert" if name == "anna" else "anna"


class ConsentRules(RuleBasedStateMachine):
    """One shop with two customers. `today`: days since the start of the example.

    `moment` counts all steps.
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
        # Suppress rewrites of the append-only file, as if one had just begun.
        begun = redis_keys.rewrite_begun(self.shop)
        self.connections.writes.set(begun, now_us(), ex=AN_HOUR)

    def clock(self) -> int:
        return now_us() + int(self.today * DAY_US)

    def next_moment(self) -> int:
        self.moment += 1
        return self.moment

    @rule(name=NAMES)
    def grants_every_purpose(self, name: str) -> None:
        """Clear every flag and grant every purpose; otherwise few examples permit anything."""
        for flag in sorted(self.expected[name].flags):
            self.sets_flag(name, flag, is_set=False)
        self.records_statement(name, set(Purpose), granted=True, version="v10")

    @rule(name=NAMES, purposes=PURPOSES, granted=MOSTLY, version=VERSIONS)
    def records_statement(
        self, name: str, purposes: set[Purpose], granted: bool, version: str | None
    ) -> None:
        """Record live statements, which are later than every other."""
        self.next_moment()
        self.live += 1
        self.service.consents.write(
            self.shop, self.keys[name], dict.fromkeys(purposes, granted), version
        )
        order = (0.0, self.live, not granted, version or "")
        for purpose in purposes:
            self.expected[name].record(purpose, ExpectedStatement(granted, order, version))
        if granted:
            self.expected[name].is_erased = False

    @rule(name=NAMES, purpose=ANY_PURPOSE, granted=st.booleans(), version=VERSIONS, age=AGES)
    def imports_statement(
        self, name: str, purpose: Purpose, granted: bool, version: str | None, age: int
    ) -> None:
        """Import a statement twice, with the effect of one import. Equal ages are equal times."""
        self.next_moment()
        at_us = BEGAN_US - age * DAY_US
        row = ImportedConsent(self.keys[name], purpose, granted, at_us, version)
        self.service.consents.import_many(self.shop, [row, row])
        order = (-float(age), 0, not granted, version or "")
        if self.expected[name].erased_at is None:  # all imported times are before the erasure
            self.expected[name].record(purpose, ExpectedStatement(granted, order, version))

    @rule(name=NAMES)
    def erases(self, name: str) -> None:
        """Erase a customer twice; no data remains, and the other customer's is unchanged."""
        self.service.decision_log.flush()
        key, other = self.keys[name], self.keys[other_than(name)]
        before = self.stored_data_of(other)
        self.service.privacy.erase(self.shop, key, "test")
        again = self.service.privacy.erase(self.shop, key, "test")
        self.expected[name].erase(self.next_moment())
        self.forget_other_data(name)

        assert set(again.removed.values()) == {0}
        assert self.stored_data_of(key) == ({b"erased"}, [], [])
        assert self.stored_data_of(other) == before

    @rule(name=NAMES)
    def readmits(self, name: str) -> None:
        """Erase and re-admit a customer: the earlier data does not count."""
        self.erases(name)
        self.grants_every_purpose(name)

    @rule(name=NAMES, is_interrupted=st.booleans())
    def merges_customers(self, name: str, is_interrupted: bool) -> None:
        """Merge a customer into the other, whose grants end where the merged customer refused.

        A merge that was interrupted after its atomic step is completed by the next call. A customer
        without data changes nothing.
        """
        into = other_than(name)
        away, remaining = self.expected[name], self.expected[into]
        keys = self.keys[name], self.keys[into]
        if away.is_erased or remaining.is_erased:
            with pytest.raises(Conflict):
                self.service.privacy.merge(self.shop, *keys, "test")
            return
        if not self.has_data(keys[0]):
            before = self.stored_data_of(keys[1])
            assert not self.service.privacy.merge(self.shop, *keys, "test").was_known
            assert (self.stored_data_of(keys[0]), self.stored_data_of(keys[1])) == (
                (set(), [], []),
                before,
            )
            return
        shared = all(self.is_permitted(each, Purpose.PERSONALIZATION) for each in CUSTOMERS)
        with_offer_events = all(
            self.expects_permission(each, Purpose.PERSONALIZATION, Purpose.OFFERS)
            for each in CUSTOMERS
        )
        recent = [self.stored_data_of(key)[1] for key in keys]
        self.service.decision_log.flush()
        if is_interrupted:
            self.service.merges.merge(self.shop, *keys)

        assert self.service.privacy.merge(self.shop, *keys, "test").has_shared is shared
        expected = {*recent[0], *recent[1]} if shared else set(recent[1])
        assert set(self.stored_data_of(keys[1])[1]) == expected
        assert self.stored_data_of(keys[0]) == ({b"erased"}, [], [])
        self.live += 1
        remaining.merge(away, self.live, is_shared=shared)
        away.erase(self.next_moment())
        self.hand_over_other_data(name, into, with_offer_events=with_offer_events)

    def forget_other_data(self, name: str) -> None:
        """Remove the expectations of other rules about an erased customer."""

    def hand_over_other_data(self, name: str, into: str, *, with_offer_events: bool) -> None:
        """Hand over the expectations of other rules. `with_offer_events`: both permit offers."""

    def has_data(self, key: CustomerKey) -> bool:
        profile = self.connections.writes.get(redis_keys.profile(self.shop, key))
        return profile is not None or any(self.stored_data_of(key))

    def stored_data_of(self, key: CustomerKey) -> tuple[set[bytes], list[bytes], list[bytes]]:
        """Return the fields of the customer's hash, the recent activity, and the logged events."""
        redis = self.connections.writes
        fields = set(redis.hgetall(redis_keys.customer(self.shop, key)))
        recent = redis.lrange(redis_keys.recent(self.shop, key), 0, -1)
        history = decode(redis.get(redis_keys.purchases(self.shop, key)) or b"")
        purchases = [b"p %b" % item.item_id.encode() for item in history.items]
        return (
            fields,
            recent + purchases,
            [entry.event for entry in self.service.log.entries_of(self.shop, key)],
        )

    @rule(days=st.sampled_from([2, 2, 4, 12, 20]))
    def time_passes(self, days: int) -> None:
        self.today += days
        self.expire_held_claims()

    def expire_held_claims(self) -> None:
        """Expire the held claims, which last less than a step of time."""

    @rule(days=st.sampled_from([3, 20]))
    def clock_goes_back(self, days: int) -> None:
        """Set the clock back for one check; expired grants stay expired."""
        before = self.today
        self.today -= days
        for name in CUSTOMERS:
            self.check_consent(name)
        self.today = before

    @rule(purpose=ANY_PURPOSE, minimum=MINIMUMS)
    def policy_changes(self, purpose: Purpose, minimum: str | None) -> None:
        self.next_moment()
        self.service.policy.change(self.shop, {purpose: minimum})
        self.minimums.pop(purpose, None)
        if minimum is not None:
            self.minimums[purpose] = minimum

    @rule(name=NAMES, flag=st.sampled_from(Flag), is_set=st.sampled_from([True, False, False]))
    def sets_flag(self, name: str, flag: Flag, is_set: bool) -> None:
        self.next_moment()
        new = NewProfile(self.keys[name], NO_PROFILE, {flag: is_set})
        self.service.profiles.put_many(self.shop, [new])
        (self.expected[name].flags.add if is_set else self.expected[name].flags.discard)(flag)

    @precondition(lambda self: self.events < MAX_EVENTS)
    @rule(name=NAMES)
    def purchases_item(self, name: str) -> None:
        """Send a purchase; it is logged and remembered only if the purpose of each is permitted."""
        self.events += 1
        key, expected, item = self.keys[name], self.expected[name], f"item-{self.events}"
        event = Event(
            f"m-{self.events}",
            EventType.PURCHASE,
            customer_id=CustomerId(name),
            item_id=ItemId(item),
        )
        incoming = IncomingEvent(event, key, RecentKind.PURCHASE, HistoryChange.PURCHASE)
        self.service.events.add(self.shop, [incoming])
        _, recent, logged = self.stored_data_of(key)
        if self.is_permitted(name, Purpose.ANALYTICS):
            expected.logged.add(item)
        if self.is_permitted(name, Purpose.PERSONALIZATION):
            expected.recent.add(item)

        items = Counter(entry.split()[-1].decode() for entry in recent)
        assert items == dict.fromkeys(expected.recent, 2)  # as an event and as a purchase
        assert len(logged) == len(expected.logged)

    def is_permitted(self, name: str, purpose: Purpose) -> bool:
        self.check_answers(name)
        return self.expects_permission(name, purpose)

    def expects_permission(self, name: str, *purposes: Purpose) -> bool:
        expected = self.expected[name]
        return all(expected.permits(each, self.seen, self.minimums) for each in purposes)

    @rule(purpose=ANY_PURPOSE)
    def audits(self, purpose: Purpose) -> None:
        """List the consented customers and verify the history."""
        found = self.service.consented_customers.permitted(self.shop, purpose).customers
        permitting = {name for name in CUSTOMERS if self.expects_permission(name, purpose)}
        head, last = self.service.history.head_and_last_row(self.shop)
        links = self.service.history.chained_rows(self.shop, last=last) if last else ()

        assert {self.keys[name] for name in permitting} == found
        assert list(chain_faults(self.shop, links, head)) == []

    @invariant()
    def answers_match_the_oracle(self) -> None:
        for name in CUSTOMERS:
            self.check_answers(name)

    def check_answers(self, name: str) -> None:
        self.check_content(name, self.check_consent(name))

    def check_consent(self, name: str) -> RequestContext:
        """Read consent as a request does, and compare every purpose with the oracle."""
        context = self.service.context(name)
        self.seen = max(self.seen, self.today)  # an expired grant stays expired
        assert context.consent is not None
        for purpose in Purpose:
            assert context.consent.permits(purpose) is self.expects_permission(name, purpose)
        return context

    def check_content(self, name: str, context: RequestContext) -> None:
        """Compare answers with the expectations of other rules."""
