"""An interrupted merge is completed by the next call and loses no data until then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from recsvc.config import Settings
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import Conflict, StoreUnavailable
from recsvc.domain.offers.caps import CustomerCaps
from recsvc.domain.offers.claims import Claim, ClaimState
from recsvc.domain.offers.offer import Kind, Offer
from recsvc.domain.offers.stored_offer import NewOffer
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import OfferId, ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.consents.change_writer import ChangeWriter
from recsvc.stores.customers.erasure import ErasureStore
from recsvc.stores.customers.merge import MergeStore
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.stores.events.event_log import EventLog
from recsvc.stores.offers.claim_records import ClaimRecords
from recsvc.stores.offers.claims import ClaimAttempt
from recsvc.usecases.customers.privacy import MergeReceipt
from recsvc.wiring.stores import Stores, stores_at
from tests.integration.servers import kill_server

DEAL = OfferId("deal")
AWAY, INTO, OTHER = (CustomerKey(bytes([number]) * 16) for number in (1, 2, 3))
# The steps of a merge after its atomic step.
STEPS = [
    (ClaimRecords, "merge"),
    (ErasureStore, "finish_erasure"),
    (MergeStore, "finish"),
]


@dataclass
class Shop:
    """A shop on a server that may be killed.

    The merged customer has a held and a redeemed claim.
    """

    server: EmbeddedValkey
    stores: Stores
    name: ShopName
    claims: dict[CustomerKey, list[str]]

    def claim(self, customer: CustomerKey) -> Claim:
        snapshot = self.stores.claims.snapshot(self.name, customer, DEAL)
        claim_id = uuid4().hex
        assert snapshot.stored is not None
        revision = snapshot.stored.state.revision
        attempt = ClaimAttempt(claim_id, DEAL, customer, revision, snapshot.permission)
        claim = self.stores.claims.claim(self.name, attempt)
        assert isinstance(claim, Claim)
        self.claims.setdefault(customer, []).append(claim_id)
        return claim

    def merge(self, away: CustomerKey = AWAY, into: CustomerKey = INTO) -> MergeReceipt:
        return self.stores.privacy.merge(self.name, away, into, "test")

    def interrupt(self, step: tuple[type, str]) -> None:
        """Start a merge and kill the server run_before the step."""
        with (
            run_before(step, lambda: kill_server(self.server.url)),
            pytest.raises(StoreUnavailable),
        ):
            self.merge()
        self.server.join()

    def erasures(self) -> ErasureStore:
        """Return a store that erases one customer without completing a merge."""
        stores, connections = self.stores, self.stores.connections
        log = EventLog(connections)
        return ErasureStore(ChangeWriter(connections), stores.consents, log, [stores.claim_records])

    def held(self, customer: CustomerKey) -> list[str]:
        return [each.claim_id for each in self.stores.claim_records.claims(self.name, customer)]

    def caps(self, customer: CustomerKey) -> CustomerCaps:
        return self.stores.claim_records.caps(self.name, customer)

    def keys_of(self, customer: CustomerKey) -> set[str]:
        """Return the kinds of keys whose name or content names the customer."""
        store = self.stores.connections.writes
        names = [name for name in store.scan_iter(match="*") if customer.hex().encode() in name]
        names += [
            name
            for name in store.scan_iter(match="*")
            if store.type(name) == b"hash"
            and customer.hex().encode() in b" ".join([*store.hkeys(name), *store.hvals(name)])
        ]
        return {name.decode().split(":")[1] for name in names}


@contextmanager
def run_before(step: tuple[type, str], action: Callable[[], object]) -> Iterator[None]:
    """Run a function run_before each call of the step."""
    owner, name = step
    original = getattr(owner, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        action()
        return original(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, wrapped)
        yield


@pytest.fixture
def interrupted(own_server: EmbeddedValkey, own_folder: Path, shop: ShopName) -> Iterator[Shop]:
    stores = stores_at(Settings(data_dir=own_folder), own_server.url)
    stores.offers.put_many(shop, [NewOffer(Offer(DEAL, "A deal", Kind.GIFT), ["A", "B", "C"])])
    for customer in (AWAY, INTO):
        stores.consents.write(shop, customer, dict.fromkeys(Purpose, True))
    made = Shop(own_server, stores, shop, {})
    redeemed = made.claim(AWAY)
    stores.claims.redeem(shop, DEAL, redeemed.claim_id, AWAY)
    made.claim(AWAY)
    yield made
    stores.connections.close()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[1])
def test_repeating_a_merge_completes_it(interrupted: Shop, step: tuple[type, str]) -> None:
    """A merge that was interrupted at any step is completed by a second call, and a third call gets
    409.
    """
    interrupted.interrupt(step)
    handed_on = interrupted.held(AWAY) + interrupted.held(INTO)
    receipt = interrupted.merge()

    assert handed_on == interrupted.claims[AWAY]
    assert receipt.has_shared
    assert interrupted.held(INTO) == interrupted.claims[AWAY]
    assert [each.until_us is None for each in interrupted.caps(INTO).taken[DEAL].taken] == [
        True,
        False,
    ]
    assert interrupted.keys_of(AWAY) == {"customer", "history"}
    with pytest.raises(Conflict):
        interrupted.merge()


def test_a_merge_into_another_customer_completes_the_first(interrupted: Shop) -> None:
    """The first merge is completed, and the second is refused with 409."""
    interrupted.interrupt(STEPS[0])
    with pytest.raises(Conflict):
        interrupted.merge(AWAY, OTHER)

    assert interrupted.held(INTO) == interrupted.claims[AWAY]
    assert interrupted.held(OTHER) == []


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[1])
@pytest.mark.parametrize("erased", [AWAY, INTO], ids=["away", "into"])
def test_an_erasure_completes_an_interrupted_merge(
    interrupted: Shop, step: tuple[type, str], erased: CustomerKey
) -> None:
    """After the erasure neither customer has data that could be handed over."""
    interrupted.interrupt(step)
    interrupted.stores.privacy.erase(interrupted.name, erased, "test")

    assert interrupted.keys_of(AWAY) == {"customer", "history"}
    change_writer = ChangeWriter(interrupted.stores.connections)
    merges = MergeStore(change_writer, interrupted.stores.policy_clock)
    assert merges.unfinished(interrupted.name) == {}
    if erased == INTO:
        assert interrupted.keys_of(INTO) == {"customer", "history"}


def test_a_readmitted_customer_gets_no_data_of_an_earlier_merge(interrupted: Shop) -> None:
    """A customer who was erased and re-admitted gets no data of the interrupted merge."""
    interrupted.interrupt(STEPS[0])
    interrupted.erasures().erase(interrupted.name, INTO)
    interrupted.stores.consents.write(interrupted.name, INTO, dict.fromkeys(Purpose, True))
    left = interrupted.held(AWAY)

    interrupted.merge()

    assert left == interrupted.claims[AWAY]
    assert interrupted.held(INTO) == []
    assert interrupted.caps(INTO) == CustomerCaps()


def test_an_erasure_before_the_handover_of_claims_keeps_none(interrupted: Shop) -> None:
    """An erasure right run_before the claims are handed over leaves no claims."""
    erasures = interrupted.erasures()
    with run_before(STEPS[0], lambda: erasures.erase(interrupted.name, INTO)):
        interrupted.merge()

    assert interrupted.keys_of(INTO) == interrupted.keys_of(AWAY) == {"customer", "history"}


def test_an_unreadable_note_of_a_merge_is_skipped(interrupted: Shop) -> None:
    """A note of a later release does not block merges and erasures."""
    notes = {"?": "?", OTHER.hex(): f"{INTO.hex()} soon"}
    name = redis_keys.merging(interrupted.name)
    interrupted.stores.connections.writes.hset(name, mapping=notes)
    interrupted.merge()
    interrupted.stores.privacy.erase(interrupted.name, INTO, "test")

    assert interrupted.keys_of(AWAY) == {"customer", "history"}


def test_a_held_claim_can_be_redeemed_after_a_merge(interrupted: Shop) -> None:
    """The remaining customer redeems the claim."""
    interrupted.interrupt(STEPS[0])
    interrupted.merge()

    held = interrupted.claims[AWAY][1]
    state = interrupted.stores.claims.redeem(interrupted.name, DEAL, held, INTO)
    assert state is ClaimState.REDEEMED
