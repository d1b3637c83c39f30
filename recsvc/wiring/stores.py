"""The stores of one Redis, with one secret. Nothing connects at import.

A command uses `open_stores`. A worker uses `stores_at` with the URL of its parent process, which
has joined the embedded server.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from recsvc.clock import utc_now_us
from recsvc.config import Settings, models_root
from recsvc.domain.consent.consent import DAY_US
from recsvc.domain.values.customer_keys import CustomerHasher, CustomerKey, Secret
from recsvc.domain.values.ids import ShopName
from recsvc.secret_file import open_secret
from recsvc.stores.api_keys import ApiKeyStore
from recsvc.stores.audit.record_audit import RecordAudit
from recsvc.stores.catalogue.items import CatalogueStore
from recsvc.stores.client.aof_rewrite import AofRewrite
from recsvc.stores.client.connection import Connections, connect
from recsvc.stores.client.durability import (
    check_durability,
    durability_fault,
    erasure_fault,
    watch_durability,
)
from recsvc.stores.consents.change_writer import ChangeWriter
from recsvc.stores.consents.consented_customers import ConsentedCustomers
from recsvc.stores.consents.consents import ConsentStore
from recsvc.stores.consents.history import HistoryStore
from recsvc.stores.consents.policy import PolicyStore
from recsvc.stores.consents.policy_clock import PolicyClock
from recsvc.stores.consents.shared_clock import shared_timestamp
from recsvc.stores.customers.erasure import ErasureStore
from recsvc.stores.customers.merge import MergeStore
from recsvc.stores.customers.profiles import ProfileStore
from recsvc.stores.customers.recent_activity import PurchaseStore, RecentEventStore
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.stores.events.event_log import EventLog
from recsvc.stores.events.events import EventStore
from recsvc.stores.offers.claim_records import ClaimRecords
from recsvc.stores.offers.claims import ClaimStore
from recsvc.stores.offers.decisions import DecisionStore
from recsvc.stores.offers.offers import OfferStore
from recsvc.usecases.customers.privacy import PrivacyService, PrivacyStores
from recsvc.usecases.customers.published_data import PublishedDataReader
from recsvc.wiring.deployment import check_data_folder, make_data_folder

MICROSECONDS_OF_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of one Redis, with one secret."""

    settings: Settings
    secret: Secret
    connections: Connections
    api_keys: ApiKeyStore
    policy_clock: PolicyClock
    consents: ConsentStore
    policy: PolicyStore
    history: HistoryStore
    record_audit: RecordAudit
    consented_customers: ConsentedCustomers
    profiles: ProfileStore
    catalogue: CatalogueStore
    events: EventStore
    privacy: PrivacyService
    rewrite: AofRewrite
    offers: OfferStore
    claims: ClaimStore
    claim_records: ClaimRecords
    decisions: DecisionStore

    def hasher(self, shop: ShopName) -> CustomerHasher:
        return CustomerHasher(self.secret, shop)

    def check_durability(self) -> None:
        """Raise NotDurable unless the store keeps every acknowledged write."""
        check_durability(self.connections.writes, self.settings)

    def durability_fault(self) -> str | None:
        """Return the reason why the store may lose acknowledged writes; None when it keeps them."""
        return durability_fault(self.connections.writes, self.settings)

    def erasure_fault(self) -> str | None:
        """Return the reason why files of the store may keep erased ids; None when they do not."""
        return erasure_fault(self.connections.writes)

    @contextmanager
    def durability_watched(self) -> Iterator[None]:
        """Watch the store from two threads until the block ends.

        One starts the AOF rewrites that erasures have requested. The other logs a configuration
        that may lose writes, unless RECSVC_INSECURE accepts it.
        """
        leaving = Event()
        rewriting = (self.api_keys.shops, leaving)
        Thread(
            target=self.rewrite.watch, args=rewriting, name="watch-rewrites", daemon=True
        ).start()
        if not self.settings.insecure:
            asked = (self.connections.writes, self.settings, leaving)
            Thread(
                target=watch_durability, args=asked, name="watch-durability", daemon=True
            ).start()
        try:
            yield
        finally:
            leaving.set()  # without joining: a store that hangs must not delay the exit


def stores_at(settings: Settings, url: str, latest_time_file: Path | None = None) -> Stores:
    """Return the stores of a running server; nothing connects yet.

    `latest_time_file`: the file in which the workers of a service share their latest timestamp.
    """
    secret = open_secret(settings)
    connections = connect(settings, url)
    change_writer, history = ChangeWriter(connections), HistoryStore(connections)
    policy_clock = _policy_clock(settings, latest_time_file)
    consents = ConsentStore(connections, change_writer)
    profiles = ProfileStore(connections, change_writer)
    log, rewrite = EventLog(connections), AofRewrite(connections)
    claims = ClaimStore(connections, settings.claim_minutes * MICROSECONDS_OF_MINUTE, policy_clock)
    claim_records = ClaimRecords(connections, claims)
    decisions = DecisionStore(connections, settings.decision_days, policy_clock)
    privacy = PrivacyStores(
        erasures=ErasureStore(change_writer, consents, log, [claim_records, decisions]),
        merges=MergeStore(change_writer, policy_clock),
        rewrite=rewrite,
        history=history,
        profiles=profiles,
        recent=RecentEventStore(connections),
        purchases=PurchaseStore(connections),
        log=log,
        claims=claim_records,
        decisions=decisions,
        models=PublishedDataReader(models_root(settings), secret.fingerprint()),
        sections={"campaign_rows": nothing_yet},
    )
    return Stores(
        settings=settings,
        secret=secret,
        connections=connections,
        api_keys=ApiKeyStore(connections, secret),
        policy_clock=policy_clock,
        consents=consents,
        policy=PolicyStore(connections, change_writer),
        history=history,
        record_audit=RecordAudit(connections),
        consented_customers=ConsentedCustomers(connections, history, policy_clock),
        profiles=profiles,
        catalogue=CatalogueStore(connections),
        offers=OfferStore(connections),
        claims=claims,
        claim_records=claim_records,
        decisions=decisions,
        events=EventStore(connections, secret, settings.event_log_length, policy_clock),
        privacy=PrivacyService(privacy),
        rewrite=rewrite,
    )


def _policy_clock(settings: Settings, latest_time_file: Path | None) -> PolicyClock:
    latest = None if latest_time_file is None else shared_timestamp(latest_time_file)
    return PolicyClock(settings.consent_max_age_days * DAY_US, utc_now_us, latest)


@contextmanager
def running_store(settings: Settings, *, supervised: bool = False) -> Iterator[str]:
    """Make the data folder if it is missing, and yield the URL of the store.

    `supervised`: restart an embedded server that dies.
    """
    make_data_folder(settings)
    with _store_url(settings, supervised=supervised) as url:
        yield url


@contextmanager
def open_stores(settings: Settings, *, durable: bool = True) -> Iterator[Stores]:
    """Yield the stores for one command.

    `durable`: the command writes. It makes the data folder, and raises NotDurable when the store
    may lose an acknowledged write. Otherwise raises BadRequest when there is no data folder.
    """
    if durable:
        make_data_folder(settings)
    else:
        check_data_folder(settings)
    with _store_url(settings) as url:
        stores = stores_at(settings, url)
        try:
            if durable:
                stores.check_durability()
            yield stores
        finally:
            stores.connections.close()


@contextmanager
def _store_url(settings: Settings, *, supervised: bool = False) -> Iterator[str]:
    """Yield RECSVC_REDIS_URL, or the URL of the embedded server, joined for the block."""
    if settings.redis_url is not None:
        yield settings.redis_url
        return
    with EmbeddedValkey(settings.data_dir) as embedded:
        if supervised:
            embedded.supervise()
        yield embedded.url


def nothing_yet(_shop: ShopName, _customer: CustomerKey) -> Iterator[Any]:
    """Yield nothing: a section of the export that has no store yet."""
    return iter(())
