"""The purchase history of a customer: the stored text. Pure.

One text for ranking and offers, in lines. `history_changes` applies events to it;
`recsvc.model.kernels.kernels.read_history` reads it in a request.

    1 2 33 21 33 0 -                    header
    +tb3x52⇥milk                        an item: time and number of its purchases
    +tavx11⇥bread
    !0mkz1c0f8⇥liver                    a dismissed item; `?`: the dismissal was cancelled
    #tb3x59f86d081⇥milk⇥2.38⇥⇥0.5       a part of an order: item and amount paid, for each line
    ~tb4x19f86d081⇥milk⇥1               a refund of 1 unit of an item; no item: of the whole order

The header has the version, the number of items, the bytes of the four sections, and the latest
minute of an entry that left for want of space (`-`: none). The time of a purchase or refund is the
minute since 1970 in five digits of base 36; of a dismissal the millisecond in nine. Numbers of
purchases have base 36. After the time, eight hexadecimal digits name the order (a keyed hash of its
id; absent: unknown). `⇥` is a tab, which no id contains. Each section has its latest entry first.

A line of an order is an item, the amount paid in units of the currency (empty: unknown) and, after
`*`, the units if they are not 1. Lines of one order in one minute are one part; lines of one item
in it are one line. Lines without an item are what remains of items that left.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from recsvc.domain.values.ids import ItemId

MAX_BYTES = 4096  # of the text
MAX_HEADER_BYTES = 32
MAX_ITEMS = 256
MAX_DISMISSALS = 100
MAX_DISMISSAL_BYTES = 2048
MAX_ORDER_BYTES, ORDER_BYTES_AFTER = 1024, 896  # after it has been exceeded
MAX_REFUND_BYTES = 256
KEPT_DAYS = 180  # after the latest purchase of an item, an order, a refund
KEPT_SECONDS = KEPT_DAYS * 86_400
KEPT_MINUTES = KEPT_DAYS * 1440

ORDER_DIGITS = 8  # of the keyed hash of an order id
MINUTE_DIGITS, MILLISECOND_DIGITS = 5, 9  # of times, in base 36
ALL_UNITS = math.inf

_VERSION = "1"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_HEADER = re.compile(rb"1 (\d+) (\d+) (\d+) (\d+) (\d+) ([0-9a-z]{5}|-)\n")
_ITEM = re.compile(r"\+([0-9a-z]{5})([0-9a-z]{1,6})\t([^\t]+)")
_DISMISSAL = re.compile(r"([!?])([0-9a-z]{9})\t([^\t]+)")
_PART = re.compile(r"#([0-9a-z]{5})([0-9a-f]{8}|)((?:\t[^\t]*\t[^\t]*)+)")
_REFUND = re.compile(r"~([0-9a-z]{5})([0-9a-f]{8})\t([^\t]*)\t([^\t]*)")
_SECTIONS = 4


class HistoryChange(StrEnum):
    """The kind of a change, as `stored_history.lua` names it."""

    PURCHASE = "+"
    REFUND = "-"
    DISMISSAL = "!"
    CANCELLATION = "?"


@dataclass(frozen=True, slots=True)
class BoughtItem:
    """An item, how often it was bought, and the minute of its last purchase."""

    item_id: ItemId
    times: int
    last_minute: int


@dataclass(frozen=True, slots=True)
class Dismissal:
    """The latest statement about an item, in milliseconds since 1970."""

    item_id: ItemId
    at_ms: int
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An item of a part of an order; without an item, what remains of lines whose item left."""

    item_id: ItemId | None
    paid: float | None = None
    units: float = 1.0


@dataclass(frozen=True, slots=True)
class OrderPart:
    """Lines of one order in one minute. `order`: the hash; empty: unknown."""

    minute: int
    order: str
    lines: tuple[OrderLine, ...]


@dataclass(frozen=True, slots=True)
class Refund:
    """Units that came back; without an item: the whole order."""

    minute: int
    order: str
    item_id: ItemId | None = None
    units: float = ALL_UNITS


@dataclass(frozen=True, slots=True)
class PurchaseHistory:
    """The content of a stored text. `lost_minute`: latest minute of an entry that left; 0: none."""

    items: Sequence[BoughtItem] = ()
    dismissals: Sequence[Dismissal] = ()
    parts: Sequence[OrderPart] = ()
    refunds: Sequence[Refund] = ()
    lost_minute: int = 0


# The text and the value of a history that cannot be read: any purchase may be missing.
UNREADABLE_TEXT = b"1 0 0 0 0 0 zzzzz\n"
UNREADABLE = PurchaseHistory(lost_minute=36**MINUTE_DIGITS - 1)


def decode(text: bytes) -> PurchaseHistory:
    """Decode a stored text. Bad lines are skipped; a text of another form is UNREADABLE."""
    if not text:
        return PurchaseHistory()
    header = _HEADER.match(text)
    if header is None:
        return UNREADABLE
    sizes = [int(header[2 + section]) for section in range(_SECTIONS)]
    if header.end() + sum(sizes) != len(text):
        return UNREADABLE
    start, sections = header.end(), []
    for size in sizes:
        sections.append(text[start : start + size].decode(errors="replace").split("\n"))
        start += size
    items, dismissals, parts, refunds = sections
    lost = header[6].decode()
    return PurchaseHistory(
        tuple(_items(items)),
        tuple(_dismissals(dismissals)),
        tuple(_parts(parts)),
        tuple(_refunds(refunds)),
        0 if lost == "-" else int(lost, 36),
    )


def encode(history: PurchaseHistory) -> bytes:
    """Return the stored text; empty for an empty history."""
    sections = [
        "".join(map(item_text, history.items)),
        "".join(map(dismissal_text, history.dismissals)),
        "".join(map(part_text, history.parts)),
        "".join(map(refund_text, history.refunds)),
    ]
    encoded = [section.encode() for section in sections]
    if not any(encoded):
        return b""
    sizes = " ".join(str(len(section)) for section in encoded)
    lost = minute_text(history.lost_minute) if history.lost_minute else "-"
    header = f"{_VERSION} {len(history.items)} {sizes} {lost}\n"
    return header.encode() + b"".join(encoded)


def item_text(item: BoughtItem) -> str:
    return f"+{minute_text(item.last_minute)}{base36(item.times)}\t{item.item_id}\n"


def dismissal_text(dismissal: Dismissal) -> str:
    kind = "?" if dismissal.is_cancelled else "!"
    return f"{kind}{base36(dismissal.at_ms, MILLISECOND_DIGITS)}\t{dismissal.item_id}\n"


def part_text(part: OrderPart) -> str:
    lines = "".join(f"\t{line.item_id or ''}\t{_amount_text(line)}" for line in part.lines)
    return f"#{minute_text(part.minute)}{part.order}{lines}\n"


def refund_text(refund: Refund) -> str:
    units = "" if refund.units == ALL_UNITS else number_text(refund.units)
    return f"~{minute_text(refund.minute)}{refund.order}\t{refund.item_id or ''}\t{units}\n"


def minute_text(minute: int) -> str:
    return base36(minute, MINUTE_DIGITS)


def number_text(number: float) -> str:
    """Return the shortest of up to twelve digits, as the format `%.12g` of C writes them."""
    return f"{number:.12g}"


def base36(number: int, digits: int = 1) -> str:
    """Return a number in base 36, padded with zeros to `digits`."""
    text = ""
    while number or not text:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text.rjust(digits, "0")


def _amount_text(line: OrderLine) -> str:
    paid = "" if line.paid is None else number_text(line.paid)
    return paid if line.units == 1 else f"{paid}*{number_text(line.units)}"


def _items(lines: Iterable[str]) -> Iterator[BoughtItem]:
    for found in filter(None, map(_ITEM.fullmatch, lines)):
        yield BoughtItem(ItemId(found[3]), int(found[2], 36), int(found[1], 36))


def _dismissals(lines: Iterable[str]) -> Iterator[Dismissal]:
    for found in filter(None, map(_DISMISSAL.fullmatch, lines)):
        yield Dismissal(ItemId(found[3]), int(found[2], 36), found[1] == "?")


def _parts(lines: Iterable[str]) -> Iterator[OrderPart]:
    for found in filter(None, map(_PART.fullmatch, lines)):
        fields = found[3].split("\t")[1:]
        pairs = zip(fields[::2], fields[1::2], strict=True)
        read = tuple(OrderLine(ItemId(item) or None, *_amount(text)) for item, text in pairs)
        yield OrderPart(int(found[1], 36), found[2], read)


def _refunds(lines: Iterable[str]) -> Iterator[Refund]:
    for found in filter(None, map(_REFUND.fullmatch, lines)):
        units = ALL_UNITS if not found[4] else _positive(found[4])
        if units is not None:
            yield Refund(int(found[1], 36), found[2], ItemId(found[3]) or None, units)


def _amount(text: str) -> tuple[float | None, float]:
    paid, star, units = text.partition("*")
    return _positive(paid), (_positive(units) or 1.0) if star else 1.0


def _positive(text: str) -> float | None:
    """Return a finite number that is not below 0; None for any other text."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None
