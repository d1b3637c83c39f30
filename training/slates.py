"""The finished lists of every customer: the chosen recommender's best, with reasons."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recsvc.domain.slates import CustomerSlate
from recsvc.model.artifact import Ranked
from training.interactions import Rows
from training.line_up import LineUp
from training.progress import Progress
from training.ranking import NOTHING, Flags, Top, best, shown_by
from training.reasons import Reasons, explain
from training.recommenders.protocol import blocks
from training.selection import Choice

CANDIDATES = 100  # per slate and customer: what filters may still take from


@dataclass(frozen=True, slots=True)
class Filled:
    """One slate's lists of one block of customers."""

    top: Top
    reasons: Reasons


def fill_slates(
    line_up: LineUp, choice: Choice, customers: Rows, progress: Progress
) -> Mapping[CustomerSlate, Ranked]:
    """Rank for the customers, in the order given; a list may be shorter than CANDIDATES."""
    parts: dict[CustomerSlate, list[Filled]] = {slate: [] for slate in choice}
    in_blocks = blocks(customers, line_up.history.shape[1])
    for block in progress.over("Ranking for customers", in_blocks):
        own = line_up.own(block)
        for slate, filled in fill_block(line_up, choice, block, own).items():
            parts[slate].append(filled)
    return {slate: ranked(filled) for slate, filled in parts.items()}


def fill_block(
    line_up: LineUp, choice: Choice, block: Rows, own: Flags
) -> Mapping[CustomerSlate, Filled]:
    scores = line_up.scores(set(choice.values()), block, own)
    filled = {}
    for slate, name in choice.items():
        top = best(scores[name], shown_by(slate, own), CANDIDATES)
        filled[slate] = Filled(top, explain(top, own, line_up.neighbours.lists))
    return filled


def ranked(parts: list[Filled]) -> Ranked:
    """Join blocks into ragged lists without the fill of short ones."""
    listed = [part.top.items != NOTHING for part in parts]
    lengths = [np.zeros(1, dtype=np.int64), *(each.sum(axis=1) for each in listed)]
    pairs = list(zip(parts, listed, strict=True))
    return Ranked(
        offsets=np.cumsum(np.concatenate(lengths)),
        items=np.concatenate([part.top.items[each] for part, each in pairs]),
        scores=np.concatenate([part.top.scores[each] for part, each in pairs]),
        reasons=np.concatenate([part.reasons.codes[each] for part, each in pairs]),
        reason_items=np.concatenate([part.reasons.items[each] for part, each in pairs]),
    )
