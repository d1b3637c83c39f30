"""Rules of the stateful test about models: train, publish, activate, request lists."""

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import CustomerSlate
from recsvc.domain.consent.consent import Purpose
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.recommend.answers import Answer
from tests.consents import now_us
from tests.property.consent_rules import CUSTOMERS, NAMES, ConsentRules, other_than
from tests.property.small_service import item_of, long_ago_us

MAX_MODELS = 3  # of one example: each takes as long as many other steps


@dataclass(frozen=True)
class ExpectedModel:
    """A version, the customers in its lists, and its time."""

    version: str
    customers: frozenset[str]
    made_at: int


class ModelRules(ConsentRules):
    """Each customer has an old purchase, which counts until an erasure."""

    def __init__(self) -> None:
        super().__init__()
        self.models: list[ExpectedModel] = []
        self.served: ExpectedModel | None = None
        self.bought = [(name, long_ago_us()) for name in CUSTOMERS]

    @rule(name=NAMES)
    def buys(self, name: str) -> None:
        """Record a purchase in a shop system that has no consents."""
        self.bought.append((name, now_us()))
        self.expected[name].bought_at.append(self.next_moment())

    @precondition(lambda self: len(self.models) < MAX_MODELS)
    @rule(withdrawing=st.none() | NAMES)
    def trains(self, withdrawing: str | None) -> None:
        """Train on permitted purchases, and let a customer withdraw during the training."""

        def before_recheck() -> None:
            if withdrawing is not None:
                self.records_statement(withdrawing, {Purpose.TRAINING}, granted=False, version=None)

        self.policy_changes(Purpose.EMAIL, self.minimums.get(Purpose.EMAIL))  # is counted in
        version = self.service.train(self.bought, self.folder, before_recheck)
        learned = [
            name
            for name in CUSTOMERS
            if self.expects_permission(name, Purpose.TRAINING) and self.expected[name].is_trainable
        ]
        self.served = ExpectedModel(version, frozenset(learned), self.next_moment())
        self.models.append(self.served)
        model = self.service.registry.model(self.shop)

        assert model is not None
        assert model.version == version
        assert {name for name in CUSTOMERS if self.is_in_model(name)} == set(learned)

    def is_in_model(self, name: str) -> bool:
        """Return True if the served version's folder has the customer's key or item."""
        assert self.served is not None
        folder = self.service.versions.folder(self.served.version)
        held = b"".join(file.read_bytes() for file in folder.iterdir())
        return self.keys[name] in held or item_of(name).encode() in held

    @precondition(lambda self: self.models)
    @rule(place=st.integers(0, 20))
    def activates(self, place: int) -> None:
        """Serve any earlier or later version."""
        self.served = self.models[place % len(self.models)]
        self.service.activate(self.served.version)

    def check_content(self, name: str, context: RequestContext) -> None:
        """Check that the lists are personal exactly where consent and the model permit it."""
        super().check_content(name, context)
        own, generic = (self.answer(context, denied=denied) for denied in (False, True))
        shown = [item.item_id for item in own.items]

        if self.expects_permission(name, Purpose.PERSONALIZATION) and self.is_in_lists(name):
            assert own.personalized
            assert shown[0] == item_of(name)
        else:
            assert not own.personalized
            assert own.items == generic.items
        assert item_of(other_than(name)) not in shown

    def answer(self, context: RequestContext, *, denied: bool) -> Answer:
        return self.service.recommender.recommend_for(
            context, CustomerSlate.FOR_YOU, ListQuery(n=5), denied=denied
        )

    def is_in_lists(self, name: str) -> bool:
        """Return True if the served version lists the customer and is newer than an erasure."""
        erased_at = self.expected[name].erased_at
        return (
            self.served is not None
            and name in self.served.customers
            and (erased_at is None or self.served.made_at > erased_at)
        )
