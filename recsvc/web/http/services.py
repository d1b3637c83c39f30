"""The use cases that the web layer calls. `wiring` builds them and passes them to `create_app`."""

from collections.abc import Callable
from dataclasses import dataclass

from recsvc.config import Settings
from recsvc.domain.consent.signal_tables import SignalTables
from recsvc.domain.values.customer_keys import CustomerHasher
from recsvc.domain.values.ids import ShopName
from recsvc.usecases.access.request_access import RequestAccess
from recsvc.usecases.catalogue.items import CatalogueService
from recsvc.usecases.catalogue.trending_cache import TrendingCache
from recsvc.usecases.customers.consents import ConsentService
from recsvc.usecases.customers.privacy import PrivacyService
from recsvc.usecases.customers.profiles import ProfileService
from recsvc.usecases.events import EventService
from recsvc.usecases.offers.claims import ClaimService
from recsvc.usecases.offers.decide import OfferDecider
from recsvc.usecases.offers.decision_log import DecisionLog
from recsvc.usecases.offers.offers import OfferService
from recsvc.usecases.readiness import Readiness
from recsvc.usecases.recommend.recommend import RecommendationService
from recsvc.web.http.client_address import ClientAddresses
from recsvc.web.http.concurrency_limit import ConcurrencyLimit


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    concurrency_limit: ConcurrencyLimit
    request_access: RequestAccess
    addresses: ClientAddresses
    recommender: RecommendationService
    consents: ConsentService
    signals: SignalTables
    profiles: ProfileService
    privacy: PrivacyService
    hasher: Callable[[ShopName], CustomerHasher]
    catalogue: CatalogueService
    events: EventService
    offers: OfferService
    offer_decider: OfferDecider
    claims: ClaimService
    decisions: DecisionLog
    trending_cache: TrendingCache
    readiness: Readiness
