"""A customer's list from the purchase history: of all purchases for a customer whom the model does
not know, else of those since the end of the model's data, added to the model's list.
"""

import numpy as np

from recsvc.domain.catalogue.slates import ReasonCode
from recsvc.domain.customers.recent_events import SECONDS_PER_DAY
from recsvc.model.artifact.format import Array
from recsvc.model.kernels.kernels import UNKNOWN_ROW, fold_in, history_reasons, rerank
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.purchase_rows import PurchaseRows
from recsvc.model.registry.candidates import Candidates

MOST = 200  # items of a list
MOST_RAISED = 40  # items that purchases since the end of the data move


def ranked_by_history(
    live_items: LiveItems,
    history: PurchaseRows,
    now_seconds: float,
    *,
    shows_bought: bool,
    adds_items: bool,
    most: int = MOST,
) -> Candidates:
    """Rank bought items, other items, or both; scores are chances of a purchase."""
    model = live_items.model
    ages = np.maximum(now_seconds - history.last_seconds, 0.0) / SECONDS_PER_DAY
    items, chances, because = fold_in.run(
        history.rows,
        history.times,
        ages,
        model.history_arrays,
        model.intervals,
        model.popular().items,
        shows_bought,
        adds_items,
        most,
    )
    reasons = history_reasons.run(items, because, history.rows, _BECAUSE, _DUE, _POPULAR)
    return Candidates(items, chances, reasons, because)


def raised_by_purchases(
    live_items: LiveItems,
    own: Candidates,
    new_purchases: PurchaseRows,
    now_seconds: float,
    share: float,
    *,
    shows_bought: bool,
    adds_items: bool,
) -> Candidates:
    """Add `share` times the chance of a purchase to the scores of a customer's list, best first.

    The chances are those that the purchases give the first MOST_RAISED items, which may enter.
    """
    raised = ranked_by_history(
        live_items,
        new_purchases,
        now_seconds,
        shows_bought=shows_bought,
        adds_items=adds_items,
        most=MOST_RAISED,
    )
    return raised_list(own, raised, share)


def raised_list(own: Candidates, raised: Candidates, share: float) -> Candidates:
    """Add a share of the scores of `raised` to the worths of places of a list, best first."""
    own_names, names = map(_reason_items, (own, raised))
    voted = np.column_stack([raised.items, raised.reasons, names]).astype(np.int32)
    return Candidates(
        *rerank.run(
            own.items,
            own.reasons,
            own_names,
            _NO_PURCHASES,
            _DUE,
            _POPULAR,
            voted,
            share * raised.scores.astype(np.float64),
            True,
        )
    )


def _reason_items(candidates: Candidates) -> Array:
    named = candidates.reason_items
    return np.full(len(candidates), UNKNOWN_ROW, np.int32) if named is None else named


_NO_PURCHASES = np.zeros((0, 2), np.int64)
_POPULAR, _DUE = int(ReasonCode.POPULAR), int(ReasonCode.BUY_AGAIN_DUE)
_BECAUSE = int(ReasonCode.BECAUSE_YOU_BOUGHT)
