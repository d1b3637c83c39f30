"""What may be done with models: trained from what is permitted, published, gone back to, asked."""

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

MOST_MODELS = 3  # of one example: each takes as long as many other steps


@dataclass(frozen=True)
class KnownModel:
    """A version, whose lists are in it, and when it was made."""

    version: str
    customers: frozenset[str]
    made_at: int


class ModelRules(ConsentRules):
    """Everybody has bought something long ago, which counts until an erasure forgets it."""

    def __init__(self) -> None:
        super().__init__()
        self.models: list[KnownModel] = []
        self.served: KnownModel | None = None
        self.bought = [(name, long_ago_us()) for name in CUSTOMERS]

    @rule(name=NAMES)
    def buys(self, name: str) -> None:
        """In a shop whose tills know nothing of consents."""
        self.bought.append((name, now_us()))
        self.expected[name].bought_at.append(self.next_moment())

    @precondition(lambda self: len(self.models) < MOST_MODELS)
    @rule(withdrawing=st.none() | NAMES)
    def trains(self, withdrawing: str | None) -> None:
        """Learn from who permits it; who withdraws meanwhile is in no list either."""

        def meanwhile() -> None:
            if withdrawing is not None:
                self.records_statement(withdrawing, {Purpose.TRAINING}, granted=False, version=None)

        self.policy_changes(Purpose.EMAIL, self.minimums.get(Purpose.EMAIL))  # is counted in
        version = self.service.train(self.bought, self.folder, meanwhile)
        learned = [
            name
            for name in CUSTOMERS
            if self.expects_permission(name, Purpose.TRAINING) and self.expected[name].is_trainable
        ]
        self.served = KnownModel(version, frozenset(learned), self.next_moment())
        self.models.append(self.served)
        model = self.service.shelf.model(self.shop)

        assert model is not None
        assert model.version == version
        assert {name for name in CUSTOMERS if self.stands_in(name)} == set(learned)

    def stands_in(self, name: str) -> bool:
        """Whether the folder of the version that is served holds the customer's key or item."""
        assert self.served is not None
        folder = self.service.versions.folder(self.served.version)
        held = b"".join(file.read_bytes() for file in folder.iterdir())
        return self.keys[name] in held or item_of(name).encode() in held

    @precondition(lambda self: self.models)
    @rule(place=st.integers(0, 20))
    def goes_back(self, place: int) -> None:
        """Serve any version that there is, also one that was left for its successor."""
        self.served = self.models[place % len(self.models)]
        self.service.activate(self.served.version)

    def check_content(self, name: str, context: RequestContext) -> None:
        """Something personal exactly where it is permitted, by a model that still knows them."""
        super().check_content(name, context)
        own, anybodys = (self.answer(context, denied=denied) for denied in (False, True))
        shown = [item.item_id for item in own.items]

        if self.expects_permission(name, Purpose.PERSONALIZATION) and self.is_known(name):
            assert own.personalized
            assert shown[0] == item_of(name)
        else:
            assert not own.personalized
            assert own.items == anybodys.items
        assert item_of(other_than(name)) not in shown

    def answer(self, context: RequestContext, *, denied: bool) -> Answer:
        return self.service.recommender.recommend_for(
            context, CustomerSlate.FOR_YOU, ListQuery(n=5), denied=denied
        )

    def is_known(self, name: str) -> bool:
        """Whether the served version has a list of who was not erased since it was made."""
        erased_at = self.expected[name].erased_at
        return (
            self.served is not None
            and name in self.served.customers
            and (erased_at is None or self.served.made_at > erased_at)
        )
