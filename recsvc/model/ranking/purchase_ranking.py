"""A customer's list from the purchase history, for a customer whom the model does not know."""

import numpy as np

from recsvc.domain.catalogue.slates import ReasonCode
from recsvc.domain.customers.recent_events import SECONDS_PER_DAY
from recsvc.model.kernels.kernels import fold_in, history_reasons
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.purchase_rows import PurchaseRows
from recsvc.model.registry.candidates import Candidates

MOST = 200  # items of a list


def ranked_by_history(
    live_items: LiveItems,
    history: PurchaseRows,
    now_seconds: float,
    *,
    shows_bought: bool,
    adds_items: bool,
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
        MOST,
    )
    reasons = history_reasons.run(items, because, history.rows, _BECAUSE, _DUE, _POPULAR)
    return Candidates(items, chances, reasons, because)


_POPULAR, _DUE = int(ReasonCode.POPULAR), int(ReasonCode.BUY_AGAIN_DUE)
_BECAUSE = int(ReasonCode.BECAUSE_YOU_BOUGHT)
