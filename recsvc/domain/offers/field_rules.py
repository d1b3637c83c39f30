"""Rules of the fields that offers, caps and eligibility share. Pure."""

from typing import Annotated, Any

from msgspec import Meta

from recsvc.domain.catalogue.category_paths import (
    MAX_PATH_BYTES,
    PATH_RULE,
    InvalidPath,
    normalised,
)
from recsvc.domain.values import validation as readers
from recsvc.domain.values.ids import ID_RULE, IdText, ItemId, id_fault
from recsvc.domain.values.labels import LABEL_RULE, MAX_LABEL_LENGTH
from recsvc.domain.values.timestamps import RFC3339_RULE
from recsvc.domain.values.validation import MAX_URL_LENGTH, InvalidValue, Rule, list_of

MAX_ITEMS = 20_000
MAX_LABELS = 1_000
MAX_AMOUNT = 1e12
MAX_DAYS = 36_500

Label = Annotated[str, Meta(min_length=1, max_length=MAX_LABEL_LENGTH)]
Path = Annotated[str, Meta(min_length=1, max_length=MAX_PATH_BYTES)]
_Labels = Annotated[list[Label], Meta(min_length=1, max_length=MAX_LABELS)]
_Items = Annotated[list[IdText], Meta(min_length=1, max_length=MAX_ITEMS)]
_Url = Annotated[str, Meta(min_length=1, max_length=MAX_URL_LENGTH)]
_Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
_Amount = Annotated[float, Meta(ge=0, le=MAX_AMOUNT)]


def text(most: int) -> Rule:
    rule = f"a text of 1 to {most} characters, not all blank, none of them a control character"
    schema = Annotated[str, Meta(min_length=1, max_length=most)]
    return Rule(rule, readers.nonblank_text(most), schema)


def whole_number(least: int, most: int, of: str = "") -> Rule:
    """`of`: the unit, as in "a whole number of days"."""
    unit = f" of {of}" if of else ""
    schema = Annotated[int, Meta(ge=least, le=most)]
    return Rule(f"a whole number{unit} from {least} to {most}", readers.whole(least, most), schema)


def flag(*, default: bool | None = None) -> Rule:
    return Rule(readers.FLAG_RULE, readers.flag, bool, default)


def _item(value: Any) -> ItemId:
    if not isinstance(value, str) or id_fault(value) is not None:
        raise InvalidValue
    return ItemId(value)


def path(value: Any) -> str:
    """Read a category path."""
    if not isinstance(value, str):
        raise InvalidValue
    try:
        return normalised(value)
    except InvalidPath:
        raise InvalidValue from None


LABEL = Rule(f"a text of {LABEL_RULE}", readers.label, Label)
LABELS = Rule(
    f"a list of 1 to {MAX_LABELS:,} texts of {LABEL_RULE}",
    list_of(LABEL, MAX_LABELS, "names"),
    _Labels,
)
CATEGORIES = Rule(
    f"a list of 1 to {MAX_LABELS:,} categories, each {PATH_RULE}",
    list_of(Rule(PATH_RULE, path, Path), MAX_LABELS, "names"),
    Annotated[list[Path], Meta(min_length=1, max_length=MAX_LABELS)],
)
ITEMS = Rule(
    f"a list of 1 to {MAX_ITEMS:,} item ids",
    list_of(Rule(f"an id: {ID_RULE}", _item, IdText), MAX_ITEMS, "items"),
    _Items,
)
URL = Rule(readers.URL_RULE, readers.url, _Url)
TIME = Rule(RFC3339_RULE, readers.moment, _Time)
AMOUNT = Rule(f"a number from 0 to {MAX_AMOUNT:.0f}", readers.number(0, MAX_AMOUNT), _Amount)
