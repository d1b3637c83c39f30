"""Numbers, days and texts in the report's notation. Missing values are a dash."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite, sqrt
from unicodedata import category

from training.metrics.estimates import Estimate, Mean
from training.metrics.item_slate_results import CaseMean

_DASH = "–"
MINUS = "\N{MINUS SIGN}"
NARROW = "\N{NO-BREAK SPACE}"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_Z95 = 1.959964  # standard errors on each side of a mean for 95 %

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and, where known, its 95 % interval."""

    mean: float
    low: float | None = None
    high: float | None = None

    def times(self, factor: float) -> "Interval":
        """Multiply; a negative factor swaps the ends."""
        if self.low is None or self.high is None:
            return Interval(self.mean * factor)
        ends = sorted((self.low * factor, self.high * factor))
        return Interval(self.mean * factor, *ends)


def known(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def interval(value: Mean | Estimate | CaseMean | None) -> Interval | None:
    """Return the value with its ends if the error is known; None if it was not measured."""
    if value is None or known(value.mean) is None:
        return None
    ends = (
        (value.low, value.high)
        if isinstance(value, Estimate)
        else (value.mean - _Z95 * value.error, value.mean + _Z95 * value.error)
    )
    return Interval(value.mean, *ends) if all(map(isfinite, ends)) else Interval(value.mean)


def mean_of(value: Mean | Estimate | CaseMean | None) -> float | None:
    return None if value is None else known(value.mean)


def pooled(means: Sequence[Mean | None]) -> Mean | None:
    """Pool windows of different customers; each customer has the same weight."""
    measured = [each for each in means if each and isfinite(each.mean) and each.customers > 0]
    customers = sum(each.customers for each in measured)
    if not customers:
        return None
    mean = sum(each.mean * each.customers for each in measured) / customers
    error = sqrt(sum((each.error * each.customers) ** 2 for each in measured)) / customers
    return Mean(mean, error, customers)


def relative(difference: Interval | None, to: float | None) -> Interval | None:
    """Return a difference as a share of `to`."""
    base = known(to)
    return difference.times(1 / base) if difference and base is not None and base > 0 else None


def figure(value: float | None, digits: int = 3) -> str:
    value = known(value)
    return _DASH if value is None else f"{value:.{digits}f}"


def digits_for(values: Iterable[float | None]) -> int:
    """Return 4 digits for values below 0.1, which would look equal with 3."""
    return 3 if max((known(value) or 0.0 for value in values), default=0.0) >= 0.1 else 4


def count(value: float | None) -> str:
    value = known(value)
    return _DASH if value is None else f"{value:,.0f}"


def percent(share: float | None, digits: int = 1) -> str:
    share = known(share)
    return _DASH if share is None else f"{number(share * 100, digits)}{NARROW}%"


def signed(share: float | None, digits: int = 1) -> str:
    share = known(share)
    if share is None:
        return _DASH
    text = number(share * 100, digits)
    return f"{'+' if float(share) > 0 and text.strip('0.') else ''}{text}{NARROW}%"


def number(value: float, digits: int) -> str:
    """Format with a minus sign (U+2212), and zero without a sign."""
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text.replace("-", MINUS)


def date_of(moment: str | None) -> date | None:
    """Return the day of an RFC 3339 time or date; None for other texts."""
    try:
        return date.fromisoformat((moment or "").partition("T")[0])
    except ValueError:
        return None


def day(moment: str | None) -> str:
    """Format a day as "1 Sep 2017"; other texts are kept."""
    on = date_of(moment)
    if on is None:
        return _DASH if moment is None else clean(moment)
    return f"{on.day}{NARROW}{_MONTHS[on.month - 1]}{NARROW}{on.year}"


def clean(text: str) -> str:
    """Remove characters that cannot be shown or change the text direction: names come from input
    files.
    """
    kept = (each for each in text if each not in _BIDI_CONTROLS)
    return "".join(" " if category(each) in ("Cc", "Cs", "Zl", "Zp") else each for each in kept)


def shortened(text: str, most: int) -> str:
    text = clean(text)
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
