"""Figures of the report, filled from the results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from training.metrics.estimates import Estimate, Mean
from training.metrics.model import Family, Model
from training.metrics.results import (
    MAIN_METRIC,
    Importance,
    ReasonCounts,
    SlateOnHoldout,
    SlateResults,
    Slice,
)
from training.metrics.warm_start_results import WarmStart
from training.report.figure import (
    COLOURS,
    PLAIN,
    Figure,
    Panel,
    Row,
    Spot,
    model_row,
    plain_spot,
    spot,
)
from training.report.names import FAMILIES, PUBLISHED, reason_title, slate_title, title_of
from training.report.numbers import (
    Interval,
    count,
    digits_for,
    figure,
    interval,
    known,
    mean_of,
    percent,
    pooled,
    relative,
    signed,
)

_NDCG_PANEL = Panel("NDCG@10", width=275, written=50)
_DIFFERENCE_PANEL = Panel(
    "Compared with the chosen one", width=225, written=105, percent=True, reference=0.0
)
_CHOSEN = "chosen"  # an evaluation publishes nothing
_MOST_IN_A_SLICE = 6


@dataclass(frozen=True, slots=True)
class Compared:
    """One model of a comparison: its NDCG@10, and the paired difference to the published model."""

    model: Model
    mean: Mean | Estimate | None
    versus_winner: Mean | Estimate | None
    single: tuple[float, ...] = ()  # of each window


def windows_figure(slate: str, found: SlateResults) -> Figure:
    """Show every model on all past windows together, and its difference to the published model."""
    about = f"{slate_title(slate)}: NDCG@10 of every model on past windows, with 95 % intervals"
    models = [
        Compared(
            each.model,
            pooled(each.windows),
            each.versus_winner,
            tuple(one.mean for one in each.windows if one and known(one.mean) is not None),
        )
        for each in found.models
    ]
    return _comparison_figure(about, models, found.choice.winner)


def holdout_figure(slate: str, found: SlateOnHoldout, winner: str) -> Figure:
    about = f"{slate_title(slate)}: NDCG@10 of every model on the holdout, with 95 % intervals"
    models = [
        Compared(each.model, each.metrics.get(MAIN_METRIC), each.versus_winner)
        for each in found.models
    ]
    return _comparison_figure(about, models, winner)


def _comparison_figure(about: str, models: Sequence[Compared], winner: str) -> Figure:
    """Leave out the differences if none is known."""
    best = next((mean_of(each.mean) for each in models if each.model.name == winner), None)
    digits = digits_for(mean_of(each.mean) for each in models)
    behind = {each.model.name: relative(interval(each.versus_winner), best) for each in models}
    paired = any(behind.values())
    rows = []
    for each in models:
        published = each.model.name == winner
        spots = [spot(interval(each.mean), figure(mean_of(each.mean), digits), each.single)]
        if paired:
            spots.append(_difference(published, behind[each.model.name]))
        rows.append(model_row(each.model, published, spots))
    panels = (_NDCG_PANEL, _DIFFERENCE_PANEL) if paired else (_NDCG_PANEL,)
    return Figure(about, panels, tuple(rows))


def _difference(published: bool, behind: Interval | None) -> Spot | None:
    if published:
        return Spot(Interval(0.0), _CHOSEN)
    if behind is None:
        return None
    if behind.low is None or behind.high is None:
        return Spot(behind, signed(behind.mean))
    margin = (behind.high - behind.low) / 2
    return Spot(behind, f"{signed(behind.mean)} ± {margin * 100:.1f}")


def properties_figure(slate: str, found: SlateOnHoldout, winner: str) -> Figure:
    """Show coverage, novelty, popularity bias and diversity of every model's lists."""
    panels = (
        Panel("Coverage", width=112, written=45, percent=True),
        Panel("Novelty", width=112, written=35),
        Panel(
            "Popularity bias",
            width=112,
            written=45,
            percent=True,
            reference=known(found.truth_popularity),
        ),
        Panel("Diversity", width=112, written=35),
    )
    rows = [
        model_row(
            each.model,
            each.model.name == winner,
            [
                plain_spot(each.coverage, percent(each.coverage, 0)),
                plain_spot(each.novelty, figure(each.novelty, 1)),
                plain_spot(each.popularity_bias, percent(each.popularity_bias, 0)),
                plain_spot(each.diversity, figure(each.diversity, 2)),
            ],
        )
        for each in found.models
    ]
    about = f"{slate_title(slate)}: coverage, novelty, popularity bias and diversity of every model"
    return Figure(about, panels, tuple(rows))


def slice_figures(
    slate: str, found: SlateOnHoldout, models: Mapping[str, Model], winner: str
) -> list[tuple[str, Figure]]:
    """Return one figure per kind of slice, with the name of the kind."""
    panels = (Panel("NDCG@10", width=610, written=60),)
    digits = digits_for(mean.mean for each in found.slices for mean in each.models.values())
    figures = []
    for of, slices in groupby(found.slices, key=lambda each: each.of):
        rows = tuple(row for each in slices for row in _slice_rows(each, models, winner, digits))
        figures.append((of, Figure(f"{slate_title(slate)}: NDCG@10 of {of}", panels, rows)))
    return figures


def _slice_rows(each: Slice, models: Mapping[str, Model], winner: str, digits: int) -> list[Row]:
    """The published model first, then the others as they were given."""
    names = sorted(each.models, key=lambda name: name not in (PUBLISHED, winner))
    rows = [Row(f"{each.name}: {count(each.customers)} customers", heading=True)]
    for name in names[:_MOST_IN_A_SLICE]:
        model = models.get(winner if name == PUBLISHED else name)
        mean = each.models[name]
        at = spot(interval(mean), figure(mean.mean, digits))
        published = name in (PUBLISHED, winner)
        rows.append(
            model_row(model, published, [at])
            if model
            else Row(title_of(winner if published else name, models), (at,), published=published)
        )
    return rows


def importances_figure(slate: str, importances: tuple[Importance, ...]) -> Figure:
    groups: dict[str, float] = {}
    for each in importances:
        groups[each.group] = groups.get(each.group, 0.0) + (known(each.share) or 0.0)
    ordered = sorted(groups.items(), key=lambda group: (-group[1], group[0]))
    rows = tuple(
        Row(
            name.replace("_", " "),
            (plain_spot(share, percent(share)),),
            colour=COLOURS[Family.RANKER],
        )
        for name, share in ordered
    )
    panel = Panel("Share of the total gain", 600, percent=True, bars=True, written=70)
    return Figure(f"{slate_title(slate)}: features of the ranker", (panel,), rows)


def reasons_figure(reasons: Mapping[str, ReasonCounts]) -> Figure:
    rows: list[Row] = []
    for slate, counts in reasons.items():
        total = sum(counts.by_code.values())
        rows.append(Row(slate_title(slate), heading=True))
        by_share = sorted(counts.by_code.items(), key=lambda code: (-code[1], code[0]))
        rows += [
            Row(
                reason_title(code),
                (plain_spot(listed / total, f"{percent(listed / total)} ({count(listed)})"),),
                colour=PLAIN,
            )
            for code, listed in by_share
            if total
        ]
    panel = Panel("Share of the listed items", 540, percent=True, bars=True, written=130)
    return Figure("Reasons given, by slate", (panel,), tuple(rows))


def warm_figure(warm: WarmStart) -> Figure:
    known_value = interval(warm.known)
    rows: list[Row] = []
    for path in warm.paths:
        rows.append(Row(_orders_known(path.orders), heading=True))
        rows += [
            Row(
                "from their recent purchases",
                (spot(interval(path.history), figure(path.history.mean)),),
                colour=COLOURS[Family.COLLABORATIVE],
                published=True,
            ),
            Row(
                FAMILIES[Family.POPULARITY],
                (spot(interval(path.popularity), figure(path.popularity.mean)),),
                colour=COLOURS[Family.POPULARITY],
                hollow=True,
            ),
        ]
    if known_value:
        rows.append(Row("After the next training", heading=True))
        at = spot(known_value, figure(known_value.mean))
        rows.append(Row("chosen model", (at,), colour=COLOURS[Family.RANKER]))
    title = f"{slate_title(warm.slate)}: lists of new customers, NDCG@10"
    panel = Panel("NDCG@10", width=610, written=60)
    return Figure(title, (panel,), tuple(rows))


def _orders_known(orders: int | None) -> str:
    if orders is None:
        return "All of their orders are known"
    return "Only their last order is known" if orders == 1 else f"Last {orders} orders are known"
