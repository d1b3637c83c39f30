"""A whole training in memory, and the lists in its model."""

from collections.abc import Callable, Iterable

import numpy as np
import polars as pl
import pytest

from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate, ReasonCode
from recsvc.domain.values.ids import CustomerId
from recsvc.model.artifact.artifact import Artifact
from tests.unit.training.builders import (
    HASHER,
    Line,
    catalogue_with,
    checkerboard,
    lines,
    new_tastes,
    quick,
    two_tastes,
)
from training.errors import NotPublishable
from training.pipeline import Trained, train
from training.progress import SILENT
from training.publish.consent_recheck import TRAININGS, train_with_recheck
from training.recommenders.registry import competing
from training.sources.consents import AssumeGranted, PermittedIds, TrainingPermission
from training.sources.ingest import Purchases
from training.sources.ingest_report import IngestReport
from training.sources.item_catalogue import ItemCatalogue
from training.sources.returns import net

QUICK = quick()


def purchases(bought: Iterable[Line], *, timed: bool = True) -> Purchases:
    return Purchases(lines(bought), timed, IngestReport())


def trained(bought: Iterable[Line], catalogue: ItemCatalogue | None = None, **how: bool) -> Trained:
    return train(purchases(bought, **how), catalogue or ItemCatalogue(), HASHER, QUICK, SILENT)


def slate_of(artifact: Artifact, slate: CustomerSlate, customer: str) -> list[tuple[str, int, int]]:
    """Return the customer's items with the code and the item row of each reason."""
    row = list(artifact.customer_keys).index(HASHER.key_of(CustomerId(customer)))
    lists = artifact.slates[slate]
    entries = slice(lists.offsets[row], lists.offsets[row + 1])
    names = [artifact.item_ids[item] for item in lists.items[entries]]
    assert lists.reasons is not None
    assert lists.reason_items is not None
    return list(zip(names, lists.reasons[entries], lists.reason_items[entries], strict=True))


def bought_by(bought: Iterable[Line], customer: str) -> set[str]:
    return {item for who, item, _ in bought if who == customer}


def test_discover_shows_nothing_bought_and_buy_again_nothing_else() -> None:
    """`discover` and `buy_again` share no item."""
    artifact = trained(checkerboard()).artifact
    own = bought_by(checkerboard(), "c03")

    assert own.isdisjoint(item for item, _, _ in slate_of(artifact, CustomerSlate.DISCOVER, "c03"))
    assert own == {item for item, _, _ in slate_of(artifact, CustomerSlate.BUY_AGAIN, "c03")}


def test_discover_finds_the_missing_square_first() -> None:
    """The first item is the missing one of the customer's own colour, with an own item as
    the reason.
    """
    artifact = trained(checkerboard()).artifact
    item, code, because = slate_of(artifact, CustomerSlate.DISCOVER, "c03")[0]

    assert item == "i05"
    assert code == ReasonCode.BECAUSE_YOU_BOUGHT
    assert artifact.item_ids[because] in bought_by(checkerboard(), "c03")


def test_a_customer_who_returned_everything_is_not_in_the_model() -> None:
    """The model has no list for the customer, although past windows include them."""
    rows = two_tastes()
    gone = [("gone", "tea-1", 20.0), ("gone", "tea-2", 20.0)]
    table = lines(
        [*rows, *gone, *((who, item, 40.0) for who, item, _ in gone)],
        quantity=[1.0] * (len(rows) + 2) + [-1.0] * 2,
    )
    sold = Purchases(net(table).purchases, True, IngestReport())
    found = train(sold, ItemCatalogue(), HASHER, QUICK, SILENT)

    assert found.customers == found.results.data.customers == 20
    assert HASHER.key_of(CustomerId("gone")) not in found.artifact.customer_keys
    assert len(found.artifact.customer_keys) == 20


@pytest.mark.parametrize("slate", CustomerSlate)
def test_a_reason_always_names_an_item_of_the_customers_own(slate: CustomerSlate) -> None:
    """In every list of every customer, a named item is one that the customer bought."""
    bought = new_tastes()
    artifact = trained(bought).artifact
    named = [
        (customer, artifact.item_ids[because])
        for customer in {customer for customer, _, _ in bought}
        for _, code, because in slate_of(artifact, slate, customer)
        if code == ReasonCode.BECAUSE_YOU_BOUGHT
    ]

    assert [
        (customer, item) for customer, item in named if item not in bought_by(bought, customer)
    ] == []


def test_reasons_are_counted_and_looked_up_in_the_history() -> None:
    """Every named item is found in its customer's history."""
    reasons = trained(new_tastes()).results.reasons

    assert set(reasons) == set(CustomerSlate)
    assert sum(count.named for count in reasons.values()) > 0
    assert all(count.named == count.named_in_history for count in reasons.values())


def test_the_published_model_is_judged_beside_every_base_model() -> None:
    """Results hold every competitor's metrics on each compared window, and the winner's name."""
    results = trained(two_tastes()).results
    for_you = results.slates["for_you"]
    assert results.popular is not None
    assert results.popular.judged_on == f"{results.windows[0].start} to {results.windows[0].end}"
    quality = {found.model.name: found.relative for found in for_you.models}

    assert results.judged
    assert set(competing(CustomerSlate.FOR_YOU)) <= set(quality)
    assert quality[for_you.choice.winner] > quality["popularity"]


def test_a_shop_without_repeats_recommends_new_items() -> None:
    """Without repeat purchases `for_you` equals `discover` and shows items of the
    customer's taste.
    """
    result = trained(new_tastes())
    for_you, discover = (
        slate_of(result.artifact, slate, "c7")
        for slate in (CustomerSlate.FOR_YOU, CustomerSlate.DISCOVER)
    )
    first = [item for item, _, _ in for_you][:10]

    assert for_you == discover
    assert bought_by(new_tastes(), "c7").isdisjoint(first)
    assert {item[0] for item in first} == {"b"}


def test_without_repeats_buy_again_is_unjudged_with_a_reason() -> None:
    """`buy_again` is published with own purchases, the latest first."""
    result = trained(new_tastes())
    choice = result.results.slates["buy_again"].choice
    listed = [item for item, _, _ in slate_of(result.artifact, CustomerSlate.BUY_AGAIN, "c7")]
    newest_first = [item for who, item, _ in reversed(new_tastes()) if who == "c7"]

    assert (choice.judged, choice.winner) == (False, "decayed_personal")
    assert "nothing is bought twice" in choice.reason
    assert "repeats" in result.results.switched_off
    assert "RECSVC_EVENT_WEIGHTS" in result.results.switched_off["views"]
    assert "too few customers" in result.results.switched_off["purchases since training"]
    assert listed == newest_first


@pytest.mark.parametrize(
    "bought",
    [
        [("c", "i", 0.0)],
        [("c", "i", 0.0), ("c", "i", 400.0)],
        [(f"c{n}", "i", float(n)) for n in range(30)],
        [("c", f"i{n}", float(n)) for n in range(30)],
        [(f"c{n}", f"i{n}", 0.0) for n in range(30)],
        [(f"c{n}", f"i{n % 3}", day - 0.5) for n in range(30) for day in (0.0, 39.0)],
    ],
    ids=["one line", "one repeat", "one item", "one customer", "nothing shared", "two midnights"],
)
@pytest.mark.parametrize("timed", [True, False])
def test_tiny_shops_get_a_model(bought: list[Line], timed: bool) -> None:
    """A very short history gives a model with the items that can be ranked."""
    arrays = trained(bought, timed=timed).artifact.to_arrays()

    assert len(arrays["popular_items"]) == len({item for _, item, _ in bought})


def test_an_empty_history_is_not_published() -> None:
    """Without any line the run ends with an error, and the old model stays."""
    with pytest.raises(NotPublishable, match="no purchase"):
        trained([])


def test_popular_items_are_split_by_category() -> None:
    """Each category keeps the overall order; a category that nobody buys from has an empty list."""
    categories = {f"tea-{n}": "Tea" for n in range(6)} | {"nut-0": "Nuts", "gone": "Empty"}
    artifact = trained(two_tastes(), catalogue_with(categories)).artifact
    everywhere = [artifact.item_ids[row] for row in artifact.popular.items]
    tea = [artifact.item_ids[row] for row in artifact.categories["Tea"].items]

    assert set(artifact.categories) == {"Tea", "Nuts", "Empty"}
    assert len(artifact.categories["Empty"].items) == 0
    assert tea == [item for item in everywhere if item.startswith("tea")]


def test_similar_items_are_of_one_taste() -> None:
    """Tea and nuts have no common buyer, so neither is similar to the other."""
    artifact = trained(two_tastes()).artifact
    similar = artifact.neighbours[ItemSlate.SIMILAR]
    owners = np.repeat(np.arange(len(artifact.item_ids)), np.diff(similar.offsets))
    tastes = np.array([item[:3] for item in artifact.item_ids])

    assert len(owners) > 0
    assert (tastes[owners] == tastes[similar.items]).all()


def in_turn(*permissions: TrainingPermission) -> Callable[[], TrainingPermission]:
    """Return a source that gives each permission once, and then always the last one."""
    answers = list(permissions)
    return lambda: answers.pop(0) if len(answers) > 1 else answers[0]


def settled_with(*permissions: TrainingPermission) -> tuple[Artifact, int, int]:
    def read(permission: TrainingPermission) -> Purchases:
        everything = lines(two_tastes())
        return Purchases(
            everything.filter(permission.permits(everything["customer_id"])), True, IngestReport()
        )

    def fit(read: Purchases) -> Trained:
        return train(read, ItemCatalogue(), HASHER, QUICK, SILENT)

    result = train_with_recheck(in_turn(*permissions), read, fit, HASHER)
    return result.trained.artifact, result.trainings, result.withdrawn_during_training


def everybody_but(*gone: str) -> PermittedIds:
    return PermittedIds(frozenset({f"c{n}" for n in range(20)} - set(gone)))


def test_a_withdrawal_during_training_trains_again_without_the_customer() -> None:
    """The second training equals one in which the customer had denied from the start."""
    artifact, trainings, _ = settled_with(AssumeGranted(), everybody_but("c3"))
    without, _, _ = settled_with(everybody_but("c3"))

    assert trainings == 2
    for name, array in without.to_arrays().items():
        assert artifact.to_arrays()[name].tobytes() == array.tobytes(), name


def test_after_repeated_withdrawals_the_customers_lists_are_removed() -> None:
    """A large shop with constant withdrawals can publish; the next run does not use those
    customers.
    """
    permissions = [everybody_but(*[f"c{n}" for n in range(gone)]) for gone in range(TRAININGS + 1)]
    artifact, trainings, withdrawn = settled_with(*permissions)
    gone = HASHER.key_of(CustomerId("c2"))

    assert (trainings, withdrawn) == (TRAININGS, 1)
    assert gone not in artifact.customer_keys
    assert len(artifact.customer_keys) == 17
    assert artifact.to_arrays()["for_you_offsets"].shape == (18,)


def test_polars_and_numpy_agree_on_the_order_of_ids() -> None:
    """Model rows are positions in the bytewise sorted ids, for any characters."""
    ids = ["é", "z", "Z", "ÿ", "0", "𝄞", "ﬁ"]
    artifact = trained([("c", item, 0.0) for item in ids]).artifact

    assert list(artifact.item_ids) == sorted(ids, key=str.encode)
    assert pl.Series(ids).sort().to_list() == sorted(ids, key=str.encode)
