"""Changes of a purchase history, and its limits. Pure.

The store applies the same changes in `recsvc/stores/events/purchase_history.lua`; a test compares
the two. While nothing has left for want of space, the content does not depend on the order of the
changes. (Entries of equal time are in the order of arrival.)
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from recsvc.domain.customers.purchase_history import (
    ALL_UNITS,
    KEPT_MINUTES,
    MAX_BYTES,
    MAX_DISMISSAL_BYTES,
    MAX_DISMISSALS,
    MAX_HEADER_BYTES,
    MAX_ITEMS,
    MAX_ORDER_BYTES,
    MAX_REFUND_BYTES,
    ORDER_BYTES_AFTER,
    BoughtItem,
    Dismissal,
    OrderLine,
    OrderPart,
    PurchaseHistory,
    Refund,
    dismissal_text,
    item_text,
    number_text,
    part_text,
    refund_text,
)
from recsvc.domain.customers.refunds import Bought, bought, kept_parts
from recsvc.domain.values.ids import ItemId

T = TypeVar("T")

_MS_PER_MINUTE = 60_000


class HistoryDraft:
    """A purchase history that is being changed; `finished` applies the limits."""

    def __init__(self, history: PurchaseHistory, now_seconds: int) -> None:
        self._items = list(history.items)
        self._dismissals = list(history.dismissals)
        self._parts = list(history.parts)
        self._refunds = list(history.refunds)
        self._lost = min(history.lost_minute, now_seconds // 60)
        self._oldest = now_seconds // 60 - KEPT_MINUTES  # a minute up to here is too long ago

    def buy(
        self,
        item: ItemId,
        minute: int,
        order: str = "",
        paid: float | None = None,
        units: float = 1.0,
    ) -> None:
        """Add a purchase. `order`: the first digits of the hash of its id; empty: unknown."""
        if minute <= self._oldest:
            return
        is_refunded = any(order == refund.order for refund in self._refunds)
        before = bought(self._parts, self._refunds) if is_refunded else None
        line = OrderLine(item, _rounded(paid), _rounded(units) or 1.0)
        is_new = self._add_line(minute, order, line)
        if before is not None:
            self._count_again(before)
        elif is_new:
            known = self._take(item)
            times, last = (0, 0) if known is None else (known.times, known.last_minute)
            self._put(BoughtItem(item, times + 1, max(last, minute)))

    def refund(
        self, minute: int, order: str, item: ItemId | None = None, units: float = ALL_UNITS
    ) -> None:
        """Add a refund of an order, or of units of one of its items."""
        if minute <= self._oldest:
            return
        before = bought(self._parts, self._refunds)
        self._add_refund(Refund(minute, order, item, units))
        self._count_again(before)

    def dismiss(self, item: ItemId, at_ms: int, *, cancels: bool = False) -> None:
        """Add a dismissal or its cancellation. The latest counts; at equal times a cancellation."""
        if at_ms // _MS_PER_MINUTE <= self._oldest:
            return
        for known in self._dismissals:
            if known.item_id == item:
                if (known.at_ms, known.is_cancelled) > (at_ms, cancels):
                    return
                self._dismissals.remove(known)
                break
        _insert(self._dismissals, Dismissal(item, at_ms, cancels), lambda each: each.at_ms)

    def remove(self, items: Collection[ItemId]) -> None:
        """Remove items that must not be kept. The amounts paid stay in their orders."""
        kept = kept_parts(self._parts, self._refunds)
        self._parts = [
            part
            for known, lines in zip(self._parts, kept, strict=True)
            if (part := _without(known, lines, items)).lines
        ]
        self._items = [each for each in self._items if each.item_id not in items]
        self._dismissals = [each for each in self._dismissals if each.item_id not in items]
        self._refunds = [each for each in self._refunds if each.item_id not in items]

    def add(self, other: PurchaseHistory) -> None:
        """Add the history of another customer: times add up, the latest time counts."""
        for part in reversed(other.parts):
            for line in part.lines:
                self._add_line(part.minute, part.order, line)
        for refund in reversed(other.refunds):
            self._add_refund(refund)
        for item in reversed(other.items):
            known = self._take(item.item_id)
            times, last = (0, 0) if known is None else (known.times, known.last_minute)
            last = max(last, item.last_minute)
            self._put(BoughtItem(item.item_id, times + item.times, last))
        for each in reversed(other.dismissals):
            self.dismiss(each.item_id, each.at_ms, cancels=each.is_cancelled)
        self._lost = max(self._lost, other.lost_minute)

    def finished(self) -> PurchaseHistory:
        """Return the history: without entries that are too old, within its limits."""
        self._items = [each for each in self._items if each.last_minute > self._oldest]
        self._parts = [each for each in self._parts if each.minute > self._oldest]
        self._refunds = [each for each in self._refunds if each.minute > self._oldest]
        self._dismissals = [
            each
            for each in self._dismissals
            if not (each.is_cancelled and each.at_ms // _MS_PER_MINUTE <= self._oldest)
        ]
        del self._dismissals[MAX_DISMISSALS:]
        _shorten(self._dismissals, dismissal_text, MAX_DISMISSAL_BYTES)
        _shorten(self._refunds, refund_text, MAX_REFUND_BYTES)
        self._shorten_orders()
        self._shorten_items()
        return PurchaseHistory(
            tuple(self._items),
            tuple(self._dismissals),
            tuple(self._parts),
            tuple(self._refunds),
            self._lost if self._lost > self._oldest else 0,
        )

    def _shorten_orders(self) -> None:
        """Sum up the oldest parts; if that is not enough, remove the oldest."""
        size = _size(self._parts, part_text)
        if size <= MAX_ORDER_BYTES:
            return
        excess = size - ORDER_BYTES_AFTER
        kept = kept_parts(self._parts, self._refunds)
        for place in range(len(self._parts) - 1, -1, -1):
            if excess <= 0:
                break
            known = self._parts[place]
            self._parts[place] = _summed_up(known, kept[place])
            remaining = self._parts[place : place + 1]
            if not self._parts[place].lines:
                del self._parts[place]
                remaining = []
            excess -= _size([known], part_text) - _size(remaining, part_text)
        lost = _shorten(self._parts, part_text, ORDER_BYTES_AFTER)
        self._lost = max([self._lost, *(part.minute for part in lost)])

    def _shorten_items(self) -> None:
        others = (
            _size(self._dismissals, dismissal_text)
            + _size(self._parts, part_text)
            + _size(self._refunds, refund_text)
        )
        lost = self._items[MAX_ITEMS:]
        del self._items[MAX_ITEMS:]
        lost += _shorten(self._items, item_text, MAX_BYTES - MAX_HEADER_BYTES - others)
        self._lost = max([self._lost, *(item.last_minute for item in lost)])

    def _add_line(self, minute: int, order: str, line: OrderLine) -> bool:
        """Add a line to its part; return False if the part had a line of the item."""
        for place, part in enumerate(self._parts):
            if (part.minute, part.order) == (minute, order):
                self._parts[place], is_new = _with_line(part, line)
                return is_new
        _insert(self._parts, OrderPart(minute, order, (line,)), _minute)
        return True

    def _add_refund(self, refund: Refund) -> None:
        key = (refund.minute, refund.order, refund.item_id)
        for place, known in enumerate(self._refunds):
            if (known.minute, known.order, known.item_id) == key:
                self._refunds[place] = replace(known, units=_sum(known.units, refund.units))
                return
        _insert(self._refunds, replace(refund, units=_sum(refund.units)), _minute)

    def _count_again(self, before: Bought) -> None:
        """Bring the items in line with the orders, after a change of orders or refunds."""
        after = bought(self._parts, self._refunds)
        for item, times in after.times.items():
            times_before, last_before = before.times.get(item, 0), before.last.get(item, 0)
            last = after.last.get(item, 0)
            if (times, last) == (times_before, last_before):
                continue
            known = self._take(item) or BoughtItem(item, 0, 0)
            others = known.times - times_before  # purchases whose orders have left
            if others > 0:
                if times > times_before:
                    last = max(last, known.last_minute)
                elif times == times_before or not last:
                    last = known.last_minute
            self._put(BoughtItem(item, max(others, 0) + times, last))

    def _take(self, item: ItemId) -> BoughtItem | None:
        for place, known in enumerate(self._items):
            if known.item_id == item:
                return self._items.pop(place)
        return None

    def _put(self, item: BoughtItem) -> None:
        if item.times > 0:
            _insert(self._items, item, lambda each: each.last_minute)


def _with_line(part: OrderPart, line: OrderLine) -> tuple[OrderPart, bool]:
    """Return the part with one more line, and False if it had a line of the item."""
    lines = list(part.lines)
    for place, known in enumerate(lines):
        if known.item_id == line.item_id:
            paid = [each for each in (known.paid, line.paid) if each is not None]
            units = 1.0 if line.item_id is None else _sum(known.units, line.units)
            lines[place] = OrderLine(line.item_id, _sum(*paid) if paid else None, units)
            return replace(part, lines=tuple(lines)), False
    return replace(part, lines=(*lines, line)), True


def _without(part: OrderPart, kept: Sequence[OrderLine], items: Collection[ItemId]) -> OrderPart:
    """Return the part with the lines of some items summed up, after refunds."""
    if all(line.item_id not in items for line in part.lines):
        return part
    lines = tuple(line for line in part.lines if line.item_id not in items)
    gone = [OrderLine(None, line.paid) for line in kept if line.item_id in items]
    shortened = replace(part, lines=lines)
    for line in gone:
        shortened, _ = _with_line(shortened, replace(line, paid=_rounded(line.paid)))
    return shortened


def _summed_up(part: OrderPart, kept: Sequence[OrderLine]) -> OrderPart:
    """Return the part with one line without an item: the amount after refunds."""
    if len(part.lines) == 1 and part.lines[0].item_id is None:
        return part
    summed = replace(part, lines=())
    for line in kept:
        summed, _ = _with_line(summed, OrderLine(None, _rounded(line.paid)))
    return summed


def _insert(entries: list[T], entry: T, time: Callable[[T], int]) -> None:
    """Insert an entry before those that are not later."""
    at = time(entry)
    place = next((n for n, each in enumerate(entries) if time(each) <= at), len(entries))
    entries.insert(place, entry)


def _minute(entry: OrderPart | Refund) -> int:
    return entry.minute


def _rounded(number: float | None) -> float | None:
    """Return the number as the text keeps it."""
    return None if number is None else float(number_text(number))


def _sum(*numbers: float) -> float:
    return float(number_text(sum(numbers)))


def _shorten(entries: list[T], text: Callable[[T], str], max_bytes: int) -> list[T]:
    """Remove the last entries until the others fit; return the removed ones."""
    size, removed = _size(entries, text), []
    while entries and size > max_bytes:
        removed.append(entries.pop())
        size -= _size(removed[-1:], text)
    return removed


def _size(entries: Iterable[T], text: Callable[[T], str]) -> int:
    return sum(len(text(entry).encode()) for entry in entries)
