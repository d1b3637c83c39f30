"""Compiled loops over the arrays of a model and its catalogue. Pure; one file (see below).

Plain Python over arrays and numbers, compiled by numba (see `jit`). Arguments are positional. An
`item_filter` and `neighbours` are tuples of arrays that their owners build. A row outside an array
raises IndexError, as in numpy. Constants of other files arrive as arguments, and all loops are in
this file, because numba's cache is per file: it does not see changes elsewhere.
"""

import math

import numpy as np

from recsvc.model.artifact.format import Array
from recsvc.model.kernels.jit import compiled, part

MAX_RECENT_VOTERS = 8  # recent items that vote, the latest first
NEIGHBOURS_PER_VOTER = 16
MAX_VOTED_ITEMS = 40  # items with the largest sums; all others get no share
MAX_SHARE = 0.55  # share of the largest sum: below the worth of a second place (0.63)
COOLDOWN_SHARE = 0.5  # of an item's interval, for which a bought item is on cooldown
DEFAULT_INTERVAL_DAYS = 14.0  # of an item whose interval the model does not know

KIND, SECONDS, ROW, START, STOP = range(5)  # columns of events
TIMES = 0  # of bought items, whose other columns are those of events
VOTED, REASON, VOTER = range(3)  # columns of voted items
BOUGHT, ON_COOLDOWN = range(2)  # columns of purchases
UNKNOWN_ROW = -1
ROWS_PER_HEAD = 64
FIRST_HASH, HASH_FACTOR, HASH_MASK = 2_166_136_261, 16_777_619, 0xFFFF_FFFF  # FNV-1a of 32 bits
MAX_DIGITS = 12

# Bits of a filter.
PLAIN_CALLS = (
    16  # of short loops, before their compilation: as many as a loaded model's check needs
)

HAS_CATEGORIES, HAS_BRANDS, HAS_MIN_PRICE, HAS_MAX_PRICE, HAS_CURRENCY = 1, 2, 4, 8, 16

_SECONDS_PER_DAY = 86_400.0
_NEWLINE, _SPACE, _TAB, _ZERO = ord("\n"), ord(" "), ord("\t"), ord("0")
_BOUGHT_LINE, _DISMISSED_LINE, _CANCELLED_LINE = ord("+"), ord("!"), ord("?")
_ORDER_LINE = ord("#")
_MINUTE_DIGITS, _MILLISECOND_DIGITS, _MAX_TIMES_DIGITS = 5, 9, 6  # of base 36
_HASH_MULTIPLIER = 2_654_435_761  # Knuth's, close to 2^32 divided by the golden ratio
_VOTED_BUCKETS = 512

MAX_FOLDED = 16_384  # item weights that one request reads
LEAST_PER_ITEM = 16  # weights of a bought item, however long the history is
# Coefficients of the log-odds of a purchase within the horizon, by place in `history_weights`.
# Own items: log of times, log1p of age, their product, log1p of age in intervals, votes. Other
# items: votes, votes times log1p of all purchases, that alone, the sum of weights if below zero,
# votes times worth.
OWN_TIMES, OWN_AGE, OWN_TIMES_AGE, OWN_DUE, OWN_VOTES = range(5)
NEW_VOTES, NEW_VOTES_HISTORY, NEW_HISTORY, NEW_AGAINST, NEW_VOTES_WORTH = range(5, 10)
# Days of the unit of age; own worth of an item outside the model; unit of the sums of weights.
AGE_DAYS, OUTSIDE_WORTH, VOTE_UNIT = range(10, 13)
HISTORY_WEIGHTS_LEAST = 13  # the rest is 0 in models without it
# What log1p of the number of orders adds to a coefficient, in the order above; then to the log-odds
# of own items, and to those of other items; of other items, to the share of the worth.
ORDERS_OWN, ORDERS_NEW_VOTES, ORDERS_NEW_AGAINST, ORDERS_NEW_VOTES_WORTH = 13, 19, 20, 21
ORDERS_OWN_BASE, ORDERS_NEW_BASE, ORDERS_WORTH = 18, 22, 23
# What the chances by purchases since the end of the data add to the scores of a customer's list;
# NOT_JUDGED: no window has judged it.
PURCHASES_SHARE = 24
NOT_JUDGED = -1.0
HISTORY_WEIGHTS_TOTAL = 25
SAME_ORDER_DAYS = 1 / 24  # between the last purchases of two items
_BOUGHT = np.float32(-1e30)  # in place of the sum of a bought item's votes
_LOG1P_STEPS = 16.0  # per unit; the linear interpolation errs by at most 0.0005
_LOG1P = np.log1p(np.arange(4097) / _LOG1P_STEPS).astype(np.float32)
USUAL_INTERVAL_DAYS = 60.0  # of an item that no customer has bought again

# Ids (rows, width) of letters, padded with NUL; for each hash bucket the start of its rows in the
# last array, and the end of the last bucket; rows by bucket.
IdIndex = tuple[Array, Array, Array]
# Offsets, columns and weights of all items; own worth, new worth, coefficients; by column item row
# and new worth; by item row column (UNKNOWN_ROW: none). A column is an item that has a weight.
HistoryArrays = tuple[Array, Array, Array, Array, Array, Array, Array, Array, Array]
NeighbourArrays = tuple[Array, Array, Array]  # offsets, items and scores of all items' neighbours
# By item row: unavailable, category set, catalogue row. By catalogue row: brand, price, currency.
# Then the filter: by category set whether it is wanted, wanted brands (codes), lowest and highest
# price, currency (code), and the HAS_ bits in use.
ItemFilter = tuple[Array, Array, Array, Array, Array, Array, Array, Array, float, float, int, int]

_INDEX = "Tuple((uint8[:,::1], int32[::1], int32[::1]))"
_HISTORY = (
    "Tuple((int64[::1], int32[::1], float32[::1], float32[::1], float32[::1], float32[::1], "
    "int32[::1], float32[::1], int32[::1]))"
)
_NEIGHBOURS = "Tuple((int64[:], int32[:], float32[:]))"
_FILTER = (
    "Tuple((boolean[:], int32[:], int32[:], int32[:], float64[:], int32[:], boolean[:], int32[:], "
    "float64, float64, int64, int64))"
)


@part
def is_greater(ids: Array, row: int, text: bytes, start: int, stop: int) -> bool:
    """Return whether the id of a row sorts after `text[start:stop]`."""
    width, length = ids.shape[1], stop - start
    for place in range(min(width, length)):
        one, other = ids[row, place], text[start + place]
        if one != other:
            return bool(one > other)
    return bool(length < width and ids[row, length] != 0)


@part
def is_equal(ids: Array, row: int, text: bytes, start: int, stop: int) -> bool:
    """Return whether the id of a row equals `text[start:stop]`."""
    width, length = ids.shape[1], stop - start
    if length > width or (length < width and ids[row, length] != 0):
        return False
    for place in range(length):
        if ids[row, place] != text[start + place]:
            return False
    return True


@part
def last_at_or_below(ids: Array, low: int, high: int, text: bytes, start: int, stop: int) -> int:
    """Return the last row of low..high-1 whose id is not greater; low - 1 if all are greater."""
    while low < high:
        middle = (low + high) // 2
        if is_greater(ids, middle, text, start, stop):
            high = middle
        else:
            low = middle + 1
    return low - 1


@compiled("int64(uint8[:,::1], uint8[:,::1], Bytes(uint8, 1, 'C'))", plain_calls=PLAIN_CALLS)
def find_sorted(ids: Array, heads: Array, text: bytes) -> int:
    """Return the row of an id by binary search; UNKNOWN_ROW if it is not there.

    Ids are sorted bytewise and padded with NUL; `heads` is every ROWS_PER_HEADth of them.
    """
    # Two searches: the heads stay in the processor's cache, the ids of a large model do not. A
    # single search over the ids would read one cold cache line per step.
    head = last_at_or_below(heads, 0, len(heads), text, 0, len(text))
    if head < 0:
        return UNKNOWN_ROW
    low, high = head * ROWS_PER_HEAD, min((head + 1) * ROWS_PER_HEAD, len(ids))
    row = last_at_or_below(ids, low, high, text, 0, len(text))
    return row if is_equal(ids, row, text, 0, len(text)) else UNKNOWN_ROW


@part
def row_of(index: IdIndex, text: bytes, start: int, stop: int) -> int:
    """Return the row of the id `text[start:stop]`; UNKNOWN_ROW if it is not there."""
    ids, starts, rows = index
    number = FIRST_HASH
    for place in range(start, stop):
        number = ((number ^ int(text[place])) * HASH_FACTOR) & HASH_MASK
    bucket = number & (len(starts) - 2)
    for entry in range(starts[bucket], starts[bucket + 1]):
        if is_equal(ids, rows[entry], text, start, stop):
            return int(rows[entry])
    return UNKNOWN_ROW


@compiled(f"int64({_INDEX}, Bytes(uint8, 1, 'C'))", plain_calls=PLAIN_CALLS)
def find(index: IdIndex, text: bytes) -> int:
    """Return the row of an id; UNKNOWN_ROW if it is not there."""
    return row_of(index, text, 0, len(text))


@compiled(f"int64[:,::1](Bytes(uint8, 1, 'C'), Bytes(uint8, 1, 'C'), {_INDEX})")
def read_events(text: bytes, kinds: bytes, index: IdIndex) -> Array:
    """Parse recent events, one per line, as `recsvc.domain.customers.recent_events` writes them.

    Return for each: KIND (index in `kinds`), SECONDS, ROW of the item, START and STOP of its id in
    the text; shape (events, 5). Malformed lines are skipped. ROW is UNKNOWN_ROW for an item that is
    not in `index`; its id is then unchecked bytes.
    """
    lines = 1
    for place in range(len(text)):
        if text[place] == _NEWLINE:
            lines += 1
    events = np.empty((lines, 5), np.int64)
    found, start = 0, 0
    while start < len(text):
        stop = start
        while stop < len(text) and text[stop] != _NEWLINE:
            stop += 1
        kind = UNKNOWN_ROW
        for place in range(len(kinds)):
            if kinds[place] == text[start]:
                kind = place
        seconds, place = 0, start + 1
        while place < stop and 0 <= int(text[place]) - _ZERO <= 9:
            if place - start <= MAX_DIGITS:  # more digits would overflow; the line is skipped below
                seconds = 10 * seconds + (int(text[place]) - _ZERO)
            place += 1
        digits, item = place - start - 1, place + 1
        if kind >= 0 and 0 < digits <= MAX_DIGITS and item < stop and text[place] == _SPACE:
            events[found, KIND] = kind
            events[found, SECONDS] = seconds
            events[found, ROW] = row_of(index, text, item, stop)
            events[found, START] = item
            events[found, STOP] = stop
            found += 1
        start = stop + 1
    return events[:found]


@part
def number_in_base36(text: bytes, start: int, stop: int) -> int:
    """Return the number of the digits `text[start:stop]`, at most eleven; -1 for other text."""
    number = 0
    for place in range(start, stop):
        letter = int(text[place])
        if 48 <= letter <= 57:
            number = 36 * number + letter - 48
        elif 97 <= letter <= 122:
            number = 36 * number + letter - 87
        else:
            return -1
    return number


@compiled(f"Tuple((int64[:,::1], int64[:,::1]))(Bytes(uint8, 1, 'C'), {_INDEX})")
def read_history(text: bytes, index: IdIndex) -> tuple[Array, Array]:
    """Parse the items of a history as `recsvc.domain.customers.purchase_history` writes it.

    Return the bought items (TIMES, SECONDS of the last purchase, ROW, START and STOP of the id in
    the text) and the dismissed items (0, SECONDS, ROW, START, STOP), shape (k, 5) each, the latest
    first. ROW and malformed lines are as in `read_events`. Cancelled dismissals and orders are not
    returned. A text of another version is empty.
    """
    lines = 0
    for place in range(len(text)):
        if text[place] == _NEWLINE:
            lines += 1
    bought, dismissed = np.empty((lines, 5), np.int64), np.empty((lines, 5), np.int64)
    purchases = dismissals = start = 0
    if len(text) < 2 or text[0] != _ZERO + 1 or text[1] != _SPACE:
        return bought[:0], dismissed[:0]
    while start < len(text):
        stop = start
        while stop < len(text) and text[stop] != _NEWLINE:
            stop += 1
        kind = int(text[start])
        is_bought = kind == _BOUGHT_LINE
        if start > 0 and not (is_bought or kind in (_DISMISSED_LINE, _CANCELLED_LINE)):
            break  # the orders, which have only lines of these three kinds before them
        tab = start
        while tab < stop and text[tab] != _TAB:
            tab += 1
        time = start + 1 + (_MINUTE_DIGITS if is_bought else _MILLISECOND_DIGITS)
        if tab + 1 < stop and is_bought and time < tab <= time + _MAX_TIMES_DIGITS:
            seconds = 60 * number_in_base36(text, start + 1, time)
            times = number_in_base36(text, time, tab)
            if seconds >= 0 and times > 0:
                bought[purchases, TIMES] = times
                bought[purchases, SECONDS] = seconds
                bought[purchases, ROW] = row_of(index, text, tab + 1, stop)
                bought[purchases, START], bought[purchases, STOP] = tab + 1, stop
                purchases += 1
        elif tab + 1 < stop and kind == _DISMISSED_LINE and tab == time:
            milliseconds = number_in_base36(text, start + 1, time)
            if milliseconds >= 0:
                dismissed[dismissals, TIMES] = 0
                dismissed[dismissals, SECONDS] = milliseconds // 1000
                dismissed[dismissals, ROW] = row_of(index, text, tab + 1, stop)
                dismissed[dismissals, START], dismissed[dismissals, STOP] = tab + 1, stop
                dismissals += 1
        start = stop + 1
    return bought[:purchases], dismissed[:dismissals]


@compiled("Tuple((int64[::1], int64[::1], int64[::1]))(int64[:,::1], boolean[:], float64)")
def kept_purchases(
    bought: Array, sensitive: Array, oldest_seconds: float
) -> tuple[Array, Array, Array]:
    """Return row, times and last purchase of the bought items that `read_history` returned.

    Unknown items, items of which `sensitive` is true, and items last bought at `oldest_seconds` or
    before are left out.
    """
    rows, times = np.empty(len(bought), np.int64), np.empty(len(bought), np.int64)
    seconds = np.empty(len(bought), np.int64)
    kept = 0
    for place in range(len(bought)):
        row = bought[place, ROW]
        if row == UNKNOWN_ROW or sensitive[row] or bought[place, SECONDS] <= oldest_seconds:
            continue
        rows[kept], times[kept] = row, bought[place, TIMES]
        seconds[kept] = bought[place, SECONDS]
        kept += 1
    return rows[:kept], times[:kept], seconds[:kept]


@compiled(f"int64[:,::1](Bytes(uint8, 1, 'C'), {_INDEX})")
def items_in_history(text: bytes, index: IdIndex) -> Array:
    """Return every item that the text of a history names, repeated ones too.

    Columns as `read_history` returns them, with 0 in TIMES and SECONDS; shape (k, 5).
    """
    fields = 0
    for place in range(len(text)):
        if text[place] == _TAB:
            fields += 1
    items = np.zeros((fields, 5), np.int64)
    found = start = 0
    while start < len(text):
        kind, field, place = int(text[start]), 0, start
        while place < len(text) and text[place] != _NEWLINE:
            if text[place] != _TAB:
                place += 1
                continue
            first = place = place + 1
            while place < len(text) and text[place] != _TAB and text[place] != _NEWLINE:
                place += 1
            # An order has items and amounts in turn; other lines have the item first.
            is_item = field == 0 or (kind == _ORDER_LINE and field % 2 == 0)
            if is_item and place > first:
                items[found, ROW] = row_of(index, text, first, place)
                items[found, START], items[found, STOP] = first, place
                found += 1
            field += 1
        start = place + 1
    return items[:found]


@part
def top_sums(items: Array, votes: Array, voters: Array, most: int) -> tuple[Array, Array, Array]:
    """Sum the votes above zero per item; return the `most` items with the largest sums.

    Return their rows, their sums, and the voter with the largest vote for each. On equal sums the
    lower row comes first; on equal votes the earlier voter is returned.
    """
    # A hash table with open addressing: `slots` holds places in rows, sums and top_votes. A dense
    # array over all items would cost the size of the catalogue per request. At most half of the
    # slots are in use, so probes stay short.
    size = 16
    while size < 2 * len(items):
        size *= 2
    slots = np.full(size, -1, np.int64)
    rows = np.empty(len(items), np.int64)
    sums = np.empty(len(items), np.float64)
    top_votes = np.empty(len(items), np.int64)  # indexes of `votes`
    found = 0
    for vote in range(len(items)):
        if not votes[vote] > 0:  # also skips NaN
            continue
        row = items[vote]
        # Bit k of a product depends only on bits 0 to k of the row, so its lowest bits would give
        # all rows that are equal modulo `size` one slot. Bits 15 and up depend on 16 bits or more.
        slot = (row * _HASH_MULTIPLIER >> 15) & (size - 1)
        while slots[slot] >= 0 and rows[slots[slot]] != row:
            slot = (slot + 1) & (size - 1)
        place = slots[slot]
        if place < 0:
            slots[slot] = found
            rows[found], sums[found], top_votes[found] = row, votes[vote], vote
            found += 1
        else:
            sums[place] += votes[vote]
            if votes[vote] > votes[top_votes[place]]:
                top_votes[place] = vote
    order = largest(sums[:found], rows, min(most, found))
    best, best_sums = np.empty(len(order), np.int32), np.empty(len(order), np.float64)
    top_voters = np.empty(len(order), np.int64)
    for rank, place in enumerate(order):
        best[rank], best_sums[rank] = rows[place], sums[place]
        top_voters[rank] = voters[top_votes[place]]
    return best, best_sums, top_voters


@part
def largest(sums: Array, rows: Array, most: int) -> Array:
    """Return the places of the largest sums, in descending order; ties by the lower row."""
    # A heap instead of a sort: building it is linear, and only `most` places are taken from it.
    heap = np.arange(len(sums))
    for root in range(len(heap) // 2 - 1, -1, -1):
        sift_down(heap, root, len(heap), sums, rows)
    order = np.empty(most, np.int64)
    for rank in range(most):
        order[rank] = heap[0]
        last = len(heap) - 1 - rank
        heap[0] = heap[last]
        sift_down(heap, 0, last, sums, rows)
    return order


@part
def sift_down(heap: Array, place: int, size: int, sums: Array, rows: Array) -> None:
    """Move the entry at `place` down until no child ranks before it."""
    moved = heap[place]
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and ranks_before(heap[child + 1], heap[child], sums, rows):
            child += 1
        if not ranks_before(heap[child], moved, sums, rows):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = moved


@part
def ranks_before(one: int, other: int, sums: Array, rows: Array) -> bool:
    if sums[one] == sums[other]:
        return bool(rows[one] < rows[other])
    return bool(sums[one] > sums[other])


@compiled("Tuple((int32[::1], float64[::1], int64[::1]))(int64[:], float64[:], int64[:])")
def tally(items: Array, votes: Array, voters: Array) -> tuple[Array, Array, Array]:
    """Sum votes per item (see `top_sums`)."""
    return top_sums(items, votes, voters, MAX_VOTED_ITEMS)


@compiled(
    "Tuple((int32[:,::1], float64[::1], int64[:,::1], int64))"
    "(int64[:,::1], float64, float64[:], uint8[:], float64, float64, boolean[:], "
    f"{_NEIGHBOURS}, float32[:], float32[:])"
)
def weigh(
    events: Array,
    now_seconds: float,
    weights: Array,
    codes: Array,
    half_life_seconds: float,
    kept_seconds: float,
    sensitive: Array,
    neighbours: NeighbourArrays,
    appeal: Array,
    intervals: Array,
) -> tuple[Array, Array, Array, int]:
    """Score neighbours of recent items; mark recent purchases as on cooldown or due.

    `events` come latest first. `weights` and `codes` hold the weight and the reason of each kind of
    event; the last kind is a purchase. Events older than `kept_seconds` do not count. Return the
    voted items (VOTED, REASON, VOTER), their shares,
    the purchases (BOUGHT, ON_COOLDOWN; latest first), and the number of items that voted.
    """
    offsets, items, scores = neighbours
    rows_seen = np.empty(len(events), np.int64)
    bought = np.empty((len(events), 2), np.int64)
    rows = np.empty(MAX_RECENT_VOTERS * NEIGHBOURS_PER_VOTER, np.int64)
    votes = np.empty(MAX_RECENT_VOTERS * NEIGHBOURS_PER_VOTER, np.float64)
    voters = np.empty(MAX_RECENT_VOTERS * NEIGHBOURS_PER_VOTER, np.int64)
    seen = voted_items = purchases = votes_cast = 0
    total_weight = 0.0
    for event in range(len(events)):
        kind, row = events[event, KIND], events[event, ROW]
        if row < 0 or row >= len(sensitive) or sensitive[row]:
            continue
        age = now_seconds - events[event, SECONDS]
        if age > kept_seconds:
            continue
        # Purchases are collected even if a later event of the item (a view) already voted.
        if kind == len(weights) - 1 and not contains(bought[:purchases, BOUGHT], row):
            interval = DEFAULT_INTERVAL_DAYS
            if row < len(intervals):
                interval = intervals[row]
            bought[purchases, BOUGHT] = row
            # `not >=` instead of `<`: an interval of NaN (never bought again) never ends.
            on_cooldown = not age / _SECONDS_PER_DAY >= COOLDOWN_SHARE * interval
            bought[purchases, ON_COOLDOWN] = on_cooldown
            purchases += 1
        # Only the latest event of an item votes: a removal cancels the adding before it.
        if voted_items == MAX_RECENT_VOTERS or contains(rows_seen[:seen], row):
            continue
        rows_seen[seen] = row
        seen += 1
        weight = weights[kind] * 0.5 ** (max(age, 0.0) / half_life_seconds)
        if weight == 0:
            continue
        voted_items += 1
        # An item outside the model is one of the latest MAX_RECENT_VOTERS items: an older item does
        # not take its place. It has no neighbours and adds no weight, because `total_weight` scales
        # the votes of the others.
        if row + 1 >= len(offsets):
            continue
        total_weight += weight
        last = min(offsets[row] + NEIGHBOURS_PER_VOTER, offsets[row + 1])
        for entry in range(offsets[row], last):
            rows[votes_cast] = items[entry]
            votes[votes_cast] = weight * scores[entry] * appeal[items[entry]]
            voters[votes_cast] = event
            votes_cast += 1
    best, shares, top_voters = top_sums(
        rows[:votes_cast], votes[:votes_cast], voters[:votes_cast], MAX_VOTED_ITEMS
    )
    # Sums of votes have no unit. Scaled to the weight of all voters, at most MAX_SHARE, they add up
    # with `rank_discount`: an item outside the customer's list enters below the second place.
    if len(best):
        shares *= min(total_weight, MAX_SHARE) / shares[0]
    voted = np.empty((len(best), 3), np.int32)
    for place, event in enumerate(top_voters):
        voted[place, VOTED] = best[place]
        voted[place, REASON] = codes[events[event, KIND]]
        voted[place, VOTER] = events[event, ROW]
    return voted, shares, bought[:purchases], voted_items


@part
def contains(rows: Array, row: int) -> bool:
    for each in rows:
        if each == row:
            return True
    return False


@part
def rank_discount(place: int) -> float:
    """Return the worth of a place in a list, as NDCG discounts it: 1, 0.63, 0.5, …"""
    return 1 / math.log2(place + 2)


@compiled(
    "Tuple((int32[::1], float32[::1], uint8[::1], int32[::1]))"
    "(int32[:], uint8[:], int32[:], int64[:,:], uint8, uint8, int32[:,:], float64[:], boolean)"
)
def rerank(
    own: Array,
    own_reasons: Array,
    own_reason_items: Array,
    bought: Array,
    due_reason: int,
    popular_reason: int,
    voted: Array,
    shares: Array,
    adds_items: bool,
) -> tuple[Array, Array, Array, Array]:
    """Merge a customer's list, items due for repurchase and voted items, best first.

    The score of an item is `rank_discount` of its place plus its share of the votes. Due items take
    the places behind the list. Voted items without a place enter if `adds_items`. A listed item
    keeps its reason, unless that is `popular_reason`. Return rows, scores, reasons and reasons'
    items.
    """
    size = len(own) + len(bought) + len(voted)
    items, worth = np.empty(size, np.int32), np.empty(size, np.float64)
    codes, reason_items = np.empty(size, np.uint8), np.empty(size, np.int32)
    listed = len(own)
    # Slices take seconds to compile: they check the shapes and can raise with a text.
    for place in range(listed):
        items[place], codes[place] = own[place], own_reasons[place]
        reason_items[place] = own_reason_items[place]
    for row, is_on_cooldown in bought:
        if not is_on_cooldown and not contains(items[:listed], row):
            items[listed], codes[listed], reason_items[listed] = row, due_reason, UNKNOWN_ROW
            listed += 1
    for place in range(listed):
        worth[place] = rank_discount(place)
    raised, is_new = np.zeros(size, np.bool_), np.ones(len(voted), np.bool_)
    # A Bloom filter of one hash: most listed items have no vote, and one look rules them out. Only
    # the others are compared with each voted item.
    may_be_voted = np.zeros(_VOTED_BUCKETS, np.bool_)
    for row in voted[:, VOTED]:
        may_be_voted[row % _VOTED_BUCKETS] = True
    for place in range(listed):
        if may_be_voted[items[place] % _VOTED_BUCKETS]:
            for vote in range(len(voted)):
                if voted[vote, VOTED] == items[place] and is_new[vote]:
                    # The vote changes only the place of an item that is on the list for a reason of
                    # the customer's own.
                    worth[place] += shares[vote]
                    if codes[place] == popular_reason:
                        codes[place] = voted[vote, REASON]
                        reason_items[place] = voted[vote, VOTER]
                    raised[place], is_new[vote] = True, False
    total = listed
    for vote in range(len(voted)):
        if adds_items and is_new[vote]:
            items[total], worth[total] = voted[vote, VOTED], shares[vote]
            codes[total], reason_items[total] = voted[vote, REASON], voted[vote, VOTER]
            raised[total] = True
            total += 1
    order = merge_by_score(worth[:total], raised[:total])
    sorted_worth = np.empty(total, np.float32)
    for rank, place in enumerate(order):
        sorted_worth[rank] = worth[place]
    return items[order], sorted_worth, codes[order], reason_items[order]


@part
def merge_by_score(worth: Array, raised: Array) -> Array:
    """Return the places by descending score; equal scores keep their order.

    Places that are not raised must be in descending order already.
    """
    # Insertion sort of the raised places (few), then one merge with the others: linear in the
    # length of the list, where a full sort would reorder hundreds of sorted entries.
    order = np.empty(len(worth), np.int64)
    up = np.empty(len(worth), np.int64)
    raised_count = 0
    for place in range(len(worth)):
        if raised[place]:
            hole = raised_count
            while hole > 0 and worth[up[hole - 1]] < worth[place]:
                up[hole] = up[hole - 1]
                hole -= 1
            up[hole] = place
            raised_count += 1
    filled = taken = 0
    for place in range(len(worth)):
        if raised[place]:
            continue
        while taken < raised_count and (
            worth[up[taken]] > worth[place]
            or (worth[up[taken]] == worth[place] and up[taken] < place)
        ):
            order[filled] = up[taken]
            filled, taken = filled + 1, taken + 1
        order[filled] = place
        filled += 1
    while taken < raised_count:
        order[filled] = up[taken]
        filled, taken = filled + 1, taken + 1
    return order


@part
def is_wanted(row: int, sets: Array, wanted_sets: Array) -> bool:
    """Return whether an item's set of categories is wanted."""
    if row >= len(sets):
        return False
    code = sets[row]
    return bool(0 <= code < len(wanted_sets) and wanted_sets[code])


@part
def passes(
    row: int,
    unavailable: Array,
    sets: Array,
    catalogue_rows: Array,
    brands: Array,
    prices: Array,
    currencies: Array,
    wanted_sets: Array,
    wanted_brands: Array,
    lowest: float,
    highest: float,
    currency: int,
    bits: int,
) -> bool:
    """Return whether an item is available and matches the filter.

    The filter comes unpacked: unpacking the tuple for each row would count references each time.
    """
    # The category first: it fails most often. The catalogue grows while requests read it, so a row
    # may be beyond an array that the request took earlier; such an item is not available yet.
    if bits & HAS_CATEGORIES and not is_wanted(row, sets, wanted_sets):
        return False
    if row >= len(unavailable) or unavailable[row]:
        return False
    if not bits & ~HAS_CATEGORIES:
        return True
    at = catalogue_rows[row]
    if at < 0 or at >= len(prices):
        return False
    if bits & HAS_BRANDS and not contains(wanted_brands, brands[at]):
        return False
    if bits & HAS_CURRENCY and (currencies[at] != currency or math.isnan(prices[at])):
        return False
    if bits & HAS_MIN_PRICE and not prices[at] >= lowest:  # False for an unknown price (NaN)
        return False
    return not (bits & HAS_MAX_PRICE and not prices[at] <= highest)


@compiled(
    f"int64(int64[:,::1], int64, int32[:], uint8[:], int32[:], int64[:], {_FILTER})",
    plain_calls=PLAIN_CALLS,
)
def take(
    picked: Array,
    filled: int,
    items: Array,
    reasons: Array,
    reason_items: Array,
    seen: Array,
    item_filter: ItemFilter,
) -> int:
    """Append a list's items that pass the filter and are not in `seen` to `picked`.

    `picked` holds rows, reasons and reasons' items, with one column per item of the answer. Stop
    when it is full; return the number of columns in use. `reason_items` may be empty.
    """
    unavailable, sets, listed, brands, prices, currencies = item_filter[:6]
    wanted_sets, wanted_brands, low, high, currency, bits = item_filter[6:]
    for place in range(len(items)):
        if filled == picked.shape[1]:
            break
        row = items[place]
        if not passes(
            row,
            unavailable,
            sets,
            listed,
            brands,
            prices,
            currencies,
            wanted_sets,
            wanted_brands,
            low,
            high,
            currency,
            bits,
        ):
            continue
        # Linear searches: an answer has at most 100 items (500 with diversity), in contiguous
        # memory; a hash set would cost more to fill than these scans.
        if contains(picked[0, :filled], row) or contains(seen, row):
            continue
        picked[0, filled] = row
        picked[1, filled] = reasons[place]
        picked[2, filled] = reason_items[place] if len(reason_items) else UNKNOWN_ROW
        filled += 1
    return filled


@compiled(f"int64[::1]({_INDEX}, Bytes(uint8, 1, 'C'), int64)")
def find_all(index: IdIndex, text: bytes, count: int) -> Array:
    """Return the row of each id, UNKNOWN_ROW where there is none; (count,).

    `text` holds `count` ids, one per line.
    """
    rows = np.empty(count, np.int64)
    start = 0
    for place in range(count):
        stop = start
        while stop < len(text) and text[stop] != _NEWLINE:
            stop += 1
        rows[place] = row_of(index, text, start, stop)
        start = stop + 1
    return rows


@compiled(
    "Tuple((int64[::1], int64[::1]))"
    f"(int64[::1], int32[:], float32[:], int64[:], float32[:], {_FILTER})"
)
def order_given(
    rows: Array,
    own: Array,
    own_scores: Array,
    last: Array,
    appeal: Array,
    item_filter: ItemFilter,
) -> tuple[Array, Array]:
    """Order the rows that a caller brings: the customer's list, popularity, `last`, unknown rows.

    Equal rows keep their order; known rows that do not pass the filter are left out. Return for
    each ordered row its place in `rows` and its place in `own` (UNKNOWN_ROW: none).
    """
    unavailable, sets, listed, brands, prices, currencies = item_filter[:6]
    wanted_sets, wanted_brands, low, high, currency, bits = item_filter[6:]
    places, keys = np.empty(len(rows), np.int64), np.empty(len(rows), np.float64)
    at_own = np.empty(len(rows), np.int64)
    slots = slots_of(own)
    kept = 0
    for place in range(len(rows)):
        row = rows[place]
        at = UNKNOWN_ROW
        if row == UNKNOWN_ROW:
            if bits:
                continue
            key = -2.0
        else:
            if not passes(
                row,
                unavailable,
                sets,
                listed,
                brands,
                prices,
                currencies,
                wanted_sets,
                wanted_brands,
                low,
                high,
                currency,
                bits,
            ):
                continue
            if contains(last, row):
                key = -1.0
            else:
                at = place_of(own, slots, row)
                key = appeal[row] if row < len(appeal) else 0.0
                if at != UNKNOWN_ROW:
                    key = 2.0 + own_scores[at]  # above every popularity, which is 1 at most
        places[kept], keys[kept], at_own[kept] = place, key, at
        kept += 1
    order = by_descending_key(keys[:kept])
    return places[order], at_own[order]


@part
def by_descending_key(keys: Array) -> Array:
    """Return the places of the keys, the largest key first; equal keys keep their order.

    A merge sort from runs of one: numpy's stable argsort takes seconds to compile.
    """
    order, merged = np.arange(len(keys)), np.empty(len(keys), np.int64)
    run = 1
    while run < len(keys):
        for start in range(0, len(keys), 2 * run):
            middle = min(start + run, len(keys))
            stop = min(middle + run, len(keys))
            left, right = start, middle
            for place in range(start, stop):
                if right == stop or (left < middle and keys[order[left]] >= keys[order[right]]):
                    merged[place] = order[left]
                    left += 1
                else:
                    merged[place] = order[right]
                    right += 1
        order, merged = merged, order
        run *= 2
    return order


@part
def slots_of(rows: Array) -> Array:
    """Return a hash table of the first places of some rows, for `place_of`."""
    size = 16
    while size < 2 * len(rows):
        size *= 2
    slots = np.full(size, -1, np.int64)
    for place in range(len(rows)):
        slot = (int(rows[place]) * _HASH_MULTIPLIER >> 15) & (size - 1)  # as in `top_sums`
        while slots[slot] >= 0 and rows[slots[slot]] != rows[place]:
            slot = (slot + 1) & (size - 1)
        if slots[slot] < 0:
            slots[slot] = place
    return slots


@part
def place_of(rows: Array, slots: Array, row: int) -> int:
    """Return the first place of a row, UNKNOWN_ROW if it is not there."""
    slot = (row * _HASH_MULTIPLIER >> 15) & (len(slots) - 1)
    while slots[slot] >= 0:
        if rows[slots[slot]] == row:
            return int(slots[slot])
        slot = (slot + 1) & (len(slots) - 1)
    return UNKNOWN_ROW


@compiled(
    f"Tuple((int32[::1], float64[::1], int64[::1]))(int64[:], {_NEIGHBOURS}, {_FILTER}, boolean)"
)
def sum_votes(
    voters: Array, neighbours: NeighbourArrays, item_filter: ItemFilter, is_filtered: bool
) -> tuple[Array, Array, Array]:
    """Sum the neighbours' scores over some items; count only items that pass, if `is_filtered`.

    Return the neighbours' rows, best first, their sums, and for each the voter with the highest
    score.
    """
    offsets, items, scores = neighbours
    unavailable, sets, listed, brands, prices, currencies = item_filter[:6]
    wanted_sets, wanted_brands, low, high, currency, bits = item_filter[6:]
    most = 0
    for voter in voters:
        most += offsets[voter + 1] - offsets[voter]
    rows, votes = np.empty(most, np.int64), np.empty(most, np.float64)
    cast_by = np.empty(most, np.int64)
    votes_cast = 0
    for voter in voters:
        for entry in range(offsets[voter], offsets[voter + 1]):
            row = items[entry]
            # Repeats the first check of `passes`: most rows fail it, and it costs a tenth of the
            # call with its thirteen arguments.
            if is_filtered and bits & HAS_CATEGORIES and not is_wanted(row, sets, wanted_sets):
                continue
            if is_filtered and not passes(
                row,
                unavailable,
                sets,
                listed,
                brands,
                prices,
                currencies,
                wanted_sets,
                wanted_brands,
                low,
                high,
                currency,
                bits,
            ):
                continue
            rows[votes_cast], votes[votes_cast] = row, scores[entry]
            cast_by[votes_cast] = voter
            votes_cast += 1
    return top_sums(rows[:votes_cast], votes[:votes_cast], cast_by[:votes_cast], most)


@compiled(
    "Tuple((int32[::1], float32[::1], int32[::1]))"
    f"(int64[::1], int64[::1], float64[::1], {_HISTORY}, float32[::1], int32[::1], "
    "boolean, boolean, int64)"
)
def fold_in(
    rows: Array,
    times: Array,
    ages: Array,
    model: HistoryArrays,
    intervals: Array,
    popular: Array,
    shows_own: bool,
    shows_new: bool,
    most: int,
) -> tuple[Array, Array, Array]:
    """Rank items for a customer by the bought items: distinct `rows`, `times`, `ages` in days.

    The weights of the bought items add up to votes for other items (EASE^R, Steck 2019: the row of
    a new customer). Rank bought items (`shows_own`), other items (`shows_new`), or both, by their
    log-odds of a purchase. Of `popular`, the first `most` take part without votes. Return the
    first `most` items: rows, odds turned into chances, and the bought item with the largest vote
    (UNKNOWN_ROW for bought items and items without a vote).
    """
    offsets, columns, weights, own_worth, new_worth, by = model[:6]
    column_rows, column_worth, column_of = model[6:]
    # One sum per item that has a weight: some thousand numbers, whatever the size of the catalogue.
    sums = np.zeros(len(column_rows), np.float32)
    purchases = add_up_votes(rows, times, offsets, columns, weights, sums)
    # The best items so far as a heap, the worst first.
    size = min(most, len(rows) + len(column_rows) + len(popular))
    best, best_odds = np.empty(size, np.int32), np.empty(size, np.float64)
    used = 0
    orders = math.log1p(orders_in(ages))
    per_times = by[OWN_TIMES] + orders * by[ORDERS_OWN + OWN_TIMES]
    per_age = by[OWN_AGE] + orders * by[ORDERS_OWN + OWN_AGE]
    per_times_age = by[OWN_TIMES_AGE] + orders * by[ORDERS_OWN + OWN_TIMES_AGE]
    per_due = by[OWN_DUE] + orders * by[ORDERS_OWN + OWN_DUE]
    per_own_vote = by[OWN_VOTES] + orders * by[ORDERS_OWN + OWN_VOTES]
    own_base = orders * by[ORDERS_OWN_BASE]
    for bought in range(len(rows)):
        row = rows[bought]
        column = column_of[row] if row < len(column_of) else UNKNOWN_ROW
        votes = 0.0 if column < 0 else log1p(max(sums[column], 0.0) / by[VOTE_UNIT])
        if shows_own:
            interval = USUAL_INTERVAL_DAYS
            if row < len(intervals) and intervals[row] > 0:
                interval = intervals[row]
            age, times_bought = math.log1p(ages[bought] / by[AGE_DAYS]), math.log(times[bought])
            odds = own_worth[row] if row < len(own_worth) else by[OUTSIDE_WORTH]
            odds += own_base + per_times * times_bought + per_age * age
            odds += per_times_age * times_bought * age + per_own_vote * votes
            odds += per_due * math.log1p(ages[bought] / interval)
            used = push_best(best, best_odds, used, row, odds)
        if column >= 0:
            sums[column] = _BOUGHT  # not among the other items
    if shows_new:
        history = math.log1p(purchases)
        base = by[NEW_HISTORY] * history + by[ORDERS_NEW_BASE] * orders
        per_vote = by[NEW_VOTES] + by[NEW_VOTES_HISTORY] * history
        per_vote += by[ORDERS_NEW_VOTES] * orders
        per_vote_worth = by[NEW_VOTES_WORTH] + by[ORDERS_NEW_VOTES_WORTH] * orders
        against = by[NEW_AGAINST] + by[ORDERS_NEW_AGAINST] * orders
        of_worth = 1.0 + by[ORDERS_WORTH] * orders
        per_sum = 1.0 / by[VOTE_UNIT]
        for column in range(len(column_rows)):
            votes = sums[column] * per_sum
            if votes == 0.0 or sums[column] == _BOUGHT:
                continue
            worth = column_worth[column]
            odds = of_worth * worth + base
            if votes < 0.0:
                odds += against * votes
            else:
                per = per_vote + per_vote_worth * worth
                # log1p(votes) is at most votes, so most items need no logarithm.
                if used == size and per > 0.0 and odds + per * votes < best_odds[0]:
                    continue
                odds += per * log1p(votes)
            if used == size and odds < best_odds[0]:  # as `push_best` compares, without a call
                continue
            used = push_best(best, best_odds, used, column_rows[column], odds)
        for row in popular[:most]:
            column = column_of[row]
            if sums[column] != 0.0 if column >= 0 else contains(rows, row):
                continue
            odds = of_worth * new_worth[row] + base
            if used == size and odds < best_odds[0]:
                continue
            used = push_best(best, best_odds, used, row, odds)
    ranked, chances = in_order(best[:used], best_odds[:used])
    for column in range(len(sums)):
        sums[column] = _BOUGHT if sums[column] == _BOUGHT else 0.0
    voters = largest_votes(ranked, rows, times, offsets, columns, weights, column_of, sums)
    return ranked, chances, voters


@compiled("uint8[::1](int32[::1], int32[::1], int64[::1], uint8, uint8, uint8)")
def history_reasons(
    items: Array, because: Array, bought: Array, of_voted: int, of_bought: int, of_other: int
) -> Array:
    """Return the reason of each item that `fold_in` ranked: voted for, bought, or another one."""
    reasons, slots = np.empty(len(items), np.uint8), slots_of(bought)
    for place in range(len(items)):
        if place_of(bought, slots, items[place]) != UNKNOWN_ROW:
            reasons[place] = of_bought
        else:
            reasons[place] = of_other if because[place] == UNKNOWN_ROW else of_voted
    return reasons


@part
def orders_in(ages: Array) -> int:
    """Count the orders of the last purchases: `ages` in days, the latest first."""
    orders = min(len(ages), 1)
    for place in range(1, len(ages)):
        if ages[place] - ages[place - 1] > SAME_ORDER_DAYS:
            orders += 1
    return orders


@part
def add_up_votes(
    rows: Array, times: Array, offsets: Array, columns: Array, weights: Array, sums: Array
) -> int:
    """Add the weights of the bought items to `sums`; return the number of all purchases."""
    limit = max(LEAST_PER_ITEM, MAX_FOLDED // max(len(rows), 1))
    purchases = 0
    for bought in range(len(rows)):
        row = rows[bought]
        purchases += times[bought]
        if row + 1 >= len(offsets):
            continue
        strength = np.float32(math.log1p(times[bought]))
        for entry in range(offsets[row], min(offsets[row] + limit, offsets[row + 1])):
            sums[columns[entry]] += strength * weights[entry]
    return purchases


@part
def largest_votes(
    best: Array,
    rows: Array,
    times: Array,
    offsets: Array,
    columns: Array,
    weights: Array,
    column_of: Array,
    places: Array,
) -> Array:
    """Return for each item of `best` the bought item with the largest vote, else UNKNOWN_ROW.

    A second pass over the weights, because the first would have to compare each vote. `places`:
    (columns,) zeros, or _BOUGHT; to note where an item is in `best`.
    """
    voters = np.full(len(best), UNKNOWN_ROW, np.int32)
    top = np.zeros(len(best), np.float32)
    for place in range(len(best)):
        column = column_of[best[place]] if best[place] < len(column_of) else UNKNOWN_ROW
        if column >= 0 and places[column] != _BOUGHT:
            places[column] = place + 1
    limit = max(LEAST_PER_ITEM, MAX_FOLDED // max(len(rows), 1))
    for bought in range(len(rows)):
        row = rows[bought]
        if row + 1 >= len(offsets):
            continue
        strength = np.float32(math.log1p(times[bought]))
        for entry in range(offsets[row], min(offsets[row] + limit, offsets[row + 1])):
            if places[columns[entry]] <= 0:
                continue
            place, vote = int(places[columns[entry]]) - 1, strength * weights[entry]
            if vote > top[place]:
                top[place], voters[place] = vote, row
    return voters


@part
def log1p(value: float) -> float:
    """Return log(1 + value) for a value not below 0, from a table: math.log1p takes ten times as
    long, and a request needs some thousand logarithms.
    """
    place = value * _LOG1P_STEPS
    step = int(place)
    if step + 1 >= len(_LOG1P):
        return math.log1p(value)
    low, high = _LOG1P[step], _LOG1P[step + 1]
    return float(low + (place - step) * (high - low))


@part
def push_best(best: Array, odds: Array, used: int, row: int, worth: float) -> int:
    """Put an item into the heap if it is among the best; return the number of items in the heap.

    The worst item is at place 0. Of equal ones the higher row is worse.
    """
    if used < len(best):
        place = used
        used += 1
        while place > 0:
            parent = (place - 1) // 2
            if not is_worse(worth, row, odds[parent], best[parent]):
                break
            best[place], odds[place] = best[parent], odds[parent]
            place = parent
        best[place], odds[place] = row, worth
    elif used and is_worse(odds[0], best[0], worth, row):
        sink(best, odds, used, row, worth)
    return used


@part
def is_worse(odds: float, row: int, other_odds: float, other_row: int) -> bool:
    return bool(odds < other_odds or (odds == other_odds and row > other_row))


@part
def sink(best: Array, odds: Array, used: int, row: int, worth: float) -> None:
    """Replace the worst item of the heap."""
    place = 0
    while 2 * place + 1 < used:
        child = 2 * place + 1
        if child + 1 < used and is_worse(
            odds[child + 1], best[child + 1], odds[child], best[child]
        ):
            child += 1
        if not is_worse(odds[child], best[child], worth, row):
            break
        best[place], odds[place] = best[child], odds[child]
        place = child
    best[place], odds[place] = row, worth


@part
def in_order(best: Array, odds: Array) -> tuple[Array, Array]:
    """Return rows and chances of the heap, the best item first."""
    size = len(best)
    rows, chances = np.empty(size, np.int32), np.empty(size, np.float32)
    for place in range(size - 1, -1, -1):
        rows[place] = best[0]
        chances[place] = 1 / (1 + math.exp(-odds[0]))
        sink(best, odds, place, best[place], odds[place])
    return rows, chances
