"""Customers that the model has never seen: some are hidden at training, their purchases given at
serving, where the neighbours of their latest items vote.

This is the path of a customer whose first purchases came after training. It needs item-side
lists only, the ones that are published as `similar`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from recsvc.domain.slates import CustomerSlate
from training import metrics
from training.findings import MAIN_CUTOFF, Mean, WarmPath, WarmStart
from training.grouped import NOTHING
from training.history import Floats, History, Rows
from training.pairs import Pairs, pairs_of
from training.past import past_of
from training.ranking import best
from training.recommenders.neighbour_lists import NeighbourLists
from training.recommenders.popularity import buyer_share
from training.settings import Settings
from training.truth import Truth, Truths
from training.windows import window_days

HIDDEN_SHARE = 0.2
MOST_HIDDEN = 300
LEAST_HIDDEN = 5
ORDERS_GIVEN = (1, 3, None)  # the latest orders that are known at serving
OWN_VOTE = 10.0  # for the item itself, where it may be shown: more than all its neighbours have
ORDER_DECAY = 0.85  # what each later order takes from the votes of an earlier one


@dataclass(frozen=True, slots=True)
class WarmModel:
    """What serving has at hand, learned without the hidden customers."""

    neighbours: NeighbourLists  # of all items
    popularity: Floats  # (items,)

    def votes(self, items: Rows, weights: Floats) -> Floats:
        """Let items vote for their neighbours."""  # (items_total,)
        near, scores = self.neighbours.columns[items], self.neighbours.scores[items]
        listed = near != NOTHING
        spread = (scores * weights[:, None])[listed]
        return np.bincount(near[listed], spread, len(self.popularity)).astype(np.float32)


def measure_warm_start(
    history: History,
    truths: Truths,
    settings: Settings,
    known: Mapping[CustomerSlate, Mapping[int, float]] | None = None,
) -> tuple[WarmStart, ...]:
    """Hide some customers; `known` is the published model's NDCG by slate and customer."""
    candidates = truths[CustomerSlate.FOR_YOU].customers
    count = min(int(len(candidates) * HIDDEN_SHARE), MOST_HIDDEN)
    if count < LEAST_HIDDEN:
        return ()
    rng = np.random.default_rng(settings.seed)
    hidden = np.sort(rng.choice(candidates, count, replace=False))
    model = warm_model(history.without(hidden), settings)
    slates = (CustomerSlate.DISCOVER, CustomerSlate.FOR_YOU)
    pairs = pairs_of(history)
    return tuple(
        WarmStart(
            slate=str(slate),
            customers=count,
            paths=tuple(
                measured(model, history, pairs, truths[slate], hidden, slate, orders)
                for orders in ORDERS_GIVEN
            ),
            known=mean_known(known[slate], hidden) if known else None,
        )
        for slate in slates
    )


def warm_model(history: History, settings: Settings) -> WarmModel:
    past = past_of(history)
    lists = settings.similar.lists(past.pairs, past.head).among(past.head, history.items_total)
    horizon = window_days(history, settings.horizon_days)
    return WarmModel(lists, buyer_share(history, 0.0, horizon))


def measured(
    model: WarmModel,
    history: History,
    pairs: Pairs,
    truth: Truth,
    hidden: Rows,
    slate: CustomerSlate,
    orders: int | None,
) -> WarmPath:
    """Judge the neighbours' votes against popularity; `discover` shows nothing bought."""
    lists: dict[str, list[Rows]] = {"neighbours": [], "popularity": []}
    for customer, items, weights in latest(history, hidden, orders):
        own = pairs.items[pairs.places_of(np.array([customer]))]
        votes = model.votes(items, weights) + 1e-6 * model.popularity
        np.add.at(votes, items, OWN_VOTE * weights)
        for name, scores in (("neighbours", votes), ("popularity", model.popularity)):
            shown = scores.copy()
            if slate is CustomerSlate.DISCOVER:
                shown[own] = -1
            lists[name].append(best(shown[None, :], None, MAIN_CUTOFF).items[0])
    return WarmPath(
        orders,
        judged(lists["neighbours"], truth, hidden),
        judged(lists["popularity"], truth, hidden),
    )


def latest(
    history: History, customers: Rows, orders: int | None
) -> Iterator[tuple[int, Rows, Floats]]:
    """Yield each customer's items of the latest orders with what they weigh."""
    ages = history.order_ages()
    starts = np.searchsorted(history.customers, customers)
    ends = np.searchsorted(history.customers, customers + 1)
    for customer, start, end in zip(customers.tolist(), starts, ends, strict=True):
        given = np.arange(start, end)
        if orders is not None:
            given = given[ages[start:end] < orders]
        yield customer, history.items[given], (ORDER_DECAY ** ages[given]).astype(np.float32)


def judged(lists: list[Rows], truth: Truth, customers: Rows) -> Mean:
    """Average over the customers with something to find."""
    relevant = truth.relevant[customers]
    some = relevant > 0
    hits = metrics.hits_of(truth, customers[some], np.array(lists)[some])
    return metrics.mean_of(metrics.ndcg(hits, relevant[some], MAIN_CUTOFF))


def mean_known(ndcg: Mapping[int, float], hidden: Rows) -> Mean:
    values = [ndcg[customer] for customer in hidden.tolist() if customer in ndcg]
    return metrics.mean_of(np.array(values))
