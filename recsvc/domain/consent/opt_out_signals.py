"""Opt-outs of US state laws, as browsers report them: US Privacy strings and GPP sections. Pure.

An opt-out of sale, of sharing or of targeted advertising is a denial. A report without an opt-out
is no grant: it states nothing.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from recsvc.domain.consent.signal_tables import OPT_OUTS
from recsvc.domain.errors import FieldError
from recsvc.domain.values.validation import mismatch

_US_PRIVACY = re.compile("1[YN-]{3}", re.ASCII | re.IGNORECASE)
_US_PRIVACY_RULE = 'a text of four characters, as "1YNN", or {"uspString": "1YNN"}'
_GPP_RULE = (
    'the data of __gpp("ping", …), as {"parsedSections": {"usnat": {"SaleOptOut": 1}}}; '
    "GPP strings are not supported"
)
_SALE_PLACE = 2  # of the opt-out in a US Privacy string
_FIELDS = {
    "SaleOptOut": "sale",
    "SharingOptOut": "sharing",
    "TargetedAdvertisingOptOut": "targeted_advertising",
}
_OPTED_OUT, _ANSWERS = 1, (0, 1, 2)  # 0: not applicable, 2: did not opt out
_NO_SECTIONS: tuple[list[int], ...] = ([0], [-1])  # applicable: not known, none
NOT_APPLICABLE = "its law does not apply"
NO_OPT_OUT = "it has no opt-out, which is no grant"

# The opt-outs of a report, and why it states nothing if there is none.
OptOuts = tuple[frozenset[str], str | None]


def us_privacy(sent: Any) -> OptOuts | FieldError:
    """Read a US Privacy string, or the object with it that `__uspapi` returns."""
    text = sent.get("uspString") if isinstance(sent, dict) else sent
    if not isinstance(text, str) or not _US_PRIVACY.fullmatch(text):
        return FieldError("us_privacy", mismatch(sent, _US_PRIVACY_RULE))
    answer = text[_SALE_PLACE].upper()
    if answer == "Y":
        return frozenset(OPT_OUTS), None
    return frozenset(), NOT_APPLICABLE if answer == "-" else NO_OPT_OUT


def gpp(sent: Any) -> OptOuts | FieldError:
    """Read the sections of US states in the data that `__gpp` returns."""
    if not isinstance(sent, dict):
        return FieldError("gpp", mismatch(sent, _GPP_RULE))
    if sent.get("applicableSections") in _NO_SECTIONS:
        return frozenset(), NOT_APPLICABLE
    sections = sent.get("parsedSections")
    if not isinstance(sections, dict):
        return FieldError("gpp.parsedSections", mismatch(sections, _GPP_RULE))
    found = [each for name in sections if name.startswith("us") for each in _parts(sections[name])]
    answers = [answer for part in found for answer in _answers(part)]
    faults = [answer for answer in answers if isinstance(answer, FieldError)]
    if faults:
        return faults[0]
    if not answers:
        known = ", ".join([*_FIELDS, "Gpc", "OptOutSale"])
        return FieldError("gpp.parsedSections", f"has no section of a US law with {known}")
    opted_out = frozenset(word for words in answers for word in words)  # type: ignore[union-attr]
    return opted_out, None if opted_out else NO_OPT_OUT


def _parts(section: object) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of a section: one object, or a list of a core and further parts."""
    parts = section if isinstance(section, list) else [section]
    yield from (part for part in parts if isinstance(part, dict))


def _answers(part: Mapping[str, Any]) -> Iterator[frozenset[str] | FieldError]:
    for name, word in _FIELDS.items():
        if name in part:
            yield _answer(name, part[name], frozenset({word}), _OPTED_OUT, _ANSWERS)
    if "Gpc" in part:
        yield _answer("Gpc", part["Gpc"], frozenset(OPT_OUTS), True, (True, False))
    if "OptOutSale" in part:
        yield _answer("OptOutSale", part["OptOutSale"], frozenset(OPT_OUTS), "Y", ("Y", "N", "-"))


def _answer(
    name: str, value: object, words: frozenset[str], opted_out: object, known: tuple[object, ...]
) -> frozenset[str] | FieldError:
    if type(value) is not type(opted_out) or value not in known:
        rule = f"one of {', '.join(map(str, known))}"
        return FieldError(f"gpp.parsedSections.{name}", mismatch(value, rule))
    return words if value == opted_out else frozenset()
