"""The services of one worker: every concrete class that the web layer calls, built here."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from recsvc.clock import utc_now, utc_now_us
from recsvc.config import Settings, models_root
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.offers.decision_ids import decision_id_signers
from recsvc.domain.values.customer_keys import Secret
from recsvc.domain.values.ids import ShopName
from recsvc.model.kernels.jit import compile_all
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.no_model import no_model
from recsvc.model.registry.registry import ModelRegistry
from recsvc.signal_file import open_signals
from recsvc.stores.api_key_cache import ApiKeyCache
from recsvc.stores.events.trending_counts import TrendingCountStore
from recsvc.stores.request_read import RequestRead
from recsvc.usecases.access.rate_limits import Limits, RateLimits
from recsvc.usecases.access.request_access import RequestAccess
from recsvc.usecases.catalogue.catalogue_cache import CatalogueCache
from recsvc.usecases.catalogue.items import CatalogueService
from recsvc.usecases.catalogue.trending_cache import TrendingCache
from recsvc.usecases.customers.consents import ConsentService
from recsvc.usecases.customers.profiles import ProfileService
from recsvc.usecases.events import EventService
from recsvc.usecases.offers.claims import ClaimService
from recsvc.usecases.offers.decide import OfferDecider
from recsvc.usecases.offers.decision_log import DecisionLog
from recsvc.usecases.offers.offers import OfferService
from recsvc.usecases.offers.offers_cache import OffersCache
from recsvc.usecases.offers.tracking import OfferTracking
from recsvc.usecases.readiness import Readiness
from recsvc.usecases.recommend.recommend import RecommendationService
from recsvc.web.http.client_address import ClientAddresses
from recsvc.web.http.concurrency_limit import ConcurrencyLimit
from recsvc.web.http.metrics import count_decisions
from recsvc.web.http.services import Services
from recsvc.wiring.stores import Stores

MILLISECONDS = 1000


def open_registry(settings: Settings, secret: Secret, *, read_only: bool = False) -> ModelRegistry:
    """Return the registry of all shops' models; it is empty until its first refresh."""
    return ModelRegistry(models_root(settings), secret.fingerprint(), read_only=read_only)


def services_of(
    stores: Stores, registry: ModelRegistry, shops: Sequence[ShopName], workers: int = 1
) -> Services:
    """Return the services that the web layer calls.

    `shops`: readiness covers them. `workers`: the number of processes that share the rate limits.
    """
    compile_all()  # otherwise the first request waits for it
    request_read, key_cache = RequestRead(stores.connections), ApiKeyCache(stores.api_keys)
    preload(key_cache, shops)
    caches = worker_caches(stores, registry, shops)
    offer_events = OfferTracking(stores.claims, stores.secret, utc_now_us)
    decisions = DecisionLog(stores.decisions, count_decisions)
    decider = offer_decider(stores, registry, caches, decisions)
    checks = (decider.is_eligible, decider.has_items)
    limits = RateLimits(limits_of(stores.settings), workers, time.monotonic)
    return Services(
        settings=stores.settings,
        concurrency_limit=ConcurrencyLimit(stores.settings.threads),
        request_access=RequestAccess(
            request_read,
            key_cache,
            stores.api_keys,
            stores.secret,
            utc_now,
            limits,
            stores.policy_clock,
        ),
        addresses=ClientAddresses(stores.settings.trusted_proxies),
        recommender=RecommendationService(
            registry, caches.catalogues, caches.counts, utc_now_us, stores.settings.event_weights
        ),
        catalogue=CatalogueService(stores.catalogue),
        events=EventService(
            stores.events, offer_events, registry, caches.catalogues, stores.hasher, utc_now_us
        ),
        offers=OfferService(stores.offers, registry, caches.catalogues),
        offer_decider=decider,
        claims=ClaimService(stores.claims, stores.hasher, stores.secret, *checks),
        decisions=decisions,
        trending_cache=caches.counts,
        consents=ConsentService(
            stores.consents, stores.history, stores.policy_clock, stores.hasher
        ),
        signals=open_signals(stores.settings),
        profiles=ProfileService(stores.profiles, stores.hasher),
        privacy=stores.privacy,
        hasher=stores.hasher,
        readiness=Readiness(request_read, registry, shops),
    )


@dataclass(frozen=True, slots=True)
class WorkerCaches:
    """The worker's caches of the store. Each catches up before a request is answered."""

    catalogues: CatalogueCache
    offers: OffersCache
    counts: TrendingCache


def worker_caches(
    stores: Stores, registry: ModelRegistry, shops: Sequence[ShopName]
) -> WorkerCaches:
    """Return the caches, filled if the store answers; otherwise the first request fills them."""
    deadline = stores.settings.deadline_ms / MILLISECONDS
    catalogues = CatalogueCache(stores.catalogue, utc_now_us, deadline)
    offers = OffersCache(stores.offers, utc_now_us, deadline, decision_id_signers(stores.secret))
    counts = TrendingCache(TrendingCountStore(stores.connections), utc_now_us)
    preload(catalogues, shops)
    counts.preload(shops)
    before_swap(registry, catalogues, offers)
    for shop in shops:
        if registry.model(shop) is None:
            offers.rebuild(shop, catalogues.at(shop, None, no_model()).live_items)
    return WorkerCaches(catalogues, offers, counts)


def live_items_now(stores: Stores, shop: ShopName) -> LiveItems:
    """Return the live items for a command. A worker has them in its caches."""
    registry = open_registry(stores.settings, stores.secret)
    registry.refresh()
    deadline = stores.settings.deadline_ms / MILLISECONDS
    catalogues = CatalogueCache(stores.catalogue, utc_now_us, deadline)
    return catalogues.at(shop, None, registry.model(shop) or no_model()).live_items


def offer_decider(
    stores: Stores, registry: ModelRegistry, caches: WorkerCaches, decisions: DecisionLog
) -> OfferDecider:
    return OfferDecider(
        registry,
        caches.catalogues,
        caches.offers,
        decisions,
        stores.secret,
        utc_now_us,
        explores=stores.settings.offer_exploration,
    )


def before_swap(registry: ModelRegistry, catalogues: CatalogueCache, offers: OffersCache) -> None:
    """Join a new model to catalogue and offers before its swap, so that no request waits for it."""

    def take(shop: ShopName, model: LoadedModel) -> None:
        catalogues.take(shop, model)
        offers.rebuild(shop, catalogues.at(shop, None, model).live_items)

    registry.before_swap(take)


def limits_of(settings: Settings) -> Limits:
    return Limits(settings.limit_per_key, settings.limit_per_customer, settings.limit_per_address)


def preload(view: ApiKeyCache | CatalogueCache, shops: Sequence[ShopName]) -> None:
    """Fill a cache at the start. In an outage, the first request that reaches the store does it."""
    try:
        view.preload(shops)
    except StoreUnavailable:
        return
