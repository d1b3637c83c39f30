"""A timeline of the past windows: training data before each window, and the window itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup

from training.metrics.results import LearningWindow, Results
from training.report import layers
from training.report.drawing import HEAD, LABELS, ROW, labels, place
from training.report.figure import Row
from training.report.numbers import NARROW, count, date_of
from training.report.svg import svg

_WIDTH = 640
THICK, THIN = 13, 3
_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)
_MOST_TICKS = 10
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)
JUDGED, LEARNED, HOLDOUT = (f"var(--{each})" for each in ("judged", "learned", "holdout"))


@dataclass(frozen=True, slots=True)
class Span:
    """One window; `known` is where the purchases known before it begin. Places are comparable."""

    label: str
    known: float
    start: float
    end: float
    colour: str


def timeline(results: Results) -> Markup:
    """Return nothing where windows have neither dates nor places that can be put on a line."""
    spans = _spans_of(results)
    ends = [end for span in spans for end in (span.known, span.end)]
    if not ends or min(ends) == max(ends):
        return Markup()
    placed = place([Row(span.label) for span in spans], ROW)
    middles = [middle for middle, _ in placed]
    x = _axis_of((min(ends), max(ends)), dated=_moment(results.windows[0].start) is not None)
    drawn = [*labels(placed), layers.together(_stretches(spans, middles, x))]
    height = HEAD + ROW * len(spans)
    return svg(drawn, LABELS + _WIDTH + 30, height, "Past windows, and the purchases before each")


def _stretches(
    spans: Sequence[Span], middles: Sequence[float], x: Mapping[str, Any]
) -> list[layers.Layer]:
    rows = list(zip(spans, middles, strict=True))
    known = [
        {"y": at, "start": span.known, "end": span.start, "colour": LEARNED} for span, at in rows
    ]
    inside = [
        {"y": at, "start": span.start, "end": span.end, "colour": span.colour} for span, at in rows
    ]
    return [
        *layers.bars(known, x, start="start", end="end", size=THIN),
        *layers.bars(inside, x, start="start", end="end", size=THICK),
    ]


def _spans_of(results: Results) -> list[Span]:
    """Return oldest first, the holdout last; nothing unless every window has its place."""
    windows = list(reversed(results.windows))
    spans = [_span_of(results, window, *_look_of(window)) for window in windows]
    held = results.holdout
    if held and held.start and held.end and spans:
        window = LearningWindow(held.start, held.end, True, held.lines, held.customers)
        words = f"holdout: {count(held.customers)} customers"
        spans.append(_span_of(results, window, words, HOLDOUT))
    placed = [span for span in spans if span]
    return placed if len(placed) == len(spans) else []


def _look_of(window: LearningWindow) -> tuple[str, str]:
    customers = f"{count(window.customers)} customers"
    if window.judged:
        return f"models compared: {customers}", JUDGED
    return f"rankers trained: {customers}", LEARNED


def _span_of(results: Results, window: LearningWindow, label: str, colour: str) -> Span | None:
    dated = _moment(results.windows[0].start) is not None
    position = _moment if dated else _share
    start, end = position(window.start), position(window.end)
    if start is None or end is None:
        return None
    first = _moment(results.data.first or "") if dated else 0.0
    known = start if first is None else min(first, start)
    return Span(label, known, start, end, colour)


def _moment(text: str) -> float | None:
    """Return milliseconds since 1970 of a date or the day of an RFC 3339 moment."""
    on = date_of(text)
    return None if on is None else float((on - _EPOCH).days * _DAY_MS)


def _share(text: str) -> float | None:
    """Return the number in a place such as "62.5 %"."""
    try:
        return float(text.replace("%", "").strip())
    except ValueError:
        return None


def _axis_of(ends: tuple[float, float], *, dated: bool) -> Mapping[str, Any]:
    if dated:
        ticks, words = _calendar(ends[1] - ends[0])
        label = f"utcFormat(datum.value, '{words}')"
        return layers.axis(ends, LABELS, _WIDTH, type="utc", tickCount=ticks, labelExpr=label)
    return layers.axis(ends, LABELS, _WIDTH, labelExpr=f"datum.label + '{NARROW}%'")


def _calendar(length: float) -> tuple[Any, str]:
    """Return whole months where there are enough of them, and how a tick is written."""
    months = length / _DAY_MS / 30
    if months < 3:
        return _MOST_TICKS // 2, "%-d %b"
    step = next((each for each in _MONTH_STEPS if months / each <= _MOST_TICKS), _MONTH_STEPS[-1])
    return {"interval": "month", "step": step}, "%b %Y"
