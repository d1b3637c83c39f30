"""A synthetic shop of any size, skewed as real ones: few items have most purchases."""

import time
from collections.abc import Iterator

import numpy as np

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate, ReasonCode
from recsvc.domain.customers.purchase_history import BoughtItem, PurchaseHistory, encode
from recsvc.domain.offers.eligibility import Eligibility
from recsvc.domain.offers.offer import Caps, Kind, Offer, PeriodCap
from recsvc.domain.values.customer_keys import CustomerHasher
from recsvc.domain.values.ids import CustomerId, ItemId, OfferId
from recsvc.model.artifact.artifact import (
    Artifact,
    CustomersPurchases,
    HistoryScores,
    RankedLists,
    TopList,
)
from recsvc.model.registry.history_arrays import DEFAULT_COEFFICIENTS

LIST_LENGTH = {
    CustomerSlate.FOR_YOU: 100,
    CustomerSlate.DISCOVER: 100,
    CustomerSlate.BUY_AGAIN: 40,
}
NEIGHBOURS = 50
TRENDING = 200
PURCHASES = 60  # of different items, by each customer
OFFERS = 1000
MOST_COVERED = 5000
SKEW = 0.8  # exponent of a Zipf-like choice of items
WEIGHED, WEIGHTS = 5000, 64  # items with weights, and weights of each, as on Complete Journey
REMEMBERED = (20, 100, 256)  # items of the stored histories of customers outside the model
REMEMBERED_DAYS = 170


def artifact(hasher: CustomerHasher, customers: int, items: int, seed: int = 0) -> Artifact:
    """Make a model of realistic size with random lists."""
    random = np.random.default_rng(seed)
    keys = sorted(hasher.key_of(CustomerId(f"c{number}")) for number in range(customers))
    slates = {
        slate: _lists(random, customers, items, length) for slate, length in LIST_LENGTH.items()
    }
    return Artifact(
        item_ids=sorted(f"item-{number:07d}" for number in range(items)),
        customer_keys=keys,
        slates=slates,
        neighbours={slate: _lists(random, items, items, NEIGHBOURS) for slate in ItemSlate},
        popular=_top(random, items, items),
        trending=_top(random, items, min(TRENDING, items)),
        purchased=_purchased(random, customers, items),
        history_scores=_history_scores(random, items),
    )


def stored_history(chance: np.random.Generator, items: int, size: int) -> bytes:
    """Return the text of a history of `size` items that a customer bought, the latest first."""
    now_minutes = int(time.time()) // 60
    rows = (items * chance.random(4 * size) ** (1 / (1 - SKEW))).astype(int)
    bought = [
        BoughtItem(
            ItemId(f"item-{row:07d}"),
            int(chance.integers(1, 9)),
            now_minutes - 1440 * REMEMBERED_DAYS * place // size,
        )
        for place, row in enumerate(dict.fromkeys([*rows.tolist(), *range(items)]))
        if place < size
    ]
    return encode(PurchaseHistory(bought))


def offers(items: int, total: int = OFFERS, seed: int = 0) -> Iterator[Offer]:
    """Yield offers on 1 to 5,000 items, some with eligibility for few customers."""
    random = np.random.default_rng(seed)
    for number in range(total):
        size = min(int(np.exp(random.uniform(0, np.log(MOST_COVERED)))) + 1, MOST_COVERED, items)
        first = int(items * random.random())
        covered = sorted({(first + 7 * place) % items for place in range(size)})
        yield Offer(
            OfferId(f"offer-{number:04d}"),
            title=f"Offer {number}",
            kind=Kind.PERCENT_OFF,
            value=float(5 + number % 20),
            items=tuple(ItemId(f"item-{item:07d}") for item in covered),
            channels=(("web", "email"), ())[number % 2],
            margin=float(1 + number % 7),
            caps=Caps(per_customer=PeriodCap(2, 30)),
            eligibility=Eligibility(min_orders=number % 10 if number % 3 == 0 else None),
        )


def _history_scores(random: np.random.Generator, items: int) -> HistoryScores:
    """Return weights among the items that are chosen most; a fifth of them are negative."""
    weighed = min(items, WEIGHED)
    length = min(WEIGHTS, weighed)
    first = random.integers(0, weighed, (weighed, 1))
    chosen = (first + np.arange(length) * (weighed // length)) % weighed  # (weighed, length)
    weights = np.broadcast_to(np.geomspace(0.02, 0.002, length), chosen.shape)
    signs = np.where(random.random(chosen.shape) < 0.2, -1, 1)
    offsets = np.minimum(np.arange(items + 1), weighed) * length
    return HistoryScores(
        RankedLists(offsets, chosen.ravel(), (weights * signs).ravel()),
        own=random.normal(-1, 1, items),
        new=random.normal(-5, 1, items),
        coefficients=DEFAULT_COEFFICIENTS,
    )


def _purchased(random: np.random.Generator, customers: int, items: int) -> CustomersPurchases:
    bought = _lists(random, customers, items, PURCHASES)
    return CustomersPurchases(
        RankedLists(bought.offsets, bought.items, bought.scores),
        orders=random.integers(1, 20, customers),
        spent=random.random(customers) * 500,
        first=np.full(customers, 20_000.0),
        last=np.full(customers, 20_400.0),
    )


def catalogue(items: int) -> Iterator[CatalogueItem]:
    """Yield every item: 20 categories, prices up to 100, one in fifty out of stock."""
    for number in range(items):
        mixed = number * 2_654_435_761 % 2**32 >> 16  # lists hold every hundredth item
        yield CatalogueItem(
            ItemId(f"item-{number:07d}"),
            title=f"Item {number}",
            category=f"c{mixed % 20}",
            brand=f"b{mixed % 100}",
            price=float(mixed // 20 % 100),
            in_stock=mixed % 51 != 0,
        )


def _lists(random: np.random.Generator, rows: int, items: int, length: int) -> RankedLists:
    """Return one list per row: items a fixed stride apart, so that none is repeated."""
    length = min(length, items)
    chosen = np.arange(length, dtype=np.int32) * np.int32(max(items // length, 1))
    first = (items * random.random(rows, dtype=np.float32) ** (1 / (1 - SKEW))).astype(np.int32)
    chosen = first[:, None] + chosen  # (rows, length)
    chosen -= items * (chosen >= items).astype(np.int32)
    scores = np.broadcast_to(np.linspace(1, 0.1, length, dtype=np.float32), chosen.shape)
    because = np.full(chosen.size, ReasonCode.BECAUSE_YOU_BOUGHT, dtype=np.uint8)
    return RankedLists(
        offsets=np.arange(rows + 1, dtype=np.int64) * length,
        items=chosen.ravel(),
        scores=scores.ravel(),
        reasons=because,
        reason_items=np.roll(chosen, 1, axis=1).ravel(),
    )


def _top(random: np.random.Generator, items: int, length: int) -> TopList:
    return TopList(random.permutation(items)[:length], np.linspace(1, 0.01, length))
