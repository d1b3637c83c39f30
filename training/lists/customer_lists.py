"""The lists of every customer: the best items of each slate's published model, with reasons."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate
from recsvc.model.artifact.artifact import RankedLists
from training.concurrency import each
from training.dataset.history import Rows
from training.lists.reasons import ReasonContext, Reasons, added, count_reasons
from training.metrics.results import ReasonCounts
from training.progress import Progress
from training.ranking.candidates import blocks, pool_candidates
from training.ranking.ranked_items import RankedItems
from training.selection.inference import rank_slates
from training.selection.model_selection import SelectedModels

_LISTED = 100  # items per slate and customer, before request filters


@dataclass(frozen=True, slots=True)
class FilledBlock:
    """One slate's lists for one block of customers, in the compact types of the format."""

    lists: RankedLists
    counts: ReasonCounts


@dataclass(frozen=True, slots=True)
class SlateLists:
    """The lists of every customer, in the order of rows, and the count of each reason."""

    lists: Mapping[CustomerSlate, RankedLists]
    reasons: Mapping[str, ReasonCounts]


def fill_slates(
    selected: SelectedModels, reason_context: ReasonContext, progress: Progress
) -> SlateLists:
    base_models = selected.cutoff.base_models
    customers = np.arange(base_models.training_data.history.customers_total)
    parts: dict[CustomerSlate, list[FilledBlock]] = {slate: [] for slate in CustomerSlate}
    in_blocks = blocks(base_models, customers)
    with progress.step("Ranking for customers", len(in_blocks)) as advance:

        def fill(block: Rows) -> dict[CustomerSlate, FilledBlock]:
            filled = _fill_block(selected, reason_context, block)
            advance()
            return filled

        for filled in each(fill, in_blocks):
            for slate, part in filled.items():
                parts[slate].append(part)
    return SlateLists(
        {slate: _joined([part.lists for part in filled]) for slate, filled in parts.items()},
        {str(slate): added([part.counts for part in filled]) for slate, filled in parts.items()},
    )


def _fill_block(
    selected: SelectedModels, reason_context: ReasonContext, customers: Rows
) -> dict[CustomerSlate, FilledBlock]:
    customer_items = selected.cutoff.base_models.training_data.customer_items
    pool = pool_candidates(selected.cutoff.base_models, customers, selected.cutoff.size)
    own = customer_items.owned(customers)
    filled = {}
    for slate, lists in rank_slates(selected, pool, customers, _LISTED).items():
        reasons = reason_context.explain(lists, own)
        counts = count_reasons(lists, reasons, customer_items)
        filled[slate] = FilledBlock(_ragged(lists, reasons), counts)
    return filled


def _ragged(lists: RankedItems, reasons: Reasons) -> RankedLists:
    """Convert to variable-length lists, without padding."""
    listed = lists.listed
    return RankedLists(
        offsets=np.concatenate([[0], np.cumsum(listed.sum(axis=1, dtype=np.int64))]),
        items=lists.items[listed].astype(np.int32),
        scores=lists.scores[listed].astype(np.float32),
        reasons=reasons.codes[listed],
        reason_items=reasons.items[listed].astype(np.int32),
    )


def _joined(parts: list[RankedLists]) -> RankedLists:
    """Concatenate the lists of blocks."""
    lengths = [np.zeros(1, dtype=np.int64), *(np.diff(part.offsets) for part in parts)]
    return RankedLists(
        offsets=np.cumsum(np.concatenate(lengths)),
        items=np.concatenate([part.items for part in parts]),
        scores=np.concatenate([part.scores for part in parts]),
        reasons=np.concatenate([part.reasons for part in parts if part.reasons is not None]),
        reason_items=np.concatenate(
            [part.reason_items for part in parts if part.reason_items is not None]
        ),
    )


def reordered(lists: RankedLists, rows: Rows) -> RankedLists:
    """Return the lists in another order of rows."""
    lengths = np.diff(lists.offsets)[rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    entries = np.repeat(lists.offsets[:-1][rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
    reasons, reason_items = lists.reasons, lists.reason_items
    return RankedLists(
        offsets=offsets,
        items=lists.items[entries],
        scores=lists.scores[entries],
        reasons=None if reasons is None else reasons[entries],
        reason_items=None if reason_items is None else reason_items[entries],
    )
