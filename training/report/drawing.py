"""Draw a figure as inline SVG: labels on the left, panels side by side."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from training.report import layers
from training.report.figure import Figure, Panel, Row, Spot
from training.report.layers import Datum, Layer
from training.report.numbers import NARROW, shortened
from training.report.svg import svg

LABELS = 290  # pixels: model titles and feature groups
_LONGEST_LABEL = 44  # letters that fit there
_BETWEEN = 28
HEAD = 26
_GAP = 14  # between a panel and the text beside it
ROW, TIGHT_ROW, MANY_ROWS = 22, 17, 24
DOT, PUBLISHED_DOT = 55, 110

Placed = Sequence[tuple[float, Row]]  # the middle of each row, in pixels


def draw(figure: Figure) -> Markup:
    """Return the SVG element; empty for a figure without values."""
    if not figure.worth_drawing:
        return Markup()
    step = ROW if len(figure.rows) < MANY_ROWS else TIGHT_ROW
    placed = place(figure.rows, step)
    bottom = HEAD + step * len(placed)
    width = LABELS + sum(panel.width + panel.written + _BETWEEN for panel in figure.panels)
    drawn = [*layers.bands(_shaded(placed, step), width), *labels(placed)]
    left = LABELS
    for at, panel in enumerate(figure.panels):
        spots = [(middle, row, row.spots[at]) for middle, row in placed if row.spots]
        drawn += _panel_layers(panel, left, bottom, spots)
        left += panel.width + panel.written + _BETWEEN
    return svg(drawn, width, bottom, figure.about)


def place(rows: Sequence[Row], step: float) -> Placed:
    return [(HEAD + step * (at + 0.5), row) for at, row in enumerate(rows)]


def _shaded(placed: Placed, step: float) -> list[Datum]:
    half = step / 2
    return [{"top": at - half, "bottom": at + half} for at, row in placed if row.published]


def labels(placed: Placed) -> list[Layer]:
    right = LABELS - 12
    headings = [_text(row.label, 4, at) for at, row in placed if row.heading]
    published = [_text(row.label, right, at) for at, row in placed if row.published]
    plain = [
        _text(row.label, right, at) for at, row in placed if not (row.heading or row.published)
    ]
    return [
        *layers.texts(headings, "left", bold=True),
        *layers.texts(published, "right", bold=True),
        *layers.texts(plain, "right"),
    ]


def _panel_layers(
    panel: Panel, left: int, bottom: int, spots: Sequence[tuple[float, Row, Spot | None]]
) -> list[Layer]:
    """Return the layers of a panel; none for a panel without values."""
    rows = [_datum(at, row, spot) for at, row, spot in spots if spot]
    if not rows:
        return []
    single = [{"y": at, "mean": one} for at, _, spot in spots if spot for one in spot.each]
    x = _axis_of(panel, left, _domain(panel, [*rows, *single]))
    drawn = [] if panel.bars else layers.strokes(single, x)
    if panel.reference is not None:
        drawn += layers.reference(panel.reference, HEAD, bottom, x)
    drawn += (
        layers.bars(rows, x) if panel.bars else [*layers.intervals(rows, x), *layers.dots(rows, x)]
    )
    written = [_text(spot.text, left + panel.width + _GAP, at) for at, _, spot in spots if spot]
    return [
        layers.together(drawn),
        *layers.texts([_text(panel.title, left, HEAD / 2)], "left", bold=True),
        *layers.texts(written, "left"),
    ]


def _datum(at: float, row: Row, spot: Spot) -> Datum:
    value = spot.value
    return {
        "y": at,
        "zero": 0,
        "mean": value.mean,
        "low": value.mean if value.low is None else value.low,
        "high": value.mean if value.high is None else value.high,
        "colour": row.colour,
        "fill": layers.PAPER if row.hollow and not row.published else row.colour,
        "size": PUBLISHED_DOT if row.published else DOT,
    }


def _domain(panel: Panel, rows: Iterable[Datum]) -> tuple[float, float]:
    """Return the ends of the axis. It includes zero, so that differences are not exaggerated."""
    ends = [0.0] if panel.reference is None else [0.0, panel.reference]
    ends += [row[end] for row in rows for end in ("low", "mean", "high") if end in row]
    return (min(ends), max(ends)) if max(ends) > min(ends) else (0.0, 1.0)


def _axis_of(panel: Panel, left: int, ends: tuple[float, float]) -> Mapping[str, Any]:
    if not panel.percent:
        return layers.axis(ends, left, panel.width)
    digits = 1 if ends[1] - ends[0] < 0.05 else 0
    words = f"replace(format(100 * datum.value, '.{digits}f'), '-', '−') + '{NARROW}%'"
    return layers.axis(ends, left, panel.width, labelExpr=words)


def _text(words: str, x: float, y: float) -> Datum:
    return {"text": shortened(words, _LONGEST_LABEL), "x": x, "y": y}
