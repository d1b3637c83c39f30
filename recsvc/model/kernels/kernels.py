"""The loops that a request runs over the arrays of a model and its catalogue. Pure.

Plain Python over arrays and numbers, compiled (see `compiled`). Arguments are taken by position;
what is called `sieve` and `near` are tuples of arrays that their owners put together. A row that
an array does not have is an IndexError, as in numpy. Constants that other files own arrive as
arguments: what is compiled is kept for as long as this file is the same.
"""

import math

import numpy as np

from recsvc.model.artifact.format import Array
from recsvc.model.kernels.jit import compiled, part

MOST_VOTERS = 8  # the latest items that are not taken back
NEAREST = 16  # neighbours that an item votes for
MOST_HEARD = 40  # items with the greatest sums; the others have no share
STRONGEST = 0.55  # share of the loudest: below the second place of the customer's own list
RESTING_SHARE = 0.5  # of an item's interval, during which it is not offered again
USUAL_INTERVAL_DAYS = 14.0  # of an item whose model says nothing of it

KIND, SECONDS, ROW, START, STOP = range(5)  # columns of events
VOTED, REASON, VOTER = range(3)  # columns of what has votes
BOUGHT, RESTS = range(2)  # columns of purchases
UNKNOWN_ROW = -1
PER_HEAD = 64
MOST_DIGITS = 12
SCORE_UNIT = 1e6  # six digits are what float32 holds; its nearest double has seventeen

CATEGORIES, BRANDS, LOWEST, HIGHEST = 1, 2, 4, 8  # bits: what a sieve asks of an item

_SECONDS_PER_DAY = 86_400.0
_NEWLINE, _BLANK, _ZERO = ord("\n"), ord(" "), ord("0")
_SCATTER = 2_654_435_761
_FEW = 512

Near = tuple[Array, Array, Array]  # offsets, items and scores of all items' neighbours
# Of item rows: what is withheld, category, catalogue row. Of catalogue rows: brand, price. What is
# asked for: categories, brands, lowest and highest price, and which of them: bits.
Sieve = tuple[Array, Array, Array, Array, Array, Array, Array, float, float, int]

_NEAR = "Tuple((int64[:], int32[:], float32[:]))"
_SIEVE = (
    "Tuple((boolean[:], int32[:], int32[:], int32[:], float64[:], int32[:], int32[:], "
    "float64, float64, int64))"
)


@part
def is_above(ids: Array, row: int, text: bytes, start: int, stop: int) -> bool:
    """Say whether the id of a row comes after a piece of a text."""
    width, length = ids.shape[1], stop - start
    for place in range(min(width, length)):
        one, other = ids[row, place], text[start + place]
        if one != other:
            return bool(one > other)
    return bool(length < width and ids[row, length] != 0)


@part
def is_at(ids: Array, row: int, text: bytes, start: int, stop: int) -> bool:
    width, length = ids.shape[1], stop - start
    if length > width or (length < width and ids[row, length] != 0):
        return False
    for place in range(length):
        if ids[row, place] != text[start + place]:
            return False
    return True


@part
def last_not_above(ids: Array, low: int, high: int, text: bytes, start: int, stop: int) -> int:
    """Return the last row from `low` to `high` that is not above; `low` - 1 if all are."""
    while low < high:
        middle = (low + high) // 2
        if is_above(ids, middle, text, start, stop):
            high = middle
        else:
            low = middle + 1
    return low - 1


@part
def row_of(ids: Array, heads: Array, text: bytes, start: int, stop: int) -> int:
    """Return the row of an id; UNKNOWN_ROW without one.

    Ids are sorted bytewise and padded with NUL. `heads` is every PER_HEADth of them: few enough
    to stay in the processor's cache, which the ids are not.
    """
    head = last_not_above(heads, 0, len(heads), text, start, stop)
    if head < 0:
        return UNKNOWN_ROW
    low, high = head * PER_HEAD, min((head + 1) * PER_HEAD, len(ids))
    row = last_not_above(ids, low, high, text, start, stop)
    return row if is_at(ids, row, text, start, stop) else UNKNOWN_ROW


@compiled("int64(uint8[:,::1], uint8[:,::1], Bytes(uint8, 1, 'C'))")
def find(ids: Array, heads: Array, text: bytes) -> int:
    """Return the row of an id; UNKNOWN_ROW without one."""
    return row_of(ids, heads, text, 0, len(text))


@compiled("int64[:,::1](Bytes(uint8, 1, 'C'), Bytes(uint8, 1, 'C'), uint8[:,::1], uint8[:,::1])")
def read_events(text: bytes, kinds: bytes, ids: Array, heads: Array) -> Array:
    """Read recent events, one a line, as `recsvc.domain.customers.recent_events` writes them.

    Return a row of KIND (place in `kinds`), SECONDS, ROW of the item and the place of its id in
    the text for each. What cannot be read is left out; ROW of an item that is not in `ids` is
    UNKNOWN_ROW, and then its id may be anything.
    """  # (events, 5)
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
            if place - start <= MOST_DIGITS:
                seconds = 10 * seconds + (int(text[place]) - _ZERO)
            place += 1
        digits, item = place - start - 1, place + 1
        if kind >= 0 and 0 < digits <= MOST_DIGITS and item < stop and text[place] == _BLANK:
            events[found, KIND] = kind
            events[found, SECONDS] = seconds
            events[found, ROW] = row_of(ids, heads, text, item, stop)
            events[found, START] = item
            events[found, STOP] = stop
            found += 1
        start = stop + 1
    return events[:found]


@part
def counted(items: Array, votes: Array, voters: Array, most: int) -> tuple[Array, Array, Array]:
    """Add up the votes above zero for each item; return the `most` with the greatest sums.

    Their rows, sums and loudest voters; among equal sums the lower row is first, among equal
    votes the earlier voter is louder.
    """
    size = 16
    while size < 2 * len(items):
        size *= 2
    slots = np.full(size, -1, np.int64)  # open addressing: where an item's sum stands
    rows = np.empty(len(items), np.int64)
    sums = np.empty(len(items), np.float64)
    loudest = np.empty(len(items), np.int64)  # places in `votes`
    found = 0
    for vote in range(len(items)):
        if not votes[vote] > 0:
            continue
        row = items[vote]
        slot = (row * _SCATTER >> 15) & (size - 1)
        while slots[slot] >= 0 and rows[slots[slot]] != row:
            slot = (slot + 1) & (size - 1)
        place = slots[slot]
        if place < 0:
            slots[slot] = found
            rows[found], sums[found], loudest[found] = row, votes[vote], vote
            found += 1
        else:
            sums[place] += votes[vote]
            if votes[vote] > votes[loudest[place]]:
                loudest[place] = vote
    order = greatest(sums[:found], rows, min(most, found))
    best, best_sums = np.empty(len(order), np.int32), np.empty(len(order), np.float64)
    speakers = np.empty(len(order), np.int64)
    for rank, place in enumerate(order):
        best[rank], best_sums[rank] = rows[place], sums[place]
        speakers[rank] = voters[loudest[place]]
    return best, best_sums, speakers


@part
def greatest(sums: Array, rows: Array, most: int) -> Array:
    """Return the places of the greatest sums, the greatest first; of equal ones the lower row's."""
    heap = np.arange(len(sums))
    for root in range(len(heap) // 2 - 1, -1, -1):
        sink(heap, root, len(heap), sums, rows)
    order = np.empty(most, np.int64)
    for rank in range(most):
        order[rank] = heap[0]
        last = len(heap) - 1 - rank
        heap[0] = heap[last]
        sink(heap, 0, last, sums, rows)
    return order


@part
def sink(heap: Array, place: int, size: int, sums: Array, rows: Array) -> None:
    """Put the entry at a place of a heap where it belongs below."""
    moved = heap[place]
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and is_before(heap[child + 1], heap[child], sums, rows):
            child += 1
        if not is_before(heap[child], moved, sums, rows):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = moved


@part
def is_before(one: int, other: int, sums: Array, rows: Array) -> bool:
    if sums[one] == sums[other]:
        return bool(rows[one] < rows[other])
    return bool(sums[one] > sums[other])


@compiled("Tuple((int32[::1], float64[::1], int64[::1]))(int64[:], float64[:], int64[:])")
def tally(items: Array, votes: Array, voters: Array) -> tuple[Array, Array, Array]:
    """Count votes for items: see `counted`."""
    return counted(items, votes, voters, MOST_HEARD)


@compiled(
    "Tuple((int32[:,::1], float64[::1], int64[:,::1], int64))"
    "(int64[:,::1], float64, float64[:], uint8[:], float64, boolean[:], "
    f"{_NEAR}, float32[:], float32[:])"
)
def weigh(
    events: Array,
    now_seconds: float,
    weights: Array,
    codes: Array,
    half_life_seconds: float,
    sensitive: Array,
    near: Near,
    appeal: Array,
    intervals: Array,
) -> tuple[Array, Array, Array, int]:
    """Let events, the latest first, vote for what is near, and tell what rests from what is due.

    Only the latest event of an item has a vote, and of a sensitive item nothing is said. `weights`
    and `codes` say what an event of each kind is worth, and which reason it is; the last kind is
    a purchase. Return VOTED, REASON and VOTER of what has votes, and the share of each; BOUGHT
    and RESTS of purchases, the latest first; and how many items say something.
    """
    offsets, items, scores = near
    met = np.empty(len(events), np.int64)
    bought = np.empty((len(events), 2), np.int64)
    rows = np.empty(MOST_VOTERS * NEAREST, np.int64)
    votes = np.empty(MOST_VOTERS * NEAREST, np.float64)
    voters = np.empty(MOST_VOTERS * NEAREST, np.int64)
    seen = heard = purchases = cast = 0
    said_in_all = 0.0
    for event in range(len(events)):
        kind, row = events[event, KIND], events[event, ROW]
        if row < 0 or row >= len(sensitive) or sensitive[row]:
            continue
        age = now_seconds - events[event, SECONDS]
        if kind == len(weights) - 1 and not is_among(bought[:purchases, BOUGHT], row):
            interval = USUAL_INTERVAL_DAYS
            if row < len(intervals):
                interval = intervals[row]
            bought[purchases, BOUGHT] = row
            # Always for NaN: nobody bought it again.
            bought[purchases, RESTS] = not age / _SECONDS_PER_DAY >= RESTING_SHARE * interval
            purchases += 1
        if heard == MOST_VOTERS or is_among(met[:seen], row):
            continue
        met[seen] = row
        seen += 1
        said = weights[kind] * 0.5 ** (max(age, 0.0) / half_life_seconds)
        if said == 0:
            continue
        heard += 1
        if row + 1 >= len(offsets):  # the model does not know it: it has no neighbours
            continue
        said_in_all += said
        for entry in range(offsets[row], min(offsets[row] + NEAREST, offsets[row + 1])):
            rows[cast] = items[entry]
            votes[cast] = said * scores[entry] * appeal[items[entry]]
            voters[cast] = event
            cast += 1
    best, shares, speakers = counted(rows[:cast], votes[:cast], voters[:cast], MOST_HEARD)
    if len(best):
        shares *= min(said_in_all, STRONGEST) / shares[0]
    voted = np.empty((len(best), 3), np.int32)
    for place, event in enumerate(speakers):
        voted[place, VOTED] = best[place]
        voted[place, REASON] = codes[events[event, KIND]]
        voted[place, VOTER] = events[event, ROW]
    return voted, shares, bought[:purchases], heard


@part
def is_among(rows: Array, row: int) -> bool:
    for each in rows:
        if each == row:
            return True
    return False


@part
def worth_of_place(place: int) -> float:
    """Return what a place of a list is worth, as NDCG discounts it: 1, 0.63, 0.5, …"""
    return 1 / math.log2(place + 2)


@compiled(
    "Tuple((int32[::1], float32[::1], uint8[::1], int32[::1]))"
    "(int32[:], uint8[:], int32[:], int64[:,:], uint8, int32[:,:], float64[:], boolean)"
)
def steer(
    own: Array,
    own_reasons: Array,
    own_because: Array,
    bought: Array,
    due_reason: int,
    voted: Array,
    shares: Array,
    newcomers: bool,
) -> tuple[Array, Array, Array, Array]:
    """Merge a customer's own list, what is due again and what has votes, the best first.

    An item is worth what its place in the list is, and its share of the votes. What is due again
    has a place behind the others; what has votes and no place enters if `newcomers` may.
    """
    size = len(own) + len(bought) + len(voted)
    items, worth = np.empty(size, np.int32), np.empty(size, np.float64)
    codes, speakers = np.empty(size, np.uint8), np.empty(size, np.int32)
    listed = len(own)
    items[:listed], codes[:listed], speakers[:listed] = own, own_reasons, own_because
    for row, rests in bought:
        if not rests and not is_among(items[:listed], row):
            items[listed], codes[listed], speakers[listed] = row, due_reason, UNKNOWN_ROW
            listed += 1
    for place in range(listed):
        worth[place] = worth_of_place(place)
    raised, is_new = np.zeros(size, np.bool_), np.ones(len(voted), np.bool_)
    may_have_votes = np.zeros(_FEW, np.bool_)
    for row in voted[:, VOTED]:
        may_have_votes[row % _FEW] = True
    for place in range(listed):
        if may_have_votes[items[place] % _FEW]:
            for vote in range(len(voted)):
                if voted[vote, VOTED] == items[place] and is_new[vote]:
                    worth[place] += shares[vote]
                    raised[place], is_new[vote] = True, False
    total = listed
    for vote in range(len(voted)):
        if newcomers and is_new[vote]:
            items[total], worth[total] = voted[vote, VOTED], shares[vote]
            codes[total], speakers[total] = voted[vote, REASON], voted[vote, VOTER]
            raised[total] = True
            total += 1
    order = merged(worth[:total], raised[:total])
    sorted_worth = np.empty(total, np.float32)
    for rank, place in enumerate(order):
        sorted_worth[rank] = worth[place]
    return items[order], sorted_worth, codes[order], speakers[order]


@part
def merged(worth: Array, raised: Array) -> Array:
    """Return the places by their worth, the greatest first; equal ones keep their order.

    What is not raised is in order already.
    """
    order = np.empty(len(worth), np.int64)
    up = np.empty(len(worth), np.int64)
    risen = 0
    for place in range(len(worth)):
        if raised[place]:
            hole = risen
            while hole > 0 and worth[up[hole - 1]] < worth[place]:
                up[hole] = up[hole - 1]
                hole -= 1
            up[hole] = place
            risen += 1
    filled = taken = 0
    for place in range(len(worth)):
        if raised[place]:
            continue
        while taken < risen and (
            worth[up[taken]] > worth[place]
            or (worth[up[taken]] == worth[place] and up[taken] < place)
        ):
            order[filled] = up[taken]
            filled, taken = filled + 1, taken + 1
        order[filled] = place
        filled += 1
    while taken < risen:
        order[filled] = up[taken]
        filled, taken = filled + 1, taken + 1
    return order


@part
def passes(
    row: int,
    withheld: Array,
    categories: Array,
    listed: Array,
    brands: Array,
    prices: Array,
    one_of: Array,
    by: Array,
    lowest: float,
    highest: float,
    asked: int,
) -> bool:
    """Say whether an item may be offered and is what is asked for.

    It takes the sieve in parts: a tuple that is opened for each row counts its references anew.
    """
    if asked & CATEGORIES and (row >= len(categories) or not is_among(one_of, categories[row])):
        return False
    if row >= len(withheld) or withheld[row]:  # later ones are being listed just now
        return False
    if not asked & ~CATEGORIES:
        return True
    at = listed[row]
    if at < 0 or at >= len(prices):
        return False
    if asked & BRANDS and not is_among(by, brands[at]):
        return False
    if asked & LOWEST and not prices[at] >= lowest:  # false for an unknown price
        return False
    return not (asked & HIGHEST and not prices[at] <= highest)


@compiled(
    f"int64(int64[:,::1], float64[::1], int64, int32[:], float32[:], uint8[:], int32[:],"
    f" int64[:], {_SIEVE})"
)
def take(
    picked: Array,
    picked_scores: Array,
    filled: int,
    items: Array,
    scores: Array,
    reasons: Array,
    because: Array,
    seen: Array,
    sieve: Sieve,
) -> int:
    """Append what passes of a list, and was not seen, to what is picked; return how many it is.

    `picked` holds rows, reasons and reasons' items; it is full when the answer is. `because` may
    be empty.
    """
    withheld, categories, listed, brands, prices, one_of, by, lowest, highest, asked = sieve
    for place in range(len(items)):
        if filled == picked.shape[1]:
            break
        row = items[place]
        if not passes(
            row, withheld, categories, listed, brands, prices, one_of, by, lowest, highest, asked
        ):
            continue
        if is_among(picked[0, :filled], row) or is_among(seen, row):
            continue
        picked[0, filled] = row
        picked[1, filled] = reasons[place]
        picked[2, filled] = because[place] if len(because) else UNKNOWN_ROW
        picked_scores[filled] = np.rint(scores[place] * SCORE_UNIT) / SCORE_UNIT
        filled += 1
    return filled


@compiled(f"Tuple((int32[::1], float64[::1], int64[::1]))(int64[:], {_NEAR}, {_SIEVE}, boolean)")
def votes_of(voters: Array, near: Near, sieve: Sieve, sifted: bool) -> tuple[Array, Array, Array]:
    """Let each item vote for its neighbours, those that pass if they are `sifted`.

    Return their rows, the sums of their scores, the best first, and the loudest voter of each.
    """
    offsets, items, scores = near
    withheld, categories, listed, brands, prices, one_of, by, lowest, highest, asked = sieve
    most = 0
    for voter in voters:
        most += offsets[voter + 1] - offsets[voter]
    rows, votes = np.empty(most, np.int64), np.empty(most, np.float64)
    speakers = np.empty(most, np.int64)
    cast = 0
    for voter in voters:
        for entry in range(offsets[voter], offsets[voter + 1]):
            row = items[entry]
            # Most fail here, at a tenth of what the whole question costs.
            if sifted and asked & CATEGORIES and not is_among(one_of, categories[row]):
                continue
            if sifted and not passes(
                row,
                withheld,
                categories,
                listed,
                brands,
                prices,
                one_of,
                by,
                lowest,
                highest,
                asked,
            ):
                continue
            rows[cast], votes[cast], speakers[cast] = row, scores[entry], voter
            cast += 1
    return counted(rows[:cast], votes[:cast], speakers[:cast], most)
