"""Recent events rerank the lists of the next answer. The model is built by hand."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.catalogue.list_query import Filters, ListQuery
from recsvc.domain.catalogue.slates import (
    AnonymousSlate,
    CustomerSlate,
    Fallback,
    ItemSlate,
    ReasonCode,
)
from recsvc.domain.consent.gate import Sealed
from recsvc.domain.customers.recent_events import RecentKind, encode
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ItemId, ShopName
from recsvc.model.artifact.artifact import Artifact, empty_lists
from recsvc.model.ranking.catalogue_columns import CatalogueColumns
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.loader import load
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.catalogue.catalogue_cache import CatalogueSnapshot
from recsvc.usecases.recommend.answers import Answer
from recsvc.usecases.recommend.built_lists import Placement
from recsvc.usecases.recommend.recommend import RecommendationService
from tests.model_builders import (
    FINGERPRINT,
    SHOP,
    Entry,
    customer,
    neighbours,
    published,
    reasoned,
    top,
)
from tests.unit.usecases.recommend.test_recommend import GRANTED, NoTrends, OneModel, ids
from tests.unit.usecases.recommend.test_recommend import context as of_granted

DAY = 86_400
NOW = 20_000 * DAY
KNOWN, STRANGER = customer(1), CustomerKey(b"\xff" * 16)
LETTERS = [*"abcdefghijkl"]  # popular in this order; the known customer's own list runs from l to c
BOUGHT, DUE = ReasonCode.BECAUSE_YOU_BOUGHT, ReasonCode.BUY_AGAIN_DUE
V, C, R, P = (
    RecentKind.VIEW,
    RecentKind.ADD_TO_CART,
    RecentKind.REMOVE_FROM_CART,
    RecentKind.PURCHASE,
)

TEN = ListQuery()

Recent = tuple[RecentKind, float, str]  # kind, days ago, item


def _own(rows: Sequence[int]) -> list[Entry]:
    """Return entries: g, d and c were bought, and g is the reason of the others."""
    return [(row, row / 10, *((DUE, -1) if row in (6, 3, 2) else (BOUGHT, 6))) for row in rows]


def letters(*, intervals: bool = True) -> Artifact:
    """Return a model in which a and b, neighbours of i and j, are on no list of the customer."""
    none: list[list[int]] = [[] for _ in LETTERS]
    near = none[:]
    near[7], near[8], near[9], near[10] = [11], [0], [1, 0, 5], [6]
    of_days = np.full(len(LETTERS), 10.0)
    of_days[3] = np.nan
    return Artifact(
        item_ids=LETTERS,
        customer_keys=[KNOWN],
        slates={
            CustomerSlate.FOR_YOU: reasoned([_own(range(11, 1, -1))]),
            CustomerSlate.DISCOVER: reasoned([_own([7, 5, 4])]),
            CustomerSlate.BUY_AGAIN: reasoned([_own([6, 3, 2])]),
        },
        neighbours={
            ItemSlate.SIMILAR: neighbours(near),
            ItemSlate.BOUGHT_TOGETHER: empty_lists(len(LETTERS)),
        },
        popular=top(*range(len(LETTERS))),
        trending=top(),
        intervals=of_days if intervals else None,
    )


class Catalogue:
    """Returns the same live items for every request."""

    def __init__(self, model: LoadedModel, *items: CatalogueItem) -> None:
        columns = CatalogueColumns()
        for item in items:
            columns.put(item.item_id, item, b"")
        self.live_items = LiveItems(model, columns, 0)

    def at(self, _shop: ShopName, _epoch: int | None, _model: LoadedModel) -> CatalogueSnapshot:
        return CatalogueSnapshot(self.live_items, is_current=True)


Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, LoadedModel]:
    """Return a model with intervals and one without."""
    return {
        intervals: load(
            published(tmp_path_factory.mktemp("models"), letters(intervals=intervals)),
            shop=SHOP,
            fingerprint=FINGERPRINT,
        )
        for intervals in (True, False)
    }


def recommender(model: LoadedModel, *items: CatalogueItem) -> RecommendationService:
    return RecommendationService(
        OneModel(model), Catalogue(model, *items), NoTrends(), lambda: NOW * 1_000_000
    )


def context(key: CustomerKey, *recent: Recent) -> RequestContext:
    entries = [encode(kind, int(NOW - days * DAY), ItemId(item)) for kind, days, item in recent]
    sealed = Sealed(key, entries)
    return replace(of_granted(key, GRANTED), recent_events=sealed)


@pytest.fixture
def ask(models: dict[bool, LoadedModel]) -> Ask:
    def ask(
        *recent: Recent,
        key: CustomerKey = KNOWN,
        slate: CustomerSlate = CustomerSlate.FOR_YOU,
        query: ListQuery = TEN,
        items: Sequence[CatalogueItem] = (),
        intervals: bool = True,
    ) -> Answer:
        service = recommender(models[intervals], *items)
        return service.recommend_for(context(key, *recent), slate, query)

    return ask


def reason_of(answer: Answer, item: str) -> tuple[str, str | None]:
    (found,) = [each.reason for each in answer.items if each.item_id == item]
    return found.code, found.item_id


def test_without_events_the_list_is_unchanged(ask: Ask) -> None:
    """Without recent events the list keeps its order; scores are the worths of its places."""
    answer = ask()

    assert ids(answer) == [*"lkjihgfedc"]
    assert [item.score for item in answer.items[:3]] == [1.0, 0.63093, 0.5]


def test_one_view_brings_a_neighbour_into_the_first_ten(ask: Ask) -> None:
    """The neighbour enters below the top of the list, with the viewed item as its reason."""
    answer = ask((V, 0, "i"))

    assert ids(answer)[:4] == [*"lkji"]
    assert ids(answer)[4] == "a"
    assert reason_of(answer, "a") == ("because_you_viewed", "i")


@pytest.mark.parametrize(("kind", "reason"), [(C, "because_you_viewed"), (P, "because_you_bought")])
def test_a_cart_and_a_purchase_weigh_more_than_a_view(
    ask: Ask, kind: RecentKind, reason: str
) -> None:
    """The neighbour ranks higher than after a view, and the reason names the kind of event."""
    answer = ask((kind, 0, "i"))

    assert ids(answer)[:3] == ["l", "k", "a"]
    assert reason_of(answer, "a") == (reason, "i")


def test_the_top_voter_is_the_reason(ask: Ask) -> None:
    """Items i and j both vote for a; the vote of i is larger."""
    answer = ask((V, 0, "j"), (V, 1, "i"))

    assert reason_of(answer, "a") == ("because_you_viewed", "i")
    assert reason_of(answer, "b") == ("because_you_viewed", "j")


def test_an_old_view_weighs_less(ask: Ask) -> None:
    """The older the view, the lower its neighbour ranks."""
    places = [ids(ask((V, days, "i"), query=ListQuery(12))).index("a") for days in (0, 3, 7, 60)]

    assert places == [4, 9, 10, 10]


def test_an_event_in_the_future_counts_as_one_of_now(ask: Ask) -> None:
    """Clocks differ, so a future time is treated as the current time."""
    assert ask((V, -400, "i")) == ask((V, 0, "i"))


@pytest.mark.parametrize("earlier", [(), ((C, 1, "i"),), ((V, 1, "i"), (C, 2, "i"))])
def test_an_item_removed_from_the_cart_has_no_vote(ask: Ask, earlier: tuple[Recent, ...]) -> None:
    """Only the latest event of an item counts."""
    assert ids(ask((R, 0, "i"), *earlier)) == ids(ask())


def test_a_voted_item_rises_in_the_list(ask: Ask) -> None:
    """Item f is a neighbour of j; it keeps the reason of the trained list."""
    answer = ask((V, 0, "j"))

    assert ids(answer).index("f") < ids(ask()).index("f")
    assert reason_of(answer, "f") == ("because_you_bought", "g")


def test_a_bought_item_is_on_cooldown(ask: Ask) -> None:
    """A bought item comes last for half of its interval, then at its usual place."""
    places = [ids(ask((P, days, "g"), query=ListQuery(12))).index("g") for days in (0, 4.9, 5, 30)]

    assert places == [11, 11, 5, 5]


def test_an_item_without_an_interval_stays_on_cooldown(ask: Ask) -> None:
    """Item d has no interval in a model with intervals; a model without them uses the default."""
    long_ago = (P, 170, "d")

    assert ids(ask(long_ago, query=ListQuery(12)))[-1] == "d"
    assert "d" in ids(ask(long_ago, intervals=False))
    assert ids(ask((P, 6, "d"), query=ListQuery(12), intervals=False))[-1] == "d"


def test_an_item_on_cooldown_is_last_in_buy_again(ask: Ask) -> None:
    """Votes add nothing to `buy_again`, and the list stays complete."""
    answer = ask((P, 0, "g"), (V, 0, "i"), slate=CustomerSlate.BUY_AGAIN)

    assert ids(answer) == ["d", "c", "g"]
    assert (answer.personalized, answer.fallback) == (True, None)


def test_a_purchase_after_training_enters_buy_again_when_due(ask: Ask) -> None:
    """The item enters `buy_again` although the training data does not contain its purchase."""
    due = ask((P, 6, "k"), slate=CustomerSlate.BUY_AGAIN)
    too_early = ask((P, 2, "k"), slate=CustomerSlate.BUY_AGAIN)

    assert ids(due) == ["g", "d", "c", "k"]
    assert reason_of(due, "k") == ("buy_again_due", None)
    assert ids(too_early) == ["g", "d", "c"]


def test_discover_excludes_purchases_after_training(ask: Ask) -> None:
    """A bought item is excluded from the list, from the votes and from the top-up."""
    answer = ask((P, 100, "h"), (P, 0, "a"), (V, 0, "i"), slate=CustomerSlate.DISCOVER)

    assert not {"h", "a", "g", "d", "c"} & set(ids(answer))
    assert ids(answer)[:2] == ["f", "e"]


def test_discover_adds_neighbours_that_were_never_bought(ask: Ask) -> None:
    """Item j votes for b, a and f: f is on the list, b and a enter."""
    answer = ask((C, 0, "j"), slate=CustomerSlate.DISCOVER, query=ListQuery(5))

    assert ids(answer) == ["h", "f", "b", "e", "a"]


def test_discover_excludes_purchases_before_training(ask: Ask) -> None:
    """Item g, the neighbour of k, was bought, as the customer's lists show."""
    assert "g" in ids(ask((C, 0, "k"), key=STRANGER, slate=CustomerSlate.DISCOVER))
    assert "g" not in ids(ask((C, 0, "k"), slate=CustomerSlate.DISCOVER))


def test_an_unknown_customer_is_personal_from_the_first_event(ask: Ask) -> None:
    """Voted items come first, then popular items; items on cooldown come last."""
    viewed = ask((V, 0, "j"), key=STRANGER, query=ListQuery(12))
    bought = ask((P, 0, "j"), key=STRANGER, query=ListQuery(12))

    assert (viewed.personalized, viewed.fallback, viewed.slate) == (True, None, "for_you")
    assert ids(viewed) == [*"bafcdeghijkl"]
    assert ids(bought) == [*"bafcdeghiklj"]


def test_purchases_of_an_unknown_customer_return_when_due(ask: Ask) -> None:
    """Due items come first, the latest purchase before the others."""
    recent = ((P, 6, "e"), (P, 9, "f"), (P, 1, "g"))

    assert ids(ask(*recent, key=STRANGER))[:2] == ["e", "f"]
    again = ask(*recent, key=STRANGER, slate=CustomerSlate.BUY_AGAIN)
    assert ids(again) == ["e", "f"]
    assert again.personalized


@pytest.mark.parametrize("slate", CustomerSlate)
@pytest.mark.parametrize("recent", [(), ((V, 0, "zebra"),), ((R, 0, "i"),)])
def test_events_without_weight_do_not_personalize(
    ask: Ask, slate: CustomerSlate, recent: tuple[Recent, ...]
) -> None:
    """No event, an unknown item and a removal from the cart leave an unknown customer unknown."""
    answer = ask(*recent, key=STRANGER, slate=slate)

    assert (answer.personalized, answer.fallback) == (False, Fallback.UNKNOWN_CUSTOMER)
    assert ids(answer) == LETTERS[:10]


def test_a_sensitive_item_neither_votes_nor_is_named(ask: Ask) -> None:
    """A sensitive item has no vote and is never named as a reason."""
    sensitive = [CatalogueItem(ItemId("i"), sensitive=True)]

    assert ids(ask((V, 0, "i"), items=sensitive)) == ids(ask(items=sensitive))
    assert not ask((V, 0, "i"), key=STRANGER, items=sensitive).personalized


def test_an_unavailable_item_never_enters(ask: Ask) -> None:
    """An unavailable item stays out, whatever its votes."""
    assert "a" not in ids(ask((C, 0, "i"), items=[CatalogueItem(ItemId("a"), in_stock=False)]))


def test_filters_apply_to_voted_items(ask: Ask) -> None:
    """Only f, of the neighbours of j, is in the category."""
    items = [CatalogueItem(ItemId(item), category="x") for item in "cdf"]
    only_x = ListQuery(filters=Filters(categories=("x",)))

    assert ids(ask((C, 0, "j"), key=STRANGER, query=only_x, items=items)) == ["f", "c", "d"]


def test_an_item_outside_the_model_is_on_cooldown_too(ask: Ask) -> None:
    """The item comes last, as in the anonymous list, so the answer is not personalized."""
    listed = [CatalogueItem(ItemId("new"))]
    answer = ask((P, 0, "new"), key=STRANGER, items=listed, query=ListQuery(13))

    assert not answer.personalized
    assert ids(answer) == [*LETTERS, "new"]
    assert "new" not in ids(ask((P, 90, "new"), items=listed, slate=CustomerSlate.DISCOVER))


def test_a_basket_is_completed_for_an_unknown_customer(models: dict[bool, LoadedModel]) -> None:
    """Neighbours of the viewed item come before popular items; the item on cooldown comes last."""
    service = recommender(models[True])
    recent = context(STRANGER, (V, 0, "j"), (P, 0, "a"))
    answer = service.complete_basket(recent, [ItemId("h")], ListQuery(11))

    assert ids(answer) == [*"lbfcdegijka"]
    assert (answer.personalized, answer.fallback) == (True, None)


def test_no_item_is_twice_on_a_page(models: dict[bool, LoadedModel]) -> None:
    """Neither voted items nor items on cooldown are repeated."""
    lists = [
        Placement(CustomerSlate.FOR_YOU, ListQuery(5)),
        Placement(CustomerSlate.DISCOVER, ListQuery(3)),
        Placement(CustomerSlate.BUY_AGAIN, ListQuery(3)),
        Placement(AnonymousSlate.POPULAR, ListQuery(2)),
    ]
    pages = recommender(models[True]).fill_page(context(KNOWN, (C, 0, "j"), (P, 0, "g")), lists)
    shown = [item for answer in pages for item in ids(answer)]

    assert len(shown) == len(set(shown))
    assert ids(pages[0])[-1] != "g"


recents = st.lists(
    st.tuples(st.sampled_from(RecentKind), st.floats(-1, 179), st.sampled_from([*LETTERS, "zz"])),
    max_size=20,
)


@given(
    recent=recents,
    slate=st.sampled_from(CustomerSlate),
    key=st.sampled_from([KNOWN, STRANGER]),
    n=st.integers(1, 14),
)
def test_every_list_keeps_the_promise_of_its_slate(
    models: dict[bool, LoadedModel],
    recent: list[Recent],
    slate: CustomerSlate,
    key: CustomerKey,
    n: int,
) -> None:
    """Lists are complete and without repeated items; `discover` contains no bought item."""
    service = recommender(models[True])
    answer = service.recommend_for(context(key, *recent), slate, ListQuery(n))
    shown = ids(answer)
    bought = {item for kind, _, item in recent if kind is P}
    known = {*"gdc"} if key == KNOWN else set()

    assert len(set(shown)) == len(shown) <= n
    assert set(shown) <= set(LETTERS)
    assert answer.slate != "discover" or not (bought | known) & set(shown)
    assert answer.slate != "buy_again" or set(shown) <= bought | known
    assert answer.slate != "for_you" or len(shown) == min(n, len(LETTERS))


def test_events_of_another_customer_are_never_opened(models: dict[bool, LoadedModel]) -> None:
    """The sealed events of another customer raise an error."""
    mixed = replace(context(KNOWN), recent_events=context(STRANGER, (V, 0, "i")).recent_events)

    with pytest.raises(TypeError):
        recommender(models[True]).recommend_for(mixed, CustomerSlate.FOR_YOU, ListQuery())
