"""Currency codes. Pure."""

import re

CURRENCY_RULE = "three capital letters of ISO 4217, as EUR"
CURRENCY_PATTERN = "^[A-Z]{3}$"

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


def is_currency(text: str) -> bool:
    return _CURRENCY.fullmatch(text) is not None
