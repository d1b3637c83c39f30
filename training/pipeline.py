"""One training in memory, from readable purchases to a finished model. Uses no file and no
store.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np
from threadpoolctl import threadpool_limits

from recsvc.domain.catalogue.slates import ItemSlate
from recsvc.domain.values.customer_keys import CustomerHasher
from recsvc.domain.values.ids import CustomerId
from recsvc.model.artifact.artifact import Artifact, HistoryScores, TopList
from training.concurrency import trim_memory
from training.dataset.category_groups import judged_categories
from training.dataset.customer_items import CustomerItems
from training.dataset.history import Floats, Rows
from training.dataset.interactions import Interactions, from_lines
from training.dataset.slate_rules import OF_ALL_ITEMS
from training.dataset.windows import window_days
from training.errors import NotPublishable
from training.evaluation.new_purchases import measure_new_purchases, with_share
from training.evaluation.popular_list import leaf_codes, measure_popular
from training.evaluation.training_results import published_in_window, results_of
from training.evaluation.warm_start import live_scores, measure_warm_start, sample_of
from training.item_slates.judging import ItemSlates, fit_item_slates
from training.item_slates.maker import ItemData
from training.item_slates.makers import makers_of
from training.lists.customer_facts import purchased_by
from training.lists.customer_lists import SlateLists, fill_slates, reordered
from training.lists.history_scores import FactsOfHistories, fit_history_scores
from training.lists.item_lists import (
    neighbour_list,
    popular,
    popular_by_category,
    recent_orders,
    trending,
)
from training.lists.k_anonymity import has_enough_buyers
from training.lists.reasons import ReasonContext, category_tops
from training.lists.repurchase_intervals import median_intervals
from training.metrics.new_purchases_results import JudgedPurchases
from training.metrics.results import Anonymity, PopularList, Results
from training.metrics.warm_start_results import WarmStart
from training.progress import Progress
from training.recommenders.neighbour_lists import NeighbourLists
from training.selection.constants_search import search_constants
from training.selection.model_selection import SelectedModels, select_models
from training.settings import TrainingSettings
from training.sources.ingest import Purchases
from training.sources.item_catalogue import ItemCatalogue
from training.tuning.tuner import Tuner, search


@dataclass(frozen=True, slots=True)
class Trained:
    artifact: Artifact
    results: Results
    customers: int
    items: int
    settings: TrainingSettings  # including searched parameters


@dataclass(frozen=True, slots=True)
class ItemLists:
    """The anonymous lists, equal for all customers."""

    similar: NeighbourLists
    together: NeighbourLists
    popular: TopList
    trending: TopList
    intervals: Floats | None
    anonymity: Anonymity

    def neighbours_of(self, slate: ItemSlate) -> NeighbourLists:
        match slate:
            case ItemSlate.SIMILAR:
                return self.similar
            case ItemSlate.BOUGHT_TOGETHER:
                return self.together
            case _:
                assert_never(slate)


def train(
    purchases: Purchases,
    catalogue: ItemCatalogue,
    hasher: CustomerHasher,
    settings: TrainingSettings,
    progress: Progress,
    tuner: Tuner | None = None,
) -> Trained:
    """Compare models on past windows, fit the winners on all purchases, rank for every customer.

    Raises NotPublishable when no purchase is left to learn from.
    """
    interactions = sorted_purchases(purchases, catalogue, progress)
    # One BLAS thread: with more, the last bits depend on how many there are.
    with threadpool_limits(1, "blas"):
        found = search_constants(interactions.history, settings, progress)
        settings = replace(settings, constants=found.constants)
        tuned = search(tuner, interactions.history, settings, progress)
        settings = tuned.settings
        selected = select_models(interactions.history, settings, progress)
        trim_memory()
        item_slates = _judged_item_slates(interactions, catalogue, settings, progress)
        items = _fit_item_lists(interactions, selected, item_slates, settings, progress)
        facts = FactsOfHistories(settings.k_anonymity, settings.constants.ease_penalty)
        history_scores = _fit_history_scores(interactions, facts, settings, progress)
        slates = fill_slates(selected, _reason_context(interactions, items), progress)
        live = _judged_live(interactions, selected, facts, settings)
        history_scores = with_share(history_scores, live.new_purchases)
        results = results_of(interactions, selected, settings)
        results = replace(
            results,
            switched_off={**results.switched_off, **live.switched_off},
            reasons=slates.reasons,
            anonymity=items.anonymity,
            item_slates=item_slates.results,
            popular=_popular_list(interactions, catalogue, selected, settings),
            warm_start=live.warm_start,
            new_purchases=live.new_purchases,
            tuning=tuned.tuning,
            constants=found.searched,
        )
    customer_items = selected.cutoff.base_models.training_data.customer_items
    artifact = _build(interactions, catalogue.memberships, customer_items, items, slates, hasher)
    artifact = replace(artifact, history_scores=history_scores)
    sizes = len(artifact.customer_keys), len(artifact.item_ids)
    return Trained(artifact, results, *sizes, settings)


def _fit_history_scores(
    interactions: Interactions,
    facts: FactsOfHistories,
    settings: TrainingSettings,
    progress: Progress,
) -> HistoryScores | None:
    history = interactions.history
    horizon_days = window_days(history, settings.horizon_days)
    with progress.step("Scores for customers outside the model"):
        return fit_history_scores(history, horizon_days, facts, settings.seed)


def sorted_purchases(
    purchases: Purchases, catalogue: ItemCatalogue, progress: Progress
) -> Interactions:
    with progress.step("Sorting purchases"):
        found = from_lines(
            purchases.lines,
            timed=purchases.timed,
            categories=judged_categories(catalogue.categories),
            catalogue=catalogue.not_sensitive,
        )
    if not len(found.history.items):
        raise NotPublishable(
            "no purchase of a customer who consented to training is left to learn from",
            code="nothing_to_learn",
        )
    return found


def _judged_item_slates(
    interactions: Interactions,
    catalogue: ItemCatalogue,
    settings: TrainingSettings,
    progress: Progress,
) -> ItemSlates:
    with progress.step("Lists of items"):
        data = ItemData(interactions, catalogue)
        return fit_item_slates(makers_of(data), data, settings)


def _fit_item_lists(
    interactions: Interactions,
    selected: SelectedModels,
    item_slates: ItemSlates,
    settings: TrainingSettings,
    progress: Progress,
) -> ItemLists:
    """Fit the anonymous lists, limited to items and pairs with enough customers."""
    history, training_data = interactions.history, selected.cutoff.base_models.training_data
    shown = has_enough_buyers(training_data, settings.k_anonymity)
    with progress.step("Lists for all visitors"):
        similar = item_slates.lists[ItemSlate.SIMILAR]
        together = item_slates.lists[ItemSlate.BOUGHT_TOGETHER]
        return ItemLists(
            similar.lists,
            together.lists,
            popular(recent_orders(history), shown),
            trending(settings.trending.fit(training_data).values, shown),
            median_intervals(history, training_data.customer_items),
            Anonymity(
                settings.k_anonymity,
                int((~shown & (training_data.customer_items.buyers > 0)).sum()),
                similar.hidden,
                together.hidden,
            ),
        )


def _reason_context(interactions: Interactions, items: ItemLists) -> ReasonContext:
    history = interactions.history
    rising = np.zeros(history.items_total, dtype=bool)
    rising[items.trending.items] = True
    tops = category_tops(items.popular.items, history.categories, history.items_total)
    return ReasonContext((items.similar, items.together), rising, tops, history.categories)


@dataclass(frozen=True, slots=True)
class _JudgedLive:
    """Results of what the service ranks from purchase histories."""

    warm_start: tuple[WarmStart, ...] = ()
    new_purchases: JudgedPurchases | None = None

    @property
    def switched_off(self) -> dict[str, str]:
        if self.new_purchases is not None:
            return {}
        lost = "too few customers to judge: votes of .55 and cooldown apply to purchases since"
        return {"purchases since training": lost}


def _judged_live(
    interactions: Interactions,
    selected: SelectedModels,
    facts: FactsOfHistories,
    settings: TrainingSettings,
) -> _JudgedLive:
    """Measure on the newest evaluated window."""
    judged = [window for window in selected.window_results if window.judged]
    if not judged:
        return _JudgedLive()
    newest, history = judged[0], interactions.history
    known, ground_truths = newest.window.known(history), newest.window.ground_truths(history)
    scores = live_scores(known, settings, sample_of(ground_truths, settings), facts)
    warm_start = measure_warm_start(
        known,
        interactions.item_ids,
        ground_truths,
        settings,
        published_in_window(selected, newest),
        scores=scores,
    )
    if not scores.learned:
        return _JudgedLive(warm_start)
    winners = {slate: selected.choices[slate].winner for slate in newest.lists}
    return _JudgedLive(
        warm_start, measure_new_purchases(history, newest, winners, scores, settings.seed)
    )


def _popular_list(
    interactions: Interactions,
    catalogue: ItemCatalogue,
    selected: SelectedModels,
    settings: TrainingSettings,
) -> PopularList | None:
    """Measure on the newest evaluated window."""
    window = next((found.window for found in selected.window_results if found.judged), None)
    if window is None:
        return None
    history = interactions.history
    return measure_popular(
        window.known(history),
        window.ground_truths(history)[OF_ALL_ITEMS],
        leaf_codes(interactions.item_ids, catalogue.categories),
        settings.k_anonymity,
        f"{interactions.day_text(window.start)} to {interactions.day_text(window.end)}",
    )


def _build(
    interactions: Interactions,
    memberships: Mapping[str, Sequence[str]],
    customer_items: CustomerItems,
    items: ItemLists,
    slates: SlateLists,
    hasher: CustomerHasher,
) -> Artifact:
    keys = [hasher.key_of(CustomerId(customer)) for customer in interactions.customer_ids]
    bought = np.unique(
        interactions.history.customers
    ).tolist()  # excludes customers who returned everything
    by_key: Rows = np.array(sorted(bought, key=keys.__getitem__), dtype=np.int64)
    return Artifact(
        item_ids=interactions.item_ids,
        customer_keys=[keys[row] for row in by_key],
        slates={slate: reordered(lists, by_key) for slate, lists in slates.lists.items()},
        neighbours={slate: neighbour_list(items.neighbours_of(slate)) for slate in ItemSlate},
        popular=items.popular,
        trending=items.trending,
        categories=popular_by_category(interactions.item_ids, items.popular, memberships),
        intervals=items.intervals,
        purchased=purchased_by(interactions.history, customer_items, by_key),
    )
