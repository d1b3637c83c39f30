"""Items beyond the head are candidates, by the items of the customers who bought them."""

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from tests.unit.training.builders import Line, history, interactions, quick
from training.dataset.training_data import training_data_of
from training.progress import SILENT
from training.ranking.candidate_features import FittedCutoff, fit_cutoff
from training.ranking.candidates import Pool, PoolSize, pool_candidates
from training.recommenders.constants import Constants
from training.recommenders.rare_items import RareItemNeighbours
from training.selection.inference import rank_slates
from training.selection.model_selection import select_models


def two_tastes_with_rare(customers: int = 24) -> list[Line]:
    """Every customer buys items of their taste; a few also buy the rare item of the taste."""
    return [
        (f"c{customer:02d}", f"{taste}-{item}", visit * 5.0 + customer / 100)
        for customer in range(customers)
        for taste in ["tea" if customer % 2 else "nut"]
        for visit in range(10)
        for item in [
            str((customer + visit) % 4),
            *(["rare"] if customer < 8 and visit == 3 else []),
        ]
    ]


BOUGHT = interactions(two_tastes_with_rare())
SHOP, ITEMS = BOUGHT.history, BOUGHT.item_ids
CUSTOMERS = np.arange(SHOP.customers_total)


def fitted(head_limit: int) -> FittedCutoff:
    return fit_cutoff(SHOP, 10.0, 1, PoolSize(), Constants(head_limit=head_limit))


def pool_of(head_limit: int, size: PoolSize | None = None) -> Pool:
    return pool_candidates(fitted(head_limit).base_models, CUSTOMERS, size or PoolSize())


def test_items_beyond_the_limit_are_rare() -> None:
    """The head has the items of most buyers; the others that were bought are rare."""
    data = training_data_of(SHOP, head_limit=8)

    assert {"nut-rare", "tea-rare"} == {ITEMS[item] for item in data.rare}
    assert not np.isin(data.head, data.rare).any()


def test_a_rare_item_is_a_candidate_of_the_customers_with_its_taste() -> None:
    """Each customer's pool has the rare item of their taste, and not the other one."""
    pool = pool_of(head_limit=8)
    rare = {
        (int(customer), ITEMS[item])
        for customer, item in zip(pool.customers, pool.items, strict=True)
        if ITEMS[item].endswith("rare")
    }

    assert {
        (customer, "tea-rare" if BOUGHT.customer_ids[customer][-1] in "13579" else "nut-rare")
        for customer in CUSTOMERS.tolist()
    } == rare


def test_the_score_of_a_rare_item_is_that_of_item_neighbours() -> None:
    """The candidate has the votes of the customer's items in the column of item neighbours."""
    models = fitted(head_limit=8).base_models
    pool = pool_candidates(models, CUSTOMERS, PoolSize())
    column = list(models.proposers).index("item_neighbours")
    rare = np.isin(pool.items, models.training_data.rare)

    assert (pool.scores[rare, column] > 0).all()
    assert (pool.scores[rare].sum(axis=1) == pool.scores[rare, column]).all()


def test_the_pool_limits_rare_items() -> None:
    """Without places for rare items, only the customer's own ones are candidates."""
    pool = pool_of(8, PoolSize(rare=0))
    rare = np.isin(pool.items, fitted(8).base_models.training_data.rare)

    assert pool.owned[rare].all()
    assert rare.sum() == 8


def test_a_rare_item_is_ranked() -> None:
    """A published `discover` list has the rare item of the customer's taste."""
    settings = quick(constants=Constants(head_limit=8))
    selected = select_models(SHOP, settings, SILENT)
    pool = pool_candidates(selected.cutoff.base_models, CUSTOMERS, settings.size)
    ranked = rank_slates(selected, pool, CUSTOMERS, 10)[CustomerSlate.DISCOVER].items
    last = BOUGHT.customer_ids.index("c23")

    assert "tea-rare" in {ITEMS[item] for item in ranked[last] if item >= 0}


def test_nothing_is_rare_in_a_small_catalogue() -> None:
    """With fewer items than the limit, no base model is added."""
    assert fitted(20_000).base_models.rare is None


def test_blocks_of_rare_items_do_not_depend_on_the_customers_scored_together() -> None:
    """A customer's votes are equal alone and among others."""
    model = RareItemNeighbours(20.0, 20.0).fit(training_data_of(SHOP, head_limit=6))
    together = model.score(CUSTOMERS).toarray()
    alone = np.concatenate([model.score(CUSTOMERS[[at]]).toarray() for at in CUSTOMERS])

    assert (together == alone).all()


def test_an_item_does_not_vote_for_itself() -> None:
    """The similarity of an item with itself is 0."""
    bought = history([("a", "x", 0), ("a", "y", 0), ("b", "x", 0), ("b", "y", 1), ("c", "x", 2)])
    model = RareItemNeighbours(20.0, 20.0).fit(training_data_of(bought, head_limit=1))

    assert model.similarity[model.items].diagonal().tolist() == [0.0]
