"""A merge that is interrupted is completed by whoever asks again, and loses nothing until then."""

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
# A merge goes on from the change_writer's step to each of these.
STEPS = [
    (ClaimRecords, "merge"),
    (ErasureStore, "finish_erasure"),
    (MergeStore, "finish"),
]


@dataclass
class Shop:
    """A shop on a server that may be killed; whoever is merged away holds a claim, and has one
    redeemed."""

    server: EmbeddedValkey
    stores: Stores
    name: ShopName
    claims: dict[CustomerKey, list[str]]

    def claim(self, customer: CustomerKey) -> Claim:
        look = self.stores.claims.snapshot(self.name, customer, DEAL)
        claim_id = uuid4().hex
        assert look.stored is not None
        revision = look.stored.state.revision
        asked = ClaimAttempt(claim_id, DEAL, customer, revision, look.permission)
        claim = self.stores.claims.claim(self.name, asked)
        assert isinstance(claim, Claim)
        self.claims.setdefault(customer, []).append(claim_id)
        return claim

    def merge(self, away: CustomerKey = AWAY, into: CustomerKey = INTO) -> MergeReceipt:
        return self.stores.privacy.merge(self.name, away, into, "test")

    def interrupt(self, step: tuple[type, str]) -> None:
        """Merge, and kill the server right before the step."""
        with before(step, lambda: kill_server(self.server.url)), pytest.raises(StoreUnavailable):
            self.merge()
        self.server.join()

    def erasures(self) -> ErasureStore:
        """Return what erases one customer, and finishes no merge."""
        stores, connections = self.stores, self.stores.connections
        log = EventLog(connections)
        return ErasureStore(ChangeWriter(connections), stores.consents, log, [stores.claim_records])

    def held(self, customer: CustomerKey) -> list[str]:
        return [each.claim_id for each in self.stores.claim_records.claims(self.name, customer)]

    def caps(self, customer: CustomerKey) -> CustomerCaps:
        return self.stores.claim_records.caps(self.name, customer)

    def keys_of(self, customer: CustomerKey) -> set[str]:
        """Return the kinds of keys that name the customer, or hold the name."""
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
def before(step: tuple[type, str], happens: Callable[[], object]) -> Iterator[None]:
    """Let something happen right before each time that the step is taken."""
    whose, name = step
    goes_on = getattr(whose, name)

    def taken(*words: Any, **named: Any) -> Any:
        happens()
        return goes_on(*words, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whose, name, taken)
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
def test_asking_again_completes_a_merge(interrupted: Shop, step: tuple[type, str]) -> None:
    """Whatever it was that it did not come to; then it is done, and asked once more it is 409."""
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


def test_asking_to_merge_into_another_completes_the_first(interrupted: Shop) -> None:
    """And is refused, as for everybody who was merged away."""
    interrupted.interrupt(STEPS[0])
    with pytest.raises(Conflict):
        interrupted.merge(AWAY, OTHER)

    assert interrupted.held(INTO) == interrupted.claims[AWAY]
    assert interrupted.held(OTHER) == []


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[1])
@pytest.mark.parametrize("erased", [AWAY, INTO], ids=["away", "into"])
def test_an_erasure_ends_a_merge_that_was_interrupted(
    interrupted: Shop, step: tuple[type, str], erased: CustomerKey
) -> None:
    """Of neither side anything is left that the other could be handed."""
    interrupted.interrupt(step)
    interrupted.stores.privacy.erase(interrupted.name, erased, "test")

    assert interrupted.keys_of(AWAY) == {"customer", "history"}
    change_writer = ChangeWriter(interrupted.stores.connections)
    merges = MergeStore(change_writer, interrupted.stores.policy_clock)
    assert merges.unfinished(interrupted.name) == {}
    if erased == INTO:
        assert interrupted.keys_of(INTO) == {"customer", "history"}


def test_a_stranger_is_handed_nothing_of_an_earlier_merge(interrupted: Shop) -> None:
    """One who was erased and came back, while both were interrupted."""
    interrupted.interrupt(STEPS[0])
    interrupted.erasures().erase(interrupted.name, INTO)
    interrupted.stores.consents.write(interrupted.name, INTO, dict.fromkeys(Purpose, True))
    left = interrupted.held(AWAY)

    interrupted.merge()

    assert left == interrupted.claims[AWAY]
    assert interrupted.held(INTO) == []
    assert interrupted.caps(INTO) == CustomerCaps()


def test_one_who_is_erased_meanwhile_keeps_nothing(interrupted: Shop) -> None:
    """Right before the claims are handed on, and by whom it is not looked at again."""
    erasures = interrupted.erasures()
    with before(STEPS[0], lambda: erasures.erase(interrupted.name, INTO)):
        interrupted.merge()

    assert interrupted.keys_of(INTO) == interrupted.keys_of(AWAY) == {"customer", "history"}


def test_a_note_that_cannot_be_read_is_in_nobodys_way(interrupted: Shop) -> None:
    """As one of a later release."""
    notes = {"?": "?", OTHER.hex(): f"{INTO.hex()} soon"}
    name = redis_keys.merging(interrupted.name)
    interrupted.stores.connections.writes.hset(name, mapping=notes)  # type: ignore[arg-type]
    interrupted.merge()
    interrupted.stores.privacy.erase(interrupted.name, INTO, "test")

    assert interrupted.keys_of(AWAY) == {"customer", "history"}


def test_a_held_claim_is_still_redeemed_after_it(interrupted: Shop) -> None:
    """By the one who stays."""
    interrupted.interrupt(STEPS[0])
    interrupted.merge()

    held = interrupted.claims[AWAY][1]
    state = interrupted.stores.claims.redeem(interrupted.name, DEAL, held, INTO)
    assert state is ClaimState.REDEEMED
