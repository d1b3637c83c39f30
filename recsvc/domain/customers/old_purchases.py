"""The list of purchases of an older release, and the purchase history that it becomes. Pure.

An entry is the time in seconds since 1970, a hash of the order id, the amount paid and the item's
id, separated by spaces, with `-` for unknown: `1763777777 9f86d081884c7d65 2.38 milk`. The next
change of the history replaces the list (`stored_history.lua`).
"""

import math
import re
from collections.abc import Sequence

from recsvc.domain.customers.history_changes import HistoryDraft
from recsvc.domain.customers.purchase_history import ORDER_DIGITS, PurchaseHistory
from recsvc.domain.values.ids import ItemId

MAX_LINES = 100

_ENTRY = re.compile(r"(\d{1,12}) (\S+) (\S+) (.+)", re.DOTALL)
_ORDER = re.compile(rf"[0-9a-f]{{{ORDER_DIGITS}}}")


def history_of(entries: Sequence[bytes], now_seconds: int) -> PurchaseHistory:
    """Return the history that a list (the latest entry first) becomes; bad entries are skipped."""
    draft, minute = HistoryDraft(PurchaseHistory(), now_seconds), None
    for entry in reversed(entries):
        found = _ENTRY.fullmatch(entry.decode(errors="replace"))
        if found is None:
            continue
        bought_at, order = int(found[1]) // 60, _ORDER.match(found[2])
        draft.buy(ItemId(found[4]), bought_at, "" if order is None else order[0], _amount(found[3]))
        minute = bought_at if minute is None else minute
    if minute is not None and len(entries) >= MAX_LINES:  # older purchases may have left the list
        draft.add(PurchaseHistory(lost_minute=minute))
    return draft.finished()


def _amount(text: str) -> float | None:
    try:
        paid = float(text)
    except ValueError:
        return None
    return paid if 0 <= paid < math.inf else None
