"""What the words on the command line mean."""

import re
from datetime import datetime
from functools import partial
from pathlib import Path

from recsvc.domain.values.timestamps import RFC3339_RULE, datetime_at, parse_rfc3339
from training.errors import InputUnreadable
from training.running_shop import TrainingShop
from training.sources.consent_file import read_consent_file
from training.sources.consents import AssumeGranted, ConsentSource
from training.sources.item_catalogue import ItemCatalogue, read_catalogue_file

_SERVICE = "service"
_ASSUME_GRANTED = "assume-granted"

_MOST_MINUTES = 7 * 24 * 60  # of a search: a week

_UNITS_IN_DAYS = {"d": 1.0, "w": 7.0, "": 1.0}


def consent_source(text: str, shop: TrainingShop) -> ConsentSource:
    """Return where consents are read from; nobody's yes is assumed unless that is typed."""
    if text == _SERVICE:
        shop.check_there()
        return shop.permitted
    if text == _ASSUME_GRANTED:
        return AssumeGranted
    return partial(read_consent_file, Path(text))


def catalogue(text: str | None, shop: TrainingShop) -> ItemCatalogue:
    if text is None:
        return ItemCatalogue()
    return shop.catalogue() if text == _SERVICE else read_catalogue_file(Path(text))


def share(text: str) -> float:
    """Read `1%` or `0.01`."""
    number, percent = text.removesuffix("%"), text.endswith("%")
    value = _as_number(number, f"--max-bad {text!r}: write a share such as 1% or 0.01")
    value = value / 100 if percent else value
    if not 0 <= value <= 1:
        raise InputUnreadable(f"--max-bad {text!r} is not between 0% and 100%", code="bad_option")
    return value


def days(text: str) -> float:
    """Read `28d`, `4w` or `28`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([dw]?)", text, re.ASCII)
    if found is None or float(found[1]) <= 0:
        raise InputUnreadable(
            f"--horizon {text!r}: write a number of days or weeks, as 28d or 4w", code="bad_option"
        )
    return float(found[1]) * _UNITS_IN_DAYS[found[2]]


def moment(text: str) -> datetime:
    """Read `2017-05-08`, its first moment in UTC, or a time of RFC 3339."""
    at_us = parse_rfc3339(text if "T" in text.upper() else f"{text}T00:00:00Z")
    if at_us is None:
        raise InputUnreadable(
            f"--as-of {text!r}: write a day as 2017-05-08, or {RFC3339_RULE}", code="bad_option"
        )
    return datetime_at(at_us)


def minutes(text: str) -> float:
    """Read `15` or `0.5`."""
    otherwise = f"--tune {text!r}: write minutes above 0 and at most {_MOST_MINUTES}, as 15 or 0.5"
    value = _as_number(text, otherwise)
    if not 0 < value <= _MOST_MINUTES:  # nor is it NaN
        raise InputUnreadable(otherwise, code="bad_option")
    return value


def _as_number(text: str, otherwise: str) -> float:
    try:
        return float(text)
    except ValueError as fault:
        raise InputUnreadable(otherwise, code="bad_option") from fault
