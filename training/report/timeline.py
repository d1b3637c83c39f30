"""The past windows on one line of time: what was known before each, and what it was judged on."""

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

WIDTH = 640
THICK, THIN = 13, 3
DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)
MOST_TICKS = 10
MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)
JUDGED, LEARNED, HOLDOUT = (f"var(--{each})" for each in ("judged", "learned", "holdout"))


@dataclass(frozen=True, slots=True)
class Span:
    """One window; `known` is where the purchases known before it begin. Places are comparable."""

    label: str
    known: float
    start: float
    end: float
    colour: str


def timeline(findings: Results) -> Markup:
    """Return nothing where windows have neither dates nor places that can be put on a line."""
    spans = spans_of(findings)
    ends = [end for span in spans for end in (span.known, span.end)]
    if not ends or min(ends) == max(ends):
        return Markup()
    placed = place([Row(span.label) for span in spans], ROW)
    middles = [middle for middle, _ in placed]
    x = axis_of((min(ends), max(ends)), dated=moment(findings.windows[0].start) is not None)
    drawn = [*labels(placed), layers.together(stretches(spans, middles, x))]
    height = HEAD + ROW * len(spans)
    return svg(drawn, LABELS + WIDTH + 30, height, "Past windows, and what was known before each")


def stretches(
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


def spans_of(findings: Results) -> list[Span]:
    """Return oldest first, the holdout last; nothing unless every window has its place."""
    windows = list(reversed(findings.windows))
    spans = [span_of(findings, window, *look_of(window)) for window in windows]
    held = findings.holdout
    if held and held.start and held.end and spans:
        window = LearningWindow(held.start, held.end, True, held.lines, held.customers)
        words = f"holdout: {count(held.customers)} customers"
        spans.append(span_of(findings, window, words, HOLDOUT))
    placed = [span for span in spans if span]
    return placed if len(placed) == len(spans) else []


def look_of(window: LearningWindow) -> tuple[str, str]:
    customers = f"{count(window.customers)} customers"
    if window.judged:
        return f"models compared: {customers}", JUDGED
    return f"rankers taught: {customers}", LEARNED


def span_of(findings: Results, window: LearningWindow, label: str, colour: str) -> Span | None:
    dated = moment(findings.windows[0].start) is not None
    position = moment if dated else share
    start, end = position(window.start), position(window.end)
    if start is None or end is None:
        return None
    first = moment(findings.data.first or "") if dated else 0.0
    known = start if first is None else min(first, start)
    return Span(label, known, start, end, colour)


def moment(text: str) -> float | None:
    """Return milliseconds since 1970 of a date or the day of an RFC 3339 moment."""
    on = date_of(text)
    return None if on is None else float((on - EPOCH).days * DAY_MS)


def share(text: str) -> float | None:
    """Return the number in a place such as "62.5 %"."""
    try:
        return float(text.replace("%", "").strip())
    except ValueError:
        return None


def axis_of(ends: tuple[float, float], *, dated: bool) -> Mapping[str, Any]:
    if dated:
        ticks, words = calendar(ends[1] - ends[0])
        label = f"utcFormat(datum.value, '{words}')"
        return layers.axis(ends, LABELS, WIDTH, type="utc", tickCount=ticks, labelExpr=label)
    return layers.axis(ends, LABELS, WIDTH, labelExpr=f"datum.label + '{NARROW}%'")


def calendar(length: float) -> tuple[Any, str]:
    """Return whole months where there are enough of them, and how a tick is written."""
    months = length / DAY_MS / 30
    if months < 3:
        return MOST_TICKS // 2, "%-d %b"
    step = next((each for each in MONTH_STEPS if months / each <= MOST_TICKS), MONTH_STEPS[-1])
    return {"interval": "month", "step": step}, "%b %Y"
