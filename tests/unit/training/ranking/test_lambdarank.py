"""Models learned from samples: ranker variants and the blend."""

from itertools import product

import numpy as np
import pytest

from recsvc.domain.catalogue.slates import CustomerSlate
from training.features.facts import Column
from training.ranking.blend import fit_blend
from training.ranking.lambdarank import (
    FULL,
    MONOTONE,
    NO_ITEM,
    SCORES,
    Boosting,
    fit_ranker,
    variants_of,
)
from training.ranking.samples import Sample, drawn

COLUMNS: tuple[Column, ...] = (("score", "als"), ("score", "ease"), ("item", "age"))
BOOSTING = Boosting(rounds=10, feature_fraction=1.0)


def sample(customers: int = 200, candidates: int = 10) -> Sample:
    """Make one window: purchases have the greatest `als`; all other features are noise."""
    features = np.random.default_rng(1).random((customers * candidates, 3), dtype=np.float32)
    best = features[:, 0].reshape(customers, candidates).argmax(axis=1)
    labels = np.zeros((customers, candidates), np.int8)
    labels[np.arange(customers), best] = 1
    return Sample(features, labels.ravel(), np.full(customers, candidates))


@pytest.mark.parametrize("variant", [FULL, MONOTONE, NO_ITEM, SCORES], ids=lambda v: v.model.name)
class TestEveryVariant:
    def test_it_learns_the_deciding_feature(self, variant) -> None:
        """The greatest score finds most of the purchases."""
        window = sample()
        fitted = fit_ranker(variant, COLUMNS, [window], BOOSTING, (1,))
        first = fitted.score(window.features).reshape(200, 10).argmax(axis=1)

        assert (window.labels.reshape(200, 10)[np.arange(200), first]).mean() > 0.7

    def test_the_same_seeds_give_the_same_bytes(self, variant) -> None:
        """Two rankers of equal seeds have equal trees."""
        window = sample()
        one, other = (
            fit_ranker(variant, COLUMNS, [window], BOOSTING, (1, 2)).score(window.features)
            for _ in range(2)
        )

        assert one.tobytes() == other.tobytes()

    def test_unused_features_change_nothing(self, variant) -> None:
        """A variant's scores depend on its own feature groups only."""
        window = sample()
        fitted = fit_ranker(variant, COLUMNS, [window], BOOSTING, (1,))
        unseen = np.setdiff1d(np.arange(len(COLUMNS)), fitted.sees)
        changed = window.features.copy()
        changed[:, unseen] = -5

        assert fitted.score(changed).tobytes() == fitted.score(window.features).tobytes()

    def test_shares_of_importance_add_up_to_one(self, variant) -> None:
        """Importances are sorted, and the deciding score is first."""
        found = fit_ranker(variant, COLUMNS, [sample()], BOOSTING, (1,)).importances(COLUMNS)

        assert found[0].feature == "als"
        assert sum(each.share for each in found) == pytest.approx(1)


@pytest.mark.parametrize("variant", [MONOTONE, SCORES], ids=lambda v: v.model.name)
def test_a_greater_score_never_harms_in_a_monotone_variant(variant) -> None:
    """All else equal, a greater score never lowers the rank."""
    window = sample()
    fitted = fit_ranker(variant, COLUMNS, [window], BOOSTING, (1,))
    grid = np.array(list(product(np.linspace(0, 1, 30), [0.2, 0.8], [0.5])), dtype=np.float32)
    by_als = fitted.score(grid).reshape(30, 2)

    assert (np.diff(by_als, axis=0) >= 0).all()


def test_every_slate_has_a_ranker() -> None:
    """The names of a slate's variants are distinct."""
    names = {slate: [each.model.name for each in variants_of(slate)] for slate in CustomerSlate}

    assert all(len(set(found)) == len(found) > 0 for found in names.values())


def test_a_blend_weighs_informative_scores_and_none_below_zero() -> None:
    """Weights are non-negative, and equal samples give equal weights."""
    one, other = (fit_blend(COLUMNS, [sample()]) for _ in range(2))

    assert (one.weights >= 0).all()
    assert one.weights[0] > 10 * one.weights[1]
    assert one.weights.tobytes() == other.weights.tobytes()


def test_a_sample_keeps_every_hit_and_drops_customers_without_one() -> None:
    """A customer's sample is filled up to the limit with random other rows."""
    customers = np.repeat([0, 1, 2], 10)
    bought = np.zeros(30, dtype=bool)
    bought[[3, 7, 25]] = True
    kept = drawn(customers, bought, 4, np.random.default_rng(1).random(len(customers)))

    assert kept[bought].all()
    assert np.bincount(customers[kept], minlength=3).tolist() == [4, 0, 4]


def test_a_thinned_sample_keeps_whole_customers() -> None:
    """The kept customers are evenly spaced; a small sample stays as it is."""
    window = sample()
    thin = window.thinned(20)

    assert (len(thin.groups), len(thin.labels), int(thin.labels.sum())) == (20, 200, 20)
    assert window.thinned(200) is window
