"""The services of one worker: every concrete class that the web layer calls, built here."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from recsvc.clock import utc_now, utc_now_us
from recsvc.config import Settings, models_root
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.offers.decision_ids import seals
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


def open_shelf(settings: Settings, secret: Secret) -> ModelRegistry:
    """Return the shelf of all shops' models, empty until it is told to look."""
    return ModelRegistry(models_root(settings), secret.fingerprint())


def services_of(
    stores: Stores, shelf: ModelRegistry, shops: Sequence[ShopName], workers: int = 1
) -> Services:
    """Return what the web layer calls.

    `shops`: those that readiness is judged by. `workers`: how many share the limits.
    """
    compile_all()  # no request waits for it
    trip, key_ring = RequestRead(stores.connections), ApiKeyCache(stores.api_keys)
    preload(key_ring, shops)
    live = live_views(stores, shelf, shops)
    offer_events = OfferTracking(stores.claims, stores.secret, utc_now_us)
    decisions = DecisionLog(stores.decisions, count_decisions)
    decider = offer_decider(stores, shelf, live, decisions)
    limits = RateLimits(limits_of(stores.settings), workers, time.monotonic)
    return Services(
        settings=stores.settings,
        places=ConcurrencyLimit(stores.settings.threads),
        entrance=RequestAccess(
            trip, key_ring, stores.api_keys, stores.secret, utc_now, limits, stores.judge
        ),
        addresses=ClientAddresses(stores.settings.trusted_proxies),
        recommender=RecommendationService(shelf, live.catalogues, live.counts, utc_now_us),
        catalogue=CatalogueService(stores.catalogue),
        events=EventService(
            stores.events, offer_events, shelf, live.catalogues, stores.hasher, utc_now_us
        ),
        offers=OfferService(stores.offers, shelf, live.catalogues),
        offer_decider=decider,
        claims=ClaimService(stores.claims, stores.hasher, stores.secret, decider.is_eligible),
        decisions=decisions,
        live_counts=live.counts,
        consents=ConsentService(stores.consents, stores.history, stores.judge, stores.hasher),
        signals=open_signals(stores.settings),
        profiles=ProfileService(stores.profiles, stores.hasher),
        rights=stores.rights,
        hasher=stores.hasher,
        readiness=Readiness(trip, shelf, shops),
    )


@dataclass(frozen=True, slots=True)
class LiveViews:
    """What a worker holds in memory of the store, and catches up on before it answers."""

    catalogues: CatalogueCache
    offers: OffersCache
    counts: TrendingCache


def live_views(stores: Stores, shelf: ModelRegistry, shops: Sequence[ShopName]) -> LiveViews:
    """Return the views, filled as far as the store answers: in an outage the first trip does it."""
    deadline = stores.settings.deadline_ms / MILLISECONDS
    catalogues = CatalogueCache(stores.catalogue, utc_now_us, deadline)
    offers = OffersCache(stores.offers, utc_now_us, deadline, seals(stores.secret))
    counts = TrendingCache(TrendingCountStore(stores.connections), utc_now_us)
    preload(catalogues, shops)
    counts.preload(shops)
    before_swap(shelf, catalogues, offers)
    for shop in shops:
        if shelf.model(shop) is None:
            offers.take(shop, catalogues.at(shop, None, no_model()).assortment)
    return LiveViews(catalogues, offers, counts)


def assortment_now(stores: Stores, shop: ShopName) -> LiveItems:
    """Return what there is now, for a command: a worker follows it in its views."""
    shelf = open_shelf(stores.settings, stores.secret)
    shelf.refresh()
    deadline = stores.settings.deadline_ms / MILLISECONDS
    catalogues = CatalogueCache(stores.catalogue, utc_now_us, deadline)
    return catalogues.at(shop, None, shelf.model(shop) or no_model()).assortment


def offer_decider(
    stores: Stores, shelf: ModelRegistry, live: LiveViews, decisions: DecisionLog
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


def before_swap(shelf: ModelRegistry, catalogues: CatalogueCache, offers: OffersCache) -> None:
    """Let no request wait until a new model is joined to the catalogue and to the offers."""

    def take(shop: ShopName, model: LoadedModel) -> None:
        catalogues.take(shop, model)
        offers.take(shop, catalogues.at(shop, None, model).assortment)

    shelf.before_swap(take)


def limits_of(settings: Settings) -> Limits:
    return Limits(settings.limit_per_key, settings.limit_per_customer, settings.limit_per_address)


def preload(view: ApiKeyCache | CatalogueCache, shops: Sequence[ShopName]) -> None:
    """Let no request wait for what can be read now: keys are judged by it in an outage.

    In an outage already, the first trip does it.
    """
    try:
        view.preload(shops)
    except StoreUnavailable:
        return
