"""A figure as data: labelled rows, and panels of dots with intervals or of bars."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from training.metrics.model import Family, Model
from training.report.numbers import Interval, known

COLOURS = {family: f"var(--{family.value})" for family in Family}
PLAIN = "var(--plain)"


@dataclass(frozen=True, slots=True)
class Spot:
    """One value in one panel: `each` are the single values behind it, `text` is written beside
    it.
    """

    value: Interval
    text: str = ""
    each: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One line with a spot per panel. A heading has no spots."""

    label: str
    spots: tuple[Spot | None, ...] = ()
    colour: str = PLAIN
    published: bool = False
    hollow: bool = False
    heading: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """`width` is in pixels, `reference` a line across all rows, `written` the width for texts."""

    title: str
    width: int
    percent: bool = False
    bars: bool = False
    reference: float | None = None
    written: int = 0


@dataclass(frozen=True, slots=True)
class Figure:
    about: str  # description for screen readers
    panels: tuple[Panel, ...]
    rows: tuple[Row, ...] = field(default=())

    @property
    def worth_drawing(self) -> bool:
        return any(spot for row in self.rows for spot in row.spots)


def model_row(model: Model, published: bool, spots: Sequence[Spot | None]) -> Row:
    """A model of common use is drawn hollow."""
    return Row(
        label=model.title,
        spots=tuple(spots),
        colour=COLOURS[model.family],
        published=published,
        hollow=model.baseline,
    )


def plain_spot(value: float | None, text: str = "") -> Spot | None:
    value = known(value)
    return None if value is None else Spot(Interval(value), text)


def spot(value: Interval | None, text: str = "", each: Sequence[float] = ()) -> Spot | None:
    return None if value is None else Spot(value, text, tuple(each))
