"""Tables of the report as rows of text."""

from collections.abc import Mapping
from dataclasses import dataclass

from training.metrics.model import Model
from training.metrics.results import (
    MAIN_K,
    METRIC_KS,
    METRICS,
    DataSummary,
    Importance,
    LearningWindow,
    ModelOnHoldout,
    SlateOnHoldout,
    SlateResults,
)
from training.report.names import FAMILIES, MEASURES
from training.report.numbers import count, day, digits_for, figure, known, mean_of, percent
from training.report.words import spread

_MOST_FEATURES = 20


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    below: str = ""  # the 95 % interval


@dataclass(frozen=True, slots=True)
class Line:
    model: Model
    family: str
    published: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`groups` are headings over several columns, with how many they span."""

    groups: tuple[tuple[str, int], ...]
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


def metrics_table(held: SlateOnHoldout, winner: str) -> Table:
    digits = {measure: _digits_of(measure, held) for measure in MEASURES}
    lines = tuple(
        _line(each.model, winner, tuple(_cell(name, each, digits) for name in METRICS))
        for each in held.models
    )
    groups = tuple((name, len(METRIC_KS)) for name in MEASURES.values())
    return Table(groups, tuple(f"@{k}" for _ in groups for k in METRIC_KS), lines)


def _digits_of(measure: str, held: SlateOnHoldout) -> int:
    values = [each.metrics.get(f"{measure}@{MAIN_K}") for each in held.models]
    return digits_for(mean_of(value) for value in values)


def _cell(name: str, of: ModelOnHoldout, digits: Mapping[str, int]) -> Cell:
    """Return a metric's value, with its interval for the main cutoff only: twelve would be too
    wide.
    """
    measure, _, k = name.partition("@")
    value = of.metrics.get(name)
    below = spread(value, digits[measure]) if k == str(MAIN_K) else ""
    return Cell(figure(mean_of(value), digits[measure]), below)


def windows_table(found: SlateResults, windows: tuple[LearningWindow, ...], winner: str) -> Table:
    judged = [window for window in windows if window.judged]
    means = [one.mean for each in found.models for one in each.windows if one]
    digits = digits_for(means)
    lines = []
    for each in found.models:
        cells = [Cell(figure(mean_of(one), digits), spread(one, digits)) for one in each.windows]
        cells += [Cell("–")] * (len(judged) - len(cells))
        lines.append(_line(each.model, winner, (*cells, Cell(percent(each.relative)))))
    columns = tuple(f"{day(window.start)} to {day(window.end)}" for window in judged)
    return Table((), (*columns, "of the best, on average"), tuple(lines))


def _line(model: Model, winner: str, cells: tuple[Cell, ...]) -> Line:
    return Line(model, FAMILIES[model.family], model.name == winner, cells)


def features(importances: tuple[Importance, ...]) -> list[tuple[str, str, str]]:
    """Return (feature, group, share), the largest share first."""
    ordered = sorted(importances, key=lambda each: (-(known(each.share) or 0.0), each.feature))
    return [
        (each.feature, each.group.replace("_", " "), percent(each.share))
        for each in ordered[:_MOST_FEATURES]
    ]


def tiles(data: DataSummary) -> list[tuple[str, str]]:
    """Return the figures of the training data with their labels."""
    period = f"{day(data.first)} to {day(data.last)}" if data.first and data.last else "no dates"
    return [
        (count(data.customers), "customers"),
        (count(data.items), "items"),
        (count(data.orders), "orders"),
        (count(data.lines), "purchase lines"),
        (percent(data.repeat_share, 0), "of lines are repeat purchases"),
        (figure(data.orders_per_customer, 1), "orders per customer"),
        (count(data.categories), "categories"),
        (period, "period"),
    ]


def settings(data: DataSummary, parameters: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the settings needed to repeat a run; nested parameters get dotted names."""
    own = [("seed", str(data.seed)), ("horizon", f"{data.horizon_days:g} days")]
    return own + _flat("", parameters)


def _flat(prefix: str, parameters: Mapping[str, object]) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            rows += _flat(f"{prefix}{name}.", value)
        else:
            rows.append((f"{prefix}{name}", str(value)))
    return rows
