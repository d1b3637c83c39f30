"""`similar`: every item of a catalogue has a list of items that could be taken instead."""

from collections.abc import Mapping

import numpy as np
import pytest

from recsvc.domain.catalogue.slates import ItemSlate
from tests.unit.training.builders import Line, quick
from tests.unit.training.item_slates.shops import (
    fitted,
    gift_items,
    gift_orders,
    item,
    named_lists,
    shop,
)
from training.item_slates import similar_lists
from training.item_slates.item_properties import properties_of
from training.item_slates.judging import fit_item_slates
from training.item_slates.list_shares import shares_of
from training.item_slates.maker import ItemData, Source
from training.item_slates.similar import Similar

TEAS = [item(f"tea-{n:02d}", category="Food > Tea", title=f"Green tea {n}") for n in range(25)]
NUTS = [item(f"nut-{n:02d}", category="Food > Nuts", title=f"Nuts {n}") for n in range(25)]
ONE_BUYER: list[Line] = [("a", "tea-00", 0.0), ("a", "nut-00", 1.0)]


def test_an_item_that_nobody_has_bought_has_a_list_of_its_category() -> None:
    """The item only has to be in the catalogue."""
    listed = named_lists(shop(ONE_BUYER, [*TEAS, *NUTS]), k=5)["tea-07"]

    assert len(listed) == 50 - 1
    assert {name[:3] for name in listed[:24]} == {"tea"}
    assert {name[:3] for name in listed[24:]} == {"nut"}


def test_a_small_category_continues_with_the_children_of_its_parent() -> None:
    """Two black teas are judged as tea; the green teas are a child of it with enough items."""
    green = [item(f"g{n:02d}", category="Food > Tea > Green") for n in range(25)]
    black = [item(f"b{n}", category="Food > Tea > Black") for n in range(2)]
    found = shop([("a", "b0", 0.0), ("a", "nut-00", 1.0)], [*green, *black, *NUTS])
    listed = named_lists(found, k=1)["b0"]

    assert listed[0] == "b1"
    assert {name[0] for name in listed[1:26]} == {"g"}


def test_the_own_category_includes_its_children() -> None:
    """The list of a black tea has one black and nine green teas, all of them teas."""
    green = [item(f"g{n:02d}", category="Food > Tea > Green") for n in range(25)]
    black = [item(f"b{n}", category="Food > Tea > Black") for n in range(2)]
    found = shop([("a", "b0", 0.0)], [*green, *black, *NUTS])
    interactions, catalogue = found
    data = ItemData(interactions, catalogue)
    made = Similar(properties_of(interactions.item_ids, catalogue)).publish("blend", data, quick())

    assert shares_of(made, data).own_category == 1.0


def test_items_of_similar_titles_come_first_without_purchases() -> None:
    """Within a category, shared words decide where behaviour says nothing."""
    items = [*TEAS, item("x", category="Food > Tea", title="Earl grey bags")]
    items.append(item("y", category="Food > Tea", title="Earl grey bag, 20 pieces"))
    lists = named_lists(shop(ONE_BUYER, items), k=5)

    assert (lists["x"][0], lists["y"][0]) == ("y", "x")


def test_brand_attributes_and_price_decide_between_equal_titles() -> None:
    other = {"category": "Tea", "title": "Tea"}
    items = [item(f"o{n:02d}", brand="B", price=9.0, **other) for n in range(25)]
    items += [item("a", brand="A", price=3.0, attributes={"bio": True}, **other)]
    items += [item("b", brand="A", price=9.0, **other), item("c", price=3.1, **other)]
    items += [item("d", attributes={"bio": True}, **other)]
    listed = named_lists(shop([("u", "o00", 0.0)], items), k=5)["a"]

    assert {"b", "c", "d"} == set(listed[:3])


def test_items_that_customers_switch_between_come_before_items_bought_together() -> None:
    """Eight customers buy 1 after 0; eight others buy 2 with 0, in every order."""
    bought: list[Line] = []
    for customer in range(8):
        bought += [(f"s{customer}", f"tea-{day % 2:02d}", day * 9.0) for day in range(4)]
        bought += [
            (f"t{customer}", each, day * 9.0) for day in range(4) for each in ("tea-00", "tea-02")
        ]
    titles = [item(f"tea-{n:02d}", category="Tea") for n in range(25)]
    listed = named_lists(shop(bought, titles), k=5)["tea-00"]

    assert listed.index("tea-01") < listed.index("tea-02") < listed.index("tea-03")


def test_a_gift_shop_lists_one_family_beside_each_other() -> None:
    """Single orders, no categories: jumbo bags are similar to jumbo bags, as by cosine."""
    found = shop(gift_orders(), gift_items())

    assert _own_family(named_lists(found, k=5)) >= 0.98
    assert _own_family(named_lists(found, k=5, candidate="cosine")) <= 0.99


def test_the_published_lists_of_a_gift_shop_stay_in_the_family() -> None:
    """Single orders leave nothing to judge by, so the default is published."""
    interactions, catalogue = shop(gift_orders(), gift_items())
    data = ItemData(interactions, catalogue)
    maker = Similar(properties_of(interactions.item_ids, catalogue))
    slates = fit_item_slates([maker], data, quick(k_anonymity=5))
    made, ids = slates.lists[ItemSlate.SIMILAR].lists, interactions.item_ids
    lists = {ids[row]: [ids[each] for each in made.columns[row, :5]] for row in range(len(ids))}

    assert not slates.results["similar"].choice.judged
    assert _own_family(lists) >= 0.98


def _own_family(lists: Mapping[str, list[str]]) -> float:
    """Return the share of each item's family among the first five of its list."""
    own = [np.mean([name[:2] == each[:2] for each in listed[:5]]) for name, listed in lists.items()]

    return float(np.mean(own))


def test_a_gift_shop_without_titles_is_served_by_behaviour() -> None:
    """The lists are as good as those of the cosine of customers."""
    found = shop(gift_orders())
    lists = [named_lists(found, k=5, candidate=name) for name in ("blend", "cosine")]

    assert lists[0] == lists[1]
    assert all(name[:2] == listed[0][:2] for name, listed in lists[0].items())


def test_a_category_too_large_to_compare_uses_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items of the same customers and of similar text come first, then the popular ones of the
    category; other categories come last.
    """
    monkeypatch.setattr(similar_lists, "LARGEST_GROUP", 10)
    items = [*gift_items(category="Gifts > All"), *TEAS, *NUTS]
    lists = named_lists(shop(gift_orders(), items), k=5)

    assert {name[:2] for name in lists["BA-RE"][:5]} == {"BA"}
    assert all("-" in name and name[:3] not in ("tea", "nut") for name in lists["BA-RE"][:29])
    assert {name[:3] for name in lists["tea-03"][:24]} == {"tea"}


def test_a_shop_without_catalogue_lists_pairs_of_enough_customers() -> None:
    """Of two pairs, one has four customers and one has five."""
    bought = [(f"a{n}", each, float(n)) for n in range(5) for each in ("p", "q")]
    bought += [(f"b{n}", each, float(n)) for n in range(4) for each in ("r", "s")]
    found = shop(bought)

    assert named_lists(found, k=5) == {"p": ["q"], "q": ["p"], "r": [], "s": []}
    assert named_lists(found, k=4)["r"] == ["s"]


def test_fewer_customers_than_k_change_no_score() -> None:
    """The pair of four customers has the scores of a shop in which they bought neither item."""
    items = [item(f"i{n:02d}", category="Tea", title=f"Tea {n}") for n in range(25)]
    many: list[Line] = [(f"a{n}", f"i{n % 25:02d}", 0.0) for n in range(50)]
    few: list[Line] = [(f"b{n}", each, 1.0 + n) for n in range(4) for each in ("i03", "i04")]
    with_few, without = (fitted(shop(rows, items), k=7) for rows in ([*many, *few], many))

    assert with_few.lists.columns.tolist() == without.lists.columns.tolist()
    assert with_few.lists.scores.tolist() == without.lists.scores.tolist()
    assert with_few.hidden == 2


def test_a_sensitive_item_has_no_row_and_is_in_no_list() -> None:
    hidden = item("tea-99", category="Food > Tea", title="Green tea 99", sensitive=True)
    lists = named_lists(shop(ONE_BUYER, [*TEAS, hidden]), k=1)

    assert "tea-99" not in lists
    assert not any("tea-99" in listed for listed in lists.values())


def test_a_list_has_two_variants_of_a_product_at_most() -> None:
    """Sizes of one shirt would fill the list."""
    shirts = [
        item(
            f"{product}-{size}", category="Shirts", title=f"Shirt {product}", item_group_id=product
        )
        for product in ("a", "b", "c", "d", "e", "f")
        for size in range(12)
    ]
    lists = named_lists(shop([("u", "a-0", 0.0)], shirts), k=1)
    counts = [
        np.unique([name[0] for name in listed], return_counts=True)[1] for listed in lists.values()
    ]

    assert max(map(max, counts)) == 2
    assert min(map(len, lists.values())) >= 10


def test_scores_descend_from_one_and_stay_above_zero() -> None:
    found = fitted(shop(gift_orders(), [*gift_items(category="Gifts"), *TEAS, *NUTS]), k=5)
    listed, scores = found.lists.listed, found.lists.scores

    assert (scores[listed] > 0).all()
    assert (np.diff(scores, axis=1) <= 0).all()
    assert scores[:, 0].tolist() == [1.0] * len(scores)


def test_sources_tell_behaviour_content_and_category_apart() -> None:
    items = [item(f"i{n:02d}", category="Tea") for n in range(25)]
    items += [
        item("t1", category="Tea", title="Oolong"),
        item("t2", category="Tea", title="Oolong"),
    ]
    bought = [(f"c{n}", each, 0.0) for n in range(5) for each in ("i00", "i01")]
    found = fitted(shop(bought, items), k=5)

    assert found.sources[0, :2].tolist() == [Source.BEHAVIOUR, Source.CATEGORY]
    assert found.sources[25][found.lists.columns[25] == 26] == [Source.CONTENT]


def test_the_blend_beats_content_alone_where_customers_switch() -> None:
    """Judging measures every candidate on the same cases."""
    rng = np.random.default_rng(3)
    bought = [
        (f"c{customer:03d}", f"tea-{taste * 5 + rng.integers(5):02d}", float(day))
        for customer in range(150)
        for taste in [customer % 5]
        for day in range(0, 40, 5)
    ]
    interactions, catalogue = shop(bought, TEAS)
    maker = Similar(properties_of(interactions.item_ids, catalogue))
    history = interactions.history
    known, later = history.before(30.0 + history.days.min()), history
    data = ItemData(interactions, catalogue)
    figures = maker.figures(
        known, later.between(known.now, later.now), data, quick(k_anonymity=5), 1, judging=True
    )

    assert set(figures) == {each.name for each in maker.candidates}
    assert len({len(each.hits) for each in figures.values()}) == 1
    assert figures["blend"].reciprocal.mean() > 2 * figures["content"].reciprocal.mean()
