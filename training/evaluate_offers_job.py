"""`recsvc-train evaluate-offers`: rank all offers for each customer with the service's code.

Only purchases before a date are used, and only amounts spent are learned. Customers without
training consent or without purchases before the date get popular offers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from recsvc.domain.offers.offer import Kind, Offer
from recsvc.domain.values.ids import ItemId, OfferId
from recsvc.domain.values.timestamps import microseconds
from recsvc.model.offers.columns import columns_of
from recsvc.model.offers.decision import decide
from recsvc.model.offers.inputs import CustomerFacts, DecisionRequest, OfferCounters
from recsvc.model.offers.performance import performance_of
from training.atomic_files import writable, write_files
from training.dataset.category_groups import judged_categories
from training.dataset.history import Floats, Rows
from training.dataset.interactions import DAY_US, from_lines
from training.errors import InputUnreadable
from training.lists.offer_facts import OfferFacts, PurchasedItems
from training.progress import Progress
from training.sources import ingest
from training.sources.consents import ConsentSource
from training.sources.id_tables import IdTable, read_ids
from training.sources.ingest_report import IngestReport
from training.sources.item_catalogue import ItemCatalogue

_SCHEMA = {
    "customer_id": pl.String,
    "offer_id": pl.String,
    "rank": pl.Int32,
    "score": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class OffersJob:
    """`offers` and `customers` are locations of tables. Later purchases than `as_of` are not
    used.
    """

    request: ingest.Request
    offers: str
    customers: str
    consents: ConsentSource
    catalogue: ItemCatalogue
    as_of: datetime
    out: Path


@dataclass(frozen=True, slots=True)
class OffersRanked:
    """Counts for the report. `customers_not_personal` got popular offers."""

    offers: int
    customers: int
    customers_not_personal: int
    bad_rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RankedOffers:
    """Row numbers of offers, best first, and their scores."""

    order: Rows  # (customers, offers)
    scores: Floats  # (customers, offers)
    personal: int


def evaluate_offers(
    job: OffersJob, progress: Progress, on_ingest: Callable[[IngestReport], None]
) -> OffersRanked:
    """Write the ranking as Parquet: customer_id, offer_id, rank (1 is best) and score."""
    folder = writable(job.out.absolute().parent)
    if job.out.is_dir():
        raise InputUnreadable(f"--out {job.out}: a folder; name a file", code="bad_file")
    max_bad = job.request.max_bad
    covered = read_ids(job.offers, ("offer_id", "item_id"), max_bad)
    wanted = read_ids(job.customers, ("customer_id",), max_bad)
    purchases = ingest.read_purchases(
        job.request, job.consents(), job.catalogue.sensitive, progress
    )
    on_ingest(purchases.report)
    if not purchases.timed:
        raise InputUnreadable(
            "purchases without a timestamp cannot be limited to a date", code="no_timestamp"
        )
    offers = _offers_of(covered.ids)
    customers = wanted.ids["customer_id"].sort().to_list()
    ranked = _ranked_offers(purchases, job, offers, customers, progress)
    table = _as_table(customers, offers, ranked)
    write_files(folder, {job.out.name: table.write_parquet})
    return OffersRanked(
        offers=len(offers),
        customers=len(customers),
        customers_not_personal=len(customers) - ranked.personal,
        bad_rows=_bad_rows(offers=covered, customers=wanted),
    )


def _offers_of(covered: pl.DataFrame) -> list[Offer]:
    """Make one offer per offer id, ordered by the bytes of the id."""
    table = covered.group_by("offer_id").agg(pl.col("item_id").sort()).sort("offer_id")
    return [
        Offer(OfferId(offer), title=offer, kind=Kind.CONTENT, items=tuple(map(ItemId, items)))
        for offer, items in table.iter_rows()
    ]


def _ranked_offers(
    purchases: ingest.Purchases,
    job: OffersJob,
    offers: Sequence[Offer],
    customers: Sequence[str],
    progress: Progress,
) -> RankedOffers:
    with progress.step("Sorting purchases"):
        # A purchase returned after the date counts as a purchase; `from_lines` handles this.
        lines = purchases.lines.filter(pl.col("at") < job.as_of)
        categories = judged_categories(job.catalogue.categories)
        interactions = from_lines(lines, timed=True, categories=categories)
        at_us = microseconds(job.as_of)
        known = interactions.history.before(at_us / DAY_US)
        purchased = PurchasedItems(interactions, known, job.catalogue.memberships)
        columns = columns_of(offers, purchased)
        facts = OfferFacts(known)
    performance = performance_of(columns, OfferCounters())
    request = DecisionRequest(at_us, n=len(offers))
    place = {offer.offer_id: row for row, offer in enumerate(offers)}
    row_of = {customer: row for row, customer in enumerate(interactions.customer_ids)}
    bought = set(np.unique(known.customers).tolist())
    order = np.zeros((len(customers), len(offers)), dtype=np.int64)
    scores = np.zeros((len(customers), len(offers)), dtype=np.float32)
    personal = 0
    for number, customer in enumerate(progress.over("Ranking offers", customers, len(customers))):
        row = row_of.get(customer, -1)
        customer_facts = CustomerFacts()
        if row in bought:
            customer_facts, personal = facts.of(row), personal + 1
        decision = decide(columns, performance, customer_facts, request)
        if decision.scores is None:
            raise TypeError("a decision with facts has scores")
        rows = [choice.row for choice in decision.choices]
        order[number] = [place[choice.offer_id] for choice in decision.choices]
        scores[number] = decision.scores.worth[rows]
    return RankedOffers(order, scores, personal)


def _as_table(
    customers: Sequence[str], offers: Sequence[Offer], ranked: RankedOffers
) -> pl.DataFrame:
    ids = pl.Series([offer.offer_id for offer in offers], dtype=pl.String)
    ranks = np.tile(np.arange(1, len(offers) + 1), len(customers))
    return pl.DataFrame(
        {
            "customer_id": pl.Series(customers, dtype=pl.String).gather(
                np.repeat(np.arange(len(customers)), len(offers))
            ),
            "offer_id": ids.gather(ranked.order.ravel()),
            "rank": ranks,
            "score": ranked.scores.ravel(),
        },
        schema=_SCHEMA,
    )


def _bad_rows(**tables: IdTable) -> dict[str, int]:
    return {name: table.bad_rows for name, table in tables.items() if table.bad_rows}
