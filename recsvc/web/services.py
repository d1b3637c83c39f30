"""What the web layer calls. Handed to `create_app`; nothing here is made by it."""

from collections.abc import Callable
from dataclasses import dataclass

from recsvc.config import Settings
from recsvc.domain.consent.banner_signals import SignalTables
from recsvc.domain.values.customer_keys import CustomerHasher
from recsvc.domain.values.ids import ShopName
from recsvc.usecases.catalogue import CatalogueDesk
from recsvc.usecases.claims import ClaimDesk
from recsvc.usecases.consents import ConsentDesk
from recsvc.usecases.decide_offers import OfferDecider
from recsvc.usecases.decision_log import DecisionLog
from recsvc.usecases.entrance import Entrance
from recsvc.usecases.events import EventDesk
from recsvc.usecases.live_counts import LiveCounts
from recsvc.usecases.offers import OfferDesk
from recsvc.usecases.profiles import ProfileDesk
from recsvc.usecases.readiness import Readiness
from recsvc.usecases.recommend import Recommender
from recsvc.usecases.rights import Rights
from recsvc.web.addresses import ClientAddresses
from recsvc.web.overload import Places


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
