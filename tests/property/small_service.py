"""The service below HTTP for one shop of two customers, with a clock that the test passes.

Its trainer makes models with one item per customer.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from recsvc.domain.api_keys import ALL_SCOPES, ApiKey, KeyKind
from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate, ReasonCode
from recsvc.domain.consent.consent import DAY_US, Purpose
from recsvc.domain.offers.decision_ids import decision_id_signers
from recsvc.domain.offers.offer import Offer
from recsvc.domain.offers.stored_offer import NewOffer
from recsvc.domain.values.customer_keys import CustomerHasher, CustomerKey, Secret
from recsvc.domain.values.ids import CustomerId, OfferId, ShopName
from recsvc.domain.values.timestamps import rfc3339
from recsvc.model.artifact.artifact import Artifact, empty_lists
from recsvc.model.artifact.versions import Versions
from recsvc.model.publish import ManifestFacts, publish
from recsvc.model.registry.registry import ModelRegistry
from recsvc.stores.catalogue.items import CatalogueStore
from recsvc.stores.client.aof_rewrite import AofRewrite
from recsvc.stores.client.connection import Connections
from recsvc.stores.consents.change_writer import ChangeWriter
from recsvc.stores.consents.consented_customers import ConsentedCustomers
from recsvc.stores.consents.consents import ConsentStore
from recsvc.stores.consents.history import HistoryStore
from recsvc.stores.consents.policy import PolicyStore
from recsvc.stores.consents.policy_clock import PolicyClock
from recsvc.stores.customers.erasure import ErasureStore
from recsvc.stores.customers.merge import MergeStore
from recsvc.stores.customers.profiles import ProfileStore
from recsvc.stores.customers.recent_activity import PurchaseStore, RecentEventStore
from recsvc.stores.events.event_log import EventLog
from recsvc.stores.events.events import EventStore
from recsvc.stores.events.trending_counts import TrendingCountStore
from recsvc.stores.offers.claim_records import ClaimRecords
from recsvc.stores.offers.claims import ClaimStore
from recsvc.stores.offers.decisions import DecisionStore
from recsvc.stores.offers.offers import OfferStore
from recsvc.stores.request_read import RequestRead
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.catalogue.catalogue_cache import CatalogueCache
from recsvc.usecases.catalogue.trending_cache import TrendingCache
from recsvc.usecases.customers.privacy import PrivacyService, PrivacyStores
from recsvc.usecases.customers.published_data import PublishedDataReader
from recsvc.usecases.offers.claims import ClaimService
from recsvc.usecases.offers.decide import OfferDecider
from recsvc.usecases.offers.decision_log import DecisionLog
from recsvc.usecases.offers.offers_cache import OffersCache
from recsvc.usecases.offers.tracking import OfferTracking
from recsvc.usecases.recommend.recommend import RecommendationService
from recsvc.wiring.services import before_swap
from tests.consents import now_us
from tests.model_builders import reasoned, top
from training.pipeline import Trained
from training.progress import SILENT
from training.publish.consent_recheck import train_with_recheck
from training.publish.publish import origin
from training.sources.consents import PermittedKeys
from training.sources.ingest import Purchases, Request, read_purchases
from training.sources.item_catalogue import ItemCatalogue
from training.sources.purchase_files import PurchaseFiles

HOLD_US = DAY_US
PATIENCE_SECONDS = 5.0
LONG_AGO_US = 200 * DAY_US
POPULAR = "popular"
_PLAIN = ReasonCode.TRENDING  # a reason without an item


class SmallService:
    """`clock`: microseconds since 1970. Consents are stamped by the store's clock."""

    def __init__(
        self,
        connections: Connections,
        secret: Secret,
        models: Path,
        clock: Callable[[], int],
        max_age_days: int,
    ) -> None:
        self.shop = ShopName(f"shop-{uuid4().hex[:12]}")
        self.connections, self.secret, self.clock = connections, secret, clock
        self.hasher = CustomerHasher(secret, self.shop)
        self.policy_clock = policy_clock = PolicyClock(max_age_days * DAY_US, clock)
        self._make_consent_stores(connections, policy_clock)
        self._make_offer_stores(connections, policy_clock, models)
        self._make_services(connections, models)

    def _make_consent_stores(self, connections: Connections, policy_clock: PolicyClock) -> None:
        change_writer = ChangeWriter(connections)
        self.request_read, self.history = RequestRead(connections), HistoryStore(connections)
        self.consents = ConsentStore(connections, change_writer)
        self.policy = PolicyStore(connections, change_writer)
        self.profiles = ProfileStore(connections, change_writer)
        self.log = EventLog(connections)
        self.events = EventStore(connections, self.secret, 1000, policy_clock)
        self.consented_customers = ConsentedCustomers(connections, self.history, policy_clock)
        self.merges = MergeStore(change_writer, policy_clock)
        self._change_writer = change_writer

    def _make_offer_stores(
        self, connections: Connections, policy_clock: PolicyClock, models: Path
    ) -> None:
        self.offers = OfferStore(connections)
        claims = ClaimStore(connections, HOLD_US, policy_clock, self.clock)
        self._claims, self.claim_records = claims, ClaimRecords(connections, claims)
        decisions = DecisionStore(connections, 2, policy_clock)
        self.decision_log = DecisionLog(decisions, lambda _result, _count: None)
        others = [self.claim_records, decisions]
        self.erasures = ErasureStore(self._change_writer, self.consents, self.log, others)
        self.privacy = PrivacyService(
            PrivacyStores(
                erasures=self.erasures,
                merges=self.merges,
                rewrite=AofRewrite(connections),
                history=self.history,
                profiles=self.profiles,
                recent=RecentEventStore(connections),
                purchases=PurchaseStore(connections),
                log=self.log,
                claims=self.claim_records,
                decisions=decisions,
                models=PublishedDataReader(models / self.shop, self.secret.fingerprint()),
                sections={},
            )
        )

    def _make_services(self, connections: Connections, models: Path) -> None:
        self.versions = Versions(models / self.shop, self.shop)
        self.registry = ModelRegistry(models / self.shop, self.secret.fingerprint())
        catalogues = CatalogueCache(CatalogueStore(connections), self.clock, PATIENCE_SECONDS)
        live_offers = OffersCache(
            self.offers, self.clock, PATIENCE_SECONDS, decision_id_signers(self.secret)
        )
        before_swap(self.registry, catalogues, live_offers)
        live = TrendingCache(TrendingCountStore(connections), self.clock)
        self.recommender = RecommendationService(self.registry, catalogues, live, self.clock)
        self.decider = OfferDecider(
            self.registry, catalogues, live_offers, self.decision_log, self.secret, self.clock
        )
        self.claim_service = ClaimService(
            self._claims, lambda _: self.hasher, self.secret, self.decider.is_eligible
        )
        self.offer_events = OfferTracking(self._claims, self.secret, self.clock)
        self._key = ApiKey("sk-test", self.shop, KeyKind.SECRET, "", ALL_SCOPES, 1)

    def key(self, name: str) -> CustomerKey:
        return self.hasher.key_of(CustomerId(name))

    def context(self, name: str) -> RequestContext:
        """Run the Redis read of a request about a customer."""
        key = self.key(name)
        reply = self.request_read.read(self.shop, key, for_offers=True, uses_write_timeout=True)
        assert reply.consent is not None
        assert reply.epochs is not None
        return RequestContext(
            self._key,
            self.shop,
            key,
            self.policy_clock.status(reply.consent, reply.minimums),
            store_answered=True,
            catalogue_epoch=reply.epochs.catalogue,
            recent_events=reply.recent_events,
            history=reply.history,
            policy=self.policy_clock.policy(reply.minimums),
            offers_epoch=reply.epochs.offers,
            offer_data=reply.offer_data,
        )

    def put_offer(self, offer: Offer, codes: Sequence[str] | None = None) -> None:
        self.offers.put_many(self.shop, [NewOffer(offer, codes)])

    def delete_offer(self, offer_id: str) -> bool:
        return self.offers.delete(self.shop, OfferId(offer_id))

    def permitted(self) -> PermittedKeys:
        """Read the customers whose purchases may be used, as a training does."""
        found = self.consented_customers.permitted(self.shop, Purpose.TRAINING)
        return PermittedKeys(
            found.customers, self.hasher, found.watermark_us, erased=found.erased_at_us
        )

    def train(
        self, bought: Sequence[tuple[str, int]], folder: Path, before_recheck: Callable[[], None]
    ) -> str:
        """Train on purchases (customer, µs since 1970), publish and serve; return the version.

        `before_recheck` runs between the first and the second read of the consents.
        """
        file = folder / f"{self.shop}.csv"
        lines = [f"{name},{item_of(name)},{rfc3339(at_us)}" for name, at_us in bought]
        file.write_text("\n".join(["customer_id,item_id,timestamp", *lines, ""]))
        callbacks = iter([before_recheck])

        def read(permission: Any) -> Purchases:
            request = Request(PurchaseFiles(str(file)), {}, 0.0, datetime.now(UTC))
            purchases = read_purchases(request, permission, (), SILENT)
            next(callbacks, lambda: None)()
            return purchases

        model = train_with_recheck(self.permitted, read, self._fit, self.hasher)
        data = origin(model, ItemCatalogue(), self.versions.current())
        facts = ManifestFacts(self.secret.fingerprint(), seed=1, data=data)
        version = publish(self.versions, model.trained.artifact, facts, now=datetime.now(UTC))
        self.registry.refresh()
        return version

    def activate(self, version: str) -> None:
        """Serve an older version, as `recsvc models activate` does."""
        self.versions.activate(version)
        self.registry.refresh()

    def _fit(self, purchases: Purchases) -> Trained:
        """Give each customer a list with the one item that belongs to them."""
        names = sorted(purchases.lines["customer_id"].unique(), key=self.key)
        items = sorted([POPULAR, *map(item_of, names)])
        own = reasoned([[(items.index(item_of(name)), 0.9, _PLAIN, -1)] for name in names])
        artifact = Artifact(
            item_ids=items,
            customer_keys=[self.key(name) for name in names],
            slates=dict.fromkeys(CustomerSlate, own),
            neighbours={slate: empty_lists(len(items)) for slate in ItemSlate},
            popular=top(items.index(POPULAR)),
            trending=top(),
        )
        # The results of a training are not part of a model.
        return Trained(artifact, cast("Any", None), len(names), len(items), cast("Any", None))


def item_of(name: str) -> str:
    return f"of-{name}"


def long_ago_us() -> int:
    return now_us() - LONG_AGO_US
