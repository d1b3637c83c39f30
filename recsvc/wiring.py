"""Which concrete class stands where. The only module that names them all.

Nothing connects at import. `open_stores` is what a command uses; a worker, whose parent has
joined the embedded server, is given the URL and builds its services with `services_of`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

from recsvc.config import Settings, models_root
from recsvc.domain.consent.consent import DAY_US
from recsvc.domain.errors import BadRequest, StoreUnavailable
from recsvc.domain.offers.decision_ids import seals
from recsvc.domain.values.customer_keys import CustomerHasher, CustomerKey, Secret
from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.versions import Versions
from recsvc.model.kernels.jit import compile_all
from recsvc.model.ranking.live_items import Assortment
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.no_model import no_model
from recsvc.model.registry.registry import ModelShelf
from recsvc.secret_file import open_secret
from recsvc.signal_file import open_signals
from recsvc.stores.api_key_cache import KeyRing
from recsvc.stores.api_keys import ApiKeyStore
from recsvc.stores.audit.record_audit import RecordAudit
from recsvc.stores.catalogue.items import CatalogueStore
from recsvc.stores.client.aof_rewrite import AofRewrite
from recsvc.stores.client.connection import Connections, connect
from recsvc.stores.client.durability import check_durability, durability_fault, watch_durability
from recsvc.stores.consents.change_writer import Ledger
from recsvc.stores.consents.consented_customers import ConsentSurvey
from recsvc.stores.consents.consents import ConsentStore
from recsvc.stores.consents.history import HistoryStore
from recsvc.stores.consents.policy import PolicyStore
from recsvc.stores.consents.policy_clock import ConsentJudge
from recsvc.stores.consents.shared_clock import shared_moment
from recsvc.stores.customers.erasure import ErasureStore
from recsvc.stores.customers.merge import MergeStore
from recsvc.stores.customers.profiles import ProfileStore
from recsvc.stores.customers.recent_activity import RecentStore
from recsvc.stores.embedded.server import EmbeddedValkey
from recsvc.stores.events.event_log import EventLog
from recsvc.stores.events.events import EventStore
from recsvc.stores.events.trending_counts import CountStore
from recsvc.stores.offers.claim_records import ClaimRecords
from recsvc.stores.offers.claims import ClaimStore
from recsvc.stores.offers.decisions import DecisionStore
from recsvc.stores.offers.offers import OfferStore
from recsvc.stores.purchases import PurchaseStore
from recsvc.stores.request_read import RequestTrip
from recsvc.usecases.access.rate_limits import Limits, RateLimits
from recsvc.usecases.access.request_access import Entrance
from recsvc.usecases.catalogue.catalogue_cache import LiveCatalogues
from recsvc.usecases.catalogue.items import CatalogueDesk
from recsvc.usecases.catalogue.trending_cache import LiveCounts
from recsvc.usecases.customers.consents import ConsentDesk
from recsvc.usecases.customers.privacy import Rights, RightsStores
from recsvc.usecases.customers.profiles import ProfileDesk
from recsvc.usecases.customers.published_data import ModelCopies
from recsvc.usecases.events import EventDesk
from recsvc.usecases.offers.claims import ClaimDesk
from recsvc.usecases.offers.decide import OfferDecider
from recsvc.usecases.offers.decision_log import DecisionLog
from recsvc.usecases.offers.offers import OfferDesk
from recsvc.usecases.offers.offers_cache import LiveOffers
from recsvc.usecases.offers.tracking import OfferEvents
from recsvc.usecases.readiness import Readiness
from recsvc.usecases.recommend.recommend import Recommender
from recsvc.web.http.client_address import ClientAddresses
from recsvc.web.http.concurrency_limit import Places
from recsvc.web.http.metrics import count_decisions
from recsvc.web.http.services import Services

MILLISECONDS = 1000
MICROSECONDS_OF_MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class Deployment:
    """The settings and the secret of one data folder. Nothing is started."""

    settings: Settings
    secret: Secret

    def hasher(self, shop: ShopName) -> CustomerHasher:
        return CustomerHasher(self.secret, shop)

    def versions(self, shop: ShopName) -> Versions:
        return Versions(models_root(self.settings), shop)


def open_deployment(environ: Mapping[str, str], data_dir: Path | None) -> Deployment:
    """Read the settings and the secret; for those who may know no more of the service."""
    settings = Settings.from_environment(environ, data_dir)
    make_data_folder(settings)
    return Deployment(settings, open_secret(settings))


def make_data_folder(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise BadRequest(
            f"there is no data folder {settings.data_dir} and none can be made "
            f"({fault.strerror}); name another with --data-dir or RECSVC_DATA_DIR",
            code="bad_data_dir",
        ) from fault


def check_deployment(environ: Mapping[str, str], data_dir: Path | None) -> None:
    """Raise when there is no deployment that could be asked anything."""
    check_data_folder(Settings.from_environment(environ, data_dir))


def check_data_folder(settings: Settings) -> None:
    """Refuse to look into a folder that is not there: its name is misspelt, more often than not."""
    if settings.redis_url is None and not settings.data_dir.is_dir():
        raise BadRequest(
            f"there is no data folder {settings.data_dir}, so there is nothing to read; name "
            "another with --data-dir or RECSVC_DATA_DIR",
            code="bad_data_dir",
        )


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that is kept in one Redis, under one secret."""

    settings: Settings
    secret: Secret
    connections: Connections
    api_keys: ApiKeyStore
    judge: ConsentJudge
    consents: ConsentStore
    policy: PolicyStore
    history: HistoryStore
    record_audit: RecordAudit
    survey: ConsentSurvey
    profiles: ProfileStore
    catalogue: CatalogueStore
    events: EventStore
    rights: Rights
    rewrite: AofRewrite
    offers: OfferStore
    claims: ClaimStore
    claim_records: ClaimRecords
    decisions: DecisionStore

    def hasher(self, shop: ShopName) -> CustomerHasher:
        return CustomerHasher(self.secret, shop)

    def check_durability(self) -> None:
        """Raise NotDurable unless the store keeps what it acknowledges."""
        check_durability(self.connections.writes, self.settings)

    def durability_fault(self) -> str | None:
        """Return why the store may lose what it acknowledges; None when it keeps it."""
        return durability_fault(self.connections.writes, self.settings)

    @contextmanager
    def durability_watched(self) -> Iterator[None]:
        """Meanwhile log it when somebody reconfigures the store, unless that is accepted.

        And meanwhile begin the rewrites that erasures have left word of.
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
            leaving.set()  # not waited for: a store that hangs must not delay our end


def stores_at(settings: Settings, url: str, moment_file: Path | None = None) -> Stores:
    """Return the stores of a running server; nothing connects yet.

    `moment_file`: where the workers of one service share the latest moment that one has seen.
    """
    secret = open_secret(settings)
    connections = connect(settings, url)
    ledger, history = Ledger(connections), HistoryStore(connections)
    moment = None if moment_file is None else shared_moment(moment_file)
    judge = ConsentJudge(settings.consent_max_age_days * DAY_US, utc_now_us, moment)
    consents, profiles = ConsentStore(connections, ledger), ProfileStore(connections, ledger)
    log, rewrite = EventLog(connections), AofRewrite(connections)
    claims = ClaimStore(connections, settings.claim_minutes * MICROSECONDS_OF_MINUTE, judge)
    claim_records = ClaimRecords(connections, claims)
    decisions = DecisionStore(connections, settings.decision_days, judge)
    rights = RightsStores(
        erasures=ErasureStore(ledger, consents, log, [claim_records, decisions]),
        merges=MergeStore(ledger, judge),
        rewrite=rewrite,
        history=history,
        profiles=profiles,
        recent=RecentStore(connections),
        purchases=PurchaseStore(connections),
        log=log,
        claims=claim_records,
        decisions=decisions,
        models=ModelCopies(models_root(settings), secret.fingerprint()),
        sections={"campaign_rows": nothing_yet},
    )
    return Stores(
        settings=settings,
        secret=secret,
        connections=connections,
        api_keys=ApiKeyStore(connections, secret),
        judge=judge,
        consents=consents,
        policy=PolicyStore(connections, ledger),
        history=history,
        record_audit=RecordAudit(connections),
        survey=ConsentSurvey(connections, history, judge),
        profiles=profiles,
        catalogue=CatalogueStore(connections),
        offers=OfferStore(connections),
        claims=claims,
        claim_records=claim_records,
        decisions=decisions,
        events=EventStore(connections, secret, settings.event_log_length, judge),
        rights=Rights(rights),
        rewrite=rewrite,
    )


@contextmanager
def running_store(settings: Settings, *, supervised: bool = False) -> Iterator[str]:
    """Give the URL of the store: RECSVC_REDIS_URL, or the embedded server joined meanwhile.

    `supervised`: an embedded server that dies is restarted for as long as this lasts.
    """
    make_data_folder(settings)
    if settings.redis_url is not None:
        yield settings.redis_url
        return
    with EmbeddedValkey(settings.data_dir) as embedded:
        if supervised:
            embedded.supervise()
        yield embedded.url


@contextmanager
def open_stores(settings: Settings, *, durable: bool = True) -> Iterator[Stores]:
    """Give the stores for the length of one command.

    Raises NotDurable when the store may lose what the command acknowledges; a command that
    only reads needs it not `durable`, but something to read.
    """
    if not durable:
        check_data_folder(settings)
    with running_store(settings) as url:
        stores = stores_at(settings, url)
        try:
            if durable:
                stores.check_durability()
            yield stores
        finally:
            stores.connections.close()


def open_shelf(settings: Settings, secret: Secret) -> ModelShelf:
    """Return the shelf of all shops' models, empty until it is told to look."""
    return ModelShelf(models_root(settings), secret.fingerprint())


def services_of(
    stores: Stores, shelf: ModelShelf, shops: Sequence[ShopName], workers: int = 1
) -> Services:
    """Return what the web layer calls.

    `shops`: those that readiness is judged by. `workers`: how many share the limits.
    """
    compile_all()  # no request waits for it
    trip, key_ring = RequestTrip(stores.connections), KeyRing(stores.api_keys)
    preload(key_ring, shops)
    live = live_views(stores, shelf, shops)
    offer_events = OfferEvents(stores.claims, stores.secret, utc_now_us)
    decisions = DecisionLog(stores.decisions, count_decisions)
    decider = offer_decider(stores, shelf, live, decisions)
    limits = RateLimits(limits_of(stores.settings), workers, time.monotonic)
    return Services(
        settings=stores.settings,
        places=Places(stores.settings.threads),
        entrance=Entrance(
            trip, key_ring, stores.api_keys, stores.secret, utc_now, limits, stores.judge
        ),
        addresses=ClientAddresses(stores.settings.trusted_proxies),
        recommender=Recommender(shelf, live.catalogues, live.counts, utc_now_us),
        catalogue=CatalogueDesk(stores.catalogue),
        events=EventDesk(
            stores.events, offer_events, shelf, live.catalogues, stores.hasher, utc_now_us
        ),
        offers=OfferDesk(stores.offers, shelf, live.catalogues),
        offer_decider=decider,
        claims=ClaimDesk(stores.claims, stores.hasher, stores.secret, decider.is_eligible),
        decisions=decisions,
        live_counts=live.counts,
        consents=ConsentDesk(stores.consents, stores.history, stores.judge, stores.hasher),
        signals=open_signals(stores.settings),
        profiles=ProfileDesk(stores.profiles, stores.hasher),
        rights=stores.rights,
        hasher=stores.hasher,
        readiness=Readiness(trip, shelf, shops),
    )


@dataclass(frozen=True, slots=True)
class LiveViews:
    """What a worker holds in memory of the store, and catches up on before it answers."""

    catalogues: LiveCatalogues
    offers: LiveOffers
    counts: LiveCounts


def live_views(stores: Stores, shelf: ModelShelf, shops: Sequence[ShopName]) -> LiveViews:
    """Return the views, filled as far as the store answers: in an outage the first trip does it."""
    deadline = stores.settings.deadline_ms / MILLISECONDS
    catalogues = LiveCatalogues(stores.catalogue, utc_now_us, deadline)
    offers = LiveOffers(stores.offers, utc_now_us, deadline, seals(stores.secret))
    counts = LiveCounts(CountStore(stores.connections), utc_now_us)
    preload(catalogues, shops)
    counts.preload(shops)
    before_swap(shelf, catalogues, offers)
    for shop in shops:
        if shelf.model(shop) is None:
            offers.take(shop, catalogues.at(shop, None, no_model()).assortment)
    return LiveViews(catalogues, offers, counts)


def assortment_now(stores: Stores, shop: ShopName) -> Assortment:
    """Return what there is now, for a command: a worker follows it in its views."""
    shelf = open_shelf(stores.settings, stores.secret)
    shelf.refresh()
    deadline = stores.settings.deadline_ms / MILLISECONDS
    catalogues = LiveCatalogues(stores.catalogue, utc_now_us, deadline)
    return catalogues.at(shop, None, shelf.model(shop) or no_model()).assortment


def offer_decider(
    stores: Stores, shelf: ModelShelf, live: LiveViews, decisions: DecisionLog
) -> OfferDecider:
    return OfferDecider(
        shelf,
        live.catalogues,
        live.offers,
        decisions,
        stores.secret,
        utc_now_us,
        explores=stores.settings.offer_exploration,
    )


def before_swap(shelf: ModelShelf, catalogues: LiveCatalogues, offers: LiveOffers) -> None:
    """Let no request wait until a new model is joined to the catalogue and to the offers."""

    def take(shop: ShopName, model: LoadedModel) -> None:
        catalogues.take(shop, model)
        offers.take(shop, catalogues.at(shop, None, model).assortment)

    shelf.before_swap(take)


def limits_of(settings: Settings) -> Limits:
    return Limits(settings.limit_per_key, settings.limit_per_customer, settings.limit_per_address)


def preload(view: KeyRing | LiveCatalogues, shops: Sequence[ShopName]) -> None:
    """Let no request wait for what can be read now: keys are judged by it in an outage.

    In an outage already, the first trip does it.
    """
    try:
        view.preload(shops)
    except StoreUnavailable:
        return


def nothing_yet(_shop: ShopName, _customer: CustomerKey) -> Iterator[Any]:
    """Stand for a section of an export that no store keeps yet."""
    return iter(())


def utc_now_us() -> int:
    return time.time_ns() // 1000


def utc_now() -> datetime:
    return datetime.now(UTC)
