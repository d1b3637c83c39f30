"""Facts of each customer for offer decisions: sums over purchases, without a model."""

import numpy as np

from recsvc.model.artifact.artifact import CustomersPurchases, RankedLists
from recsvc.model.offers.inputs import HALF_LIFE_DAYS
from training.dataset.customer_items import CustomerItems
from training.dataset.history import Days, Floats, History, Rows, decay


def weights_of(history: History, customer_items: CustomerItems) -> Floats:
    """Sum the amount spent per pair, halved for every HALF_LIFE_DAYS of age."""  # (pairs,)
    return customer_items.add_up(spent(history) * decay(history.ages(), HALF_LIFE_DAYS))


def spent(history: History) -> Days:
    """Return the amount of each line.

    A missing price is replaced by the item's mean price, else by the shop's. Without any price a
    line counts 1, because quantities may be in grams.
    """  # (lines,)
    if history.prices is None or not np.isfinite(history.prices).any():
        return np.ones(len(history.items))
    prices = history.prices.astype(np.float64)
    known = np.isfinite(prices)
    counts = np.bincount(history.items[known], minlength=history.items_total)
    sums = np.bincount(history.items[known], prices[known], history.items_total)
    usual = np.where(counts > 0, sums / np.maximum(counts, 1), prices[known].mean())
    quantities: Floats = history.quantities
    return np.asarray(np.where(known, prices, usual[history.items]) * quantities)


def purchased_by(
    history: History, customer_items: CustomerItems, customers: Rows
) -> CustomersPurchases:
    """Summarize the purchases of some customers; all columns are in the order of `customers`."""
    first, last = _order_days(history)
    return CustomersPurchases(
        _bought_by(customer_items, weights_of(history, customer_items), customers),
        _orders_of(history)[customers],
        _spent_of(history)[customers],
        first[customers],
        last[customers],
    )


def _bought_by(customer_items: CustomerItems, weights: Floats, customers: Rows) -> RankedLists:
    """List every item that each customer bought, the greatest weight first."""
    places = customer_items.places_of(customers)
    owners = np.empty(customer_items.customers_total, dtype=np.int64)
    owners[customers] = np.arange(len(customers))
    owner = owners[customer_items.customers[places]]
    places = places[np.lexsort((customer_items.items[places], -weights[places], owner))]
    lengths = np.bincount(owner, minlength=len(customers))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return RankedLists(offsets, customer_items.items[places].astype(np.int32), weights[places])


def _orders_of(history: History) -> Rows:
    """Count each customer's orders."""  # (customers_total,)
    _, first_lines = np.unique(history.orders, return_index=True)
    return np.bincount(history.customers[first_lines], minlength=history.customers_total)


def _spent_of(history: History) -> Floats:
    """Sum the amount that each customer paid, where prices are known; NaN where none is."""
    spent = np.full(history.customers_total, np.nan, dtype=np.float32)
    if history.prices is None:
        return spent
    known = np.isfinite(history.prices)
    payers, paid = history.customers[known], (history.prices * history.quantities)[known]
    sums = np.bincount(payers, np.maximum(paid, 0), minlength=history.customers_total)
    spent[payers] = sums[payers]
    return spent


def _order_days(history: History) -> tuple[Days, Days]:
    """Return the day of each customer's first and last order; NaN without timestamps."""
    first = np.full(history.customers_total, np.nan)
    last = first.copy()
    if history.timed:
        np.fmin.at(first, history.customers, history.days)
        np.fmax.at(last, history.customers, history.days)
    return first, last
