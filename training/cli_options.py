"""Parse the values of command line options."""

import re
from datetime import datetime
from functools import partial
from pathlib import Path

from recsvc.domain.values.timestamps import RFC3339_RULE, datetime_at, parse_rfc3339
from training.errors import InputUnreadable
from training.running_shop import TrainingShop
from training.sources.consent_file import read_consent_file
from training.sources.consents import AssumeGranted, ConsentSource
from training.sources.item_catalogue import ItemCatalogue
from training.sources.item_files import read_catalogue_file

_SERVICE = "service"
_ASSUME_GRANTED = "assume-granted"

_MOST_MINUTES = 7 * 24 * 60  # of a search: one week

_UNITS_IN_DAYS = {"d": 1.0, "w": 7.0, "": 1.0}


def consent_source(text: str, shop: TrainingShop) -> ConsentSource:
    """Return the source of consents. Consent is assumed only if the option says so."""
    if text == _SERVICE:
        shop.check_exists()
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
    if not percent and value >= 1:  # 5 may mean 5 %, and 1 either
        raise InputUnreadable(
            f"--max-bad {text!r} is no share below 1: write a percentage as {text}%, or a share "
            "such as 0.01",
            code="bad_option",
        )
    value = value / 100 if percent else value
    if not 0 <= value <= 1:
        raise InputUnreadable(
            f"--max-bad {text!r} is not between 0% and 100%: write a share such as 1% or 0.01",
            code="bad_option",
        )
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
    """Read a day such as `2017-05-08`, which is midnight UTC, or an RFC 3339 time."""
    at_us = parse_rfc3339(text if "T" in text.upper() else f"{text}T00:00:00Z")
    if at_us is None:
        raise InputUnreadable(
            f"--as-of {text!r}: write a day as 2017-05-08, or {RFC3339_RULE}", code="bad_option"
        )
    return datetime_at(at_us)


def minutes(text: str) -> float:
    """Read `15` or `0.5`."""
    rule = f"--tune {text!r}: write minutes above 0 and at most {_MOST_MINUTES}, as 15 or 0.5"
    value = _as_number(text, rule)
    if not 0 < value <= _MOST_MINUTES:  # also refuses NaN
        raise InputUnreadable(rule, code="bad_option")
    return value


def _as_number(text: str, rule: str) -> float:
    try:
        return float(text)
    except ValueError as fault:
        raise InputUnreadable(rule, code="bad_option") from fault


def customers(path: Path) -> list[str]:
    """Read customer ids, one a line; empty lines do not count."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputUnreadable(
            f"--leave-out {path}: {reason}; give a text file with one customer id a line",
            code="bad_option",
        ) from error
    found = [line.strip() for line in lines if line.strip()]
    if not found:
        raise InputUnreadable(
            f"--leave-out {path} is empty: write one customer id a line", code="bad_option"
        )
    return found
