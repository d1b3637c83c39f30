"""Rankings for the customers of a holdout, by the published and every base model.

This module takes customers and never their purchases.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsvc.domain.catalogue.slates import CustomerSlate
from training.concurrency import each
from training.dataset.history import Rows
from training.evaluation.full_catalogue import rank_base_models
from training.metrics.results import METRIC_KS
from training.progress import Progress
from training.ranking.candidates import blocks, pool_candidates
from training.ranking.ranked_items import RankedItems
from training.selection.inference import rank_slates
from training.selection.model_selection import SelectedModels

RANKS = max(METRIC_KS)

ItemRows = NDArray[
    np.int32
]  # 32 bits and no scores: dozens of models for all customers would take gigabytes


@dataclass(frozen=True, slots=True)
class HoldoutRankings:
    """Items of the published and, by name, of every base model, for the same customers."""

    customers: Rows  # (customers,)
    published: dict[CustomerSlate, RankedItems]
    base_models: dict[CustomerSlate, dict[str, ItemRows]]  # (customers, RANKS) of each
    candidates: Rows  # keys customer · items_total + item of every candidate, ascending


def rank_customers(
    selected: SelectedModels, customers: Rows, progress: Progress
) -> HoldoutRankings:
    base_models = selected.cutoff.base_models
    in_blocks = blocks(base_models, customers)
    with progress.step("Ranking for the customers of the holdout", len(in_blocks)) as advance:

        def rank(block: Rows) -> HoldoutRankings:
            ranked = _rank_block(selected, block)
            advance()
            return ranked

        return _joined(each(rank, in_blocks), customers)


def _rank_block(selected: SelectedModels, customers: Rows) -> HoldoutRankings:
    base_models = selected.cutoff.base_models
    pool = pool_candidates(base_models, customers, selected.cutoff.size)
    return HoldoutRankings(
        customers,
        rank_slates(selected, pool, customers, RANKS),
        {
            slate: {name: found.items.astype(np.int32) for name, found in lists.items()}
            for slate, lists in rank_base_models(base_models, customers, RANKS).items()
        },
        pool.customers * base_models.training_data.customer_items.items_total + pool.items,
    )


def _joined(parts: list[HoldoutRankings], customers: Rows) -> HoldoutRankings:
    """Join blocks, and empty them meanwhile: both together would take twice the memory."""
    slates = list(CustomerSlate)
    names = {slate: list(parts[0].base_models[slate]) if parts else [] for slate in slates}
    return HoldoutRankings(
        customers,
        {slate: _stacked([part.published[slate] for part in parts]) for slate in slates},
        {
            slate: {
                name: np.concatenate([part.base_models[slate].pop(name) for part in parts])
                for name in names[slate]
            }
            for slate in slates
        },
        np.concatenate([np.zeros(0, np.int64), *(part.candidates for part in parts)]),
    )


def _stacked(parts: list[RankedItems]) -> RankedItems:
    nothing = np.zeros((0, RANKS))
    return RankedItems(
        np.concatenate([np.zeros(0, np.int64), *(part.customers for part in parts)]),
        np.concatenate([nothing.astype(np.int64), *(part.items for part in parts)]),
        np.concatenate([nothing.astype(np.float32), *(part.scores for part in parts)]),
    )
