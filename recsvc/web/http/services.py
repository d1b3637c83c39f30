"""What the web layer calls. Handed to `create_app`; nothing here is made by it."""

from collections.abc import Callable
from dataclasses import dataclass

from recsvc.config import Settings
from recsvc.domain.consent.banner_signals import SignalTables
from recsvc.domain.values.customer_keys import CustomerHasher
from recsvc.domain.values.ids import ShopName
from recsvc.usecases.access.request_access import Entrance
from recsvc.usecases.catalogue.items import CatalogueDesk
from recsvc.usecases.catalogue.trending_cache import LiveCounts
from recsvc.usecases.customers.consents import ConsentDesk
from recsvc.usecases.customers.privacy import Rights
from recsvc.usecases.customers.profiles import ProfileDesk
from recsvc.usecases.events import EventDesk
from recsvc.usecases.offers.claims import ClaimDesk
from recsvc.usecases.offers.decide import OfferDecider
from recsvc.usecases.offers.decision_log import DecisionLog
from recsvc.usecases.offers.offers import OfferDesk
from recsvc.usecases.readiness import Readiness
from recsvc.usecases.recommend.recommend import Recommender
from recsvc.web.http.client_address import ClientAddresses
from recsvc.web.http.concurrency_limit import Places


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    places: Places
    entrance: Entrance
    addresses: ClientAddresses
    recommender: Recommender
    consents: ConsentDesk
    signals: SignalTables
    profiles: ProfileDesk
    rights: Rights
    hasher: Callable[[ShopName], CustomerHasher]
    catalogue: CatalogueDesk
    events: EventDesk
    offers: OfferDesk
    offer_decider: OfferDecider
    claims: ClaimDesk
    decisions: DecisionLog
    live_counts: LiveCounts
    readiness: Readiness
