"""Each compiled loop returns the same as an implementation in plain Python."""

import math
from collections import Counter
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.customers.recent_events import (
    HALF_LIFE_DAYS,
    SECONDS_PER_DAY,
    WEIGHTS,
    RecentKind,
    encode,
    weight,
)
from recsvc.domain.values.ids import ItemId, id_fault
from recsvc.model.kernels import kernels
from recsvc.model.kernels.kernels import KIND, ON_COOLDOWN, ROW, SECONDS, START, STOP, UNKNOWN_ROW
from recsvc.model.registry.candidates import UNFILTERED
from recsvc.model.registry.id_map import IdMap

KINDS = [RecentKind.VIEW, RecentKind.ADD_TO_CART, RecentKind.REMOVE_FROM_CART, RecentKind.PURCHASE]
LETTERS = "".join(KINDS).encode()
NOW = 1_000_000_000
ITEMS = 40

ids = st.text(min_size=1, max_size=8).filter(lambda text: id_fault(text) is None)
known = st.sets(ids, max_size=200).map(lambda texts: sorted(text.encode() for text in texts))
SHOP = IdMap(np.array(sorted(b"item-%d" % row for row in range(500))))


def read(entries: list[bytes], items: IdMap = SHOP) -> list[tuple[RecentKind, int, bytes, int]]:
    text = b"\n".join(entries)
    return [
        (KINDS[event[KIND]], event[SECONDS], text[event[START] : event[STOP]], event[ROW])
        for event in kernels.read_events.run(text, LETTERS, items.index).tolist()
    ]


def read_plainly(entries: list[bytes]) -> list[tuple[str, int, bytes]]:
    parts = [(entry[:1], *entry[1:].partition(b" ")) for entry in entries]
    return [
        (letter.decode(), int(digits), item)
        for letter, digits, _, item in parts
        if letter in {b"v", b"c", b"r", b"p"} and digits.isdigit() and len(digits) <= 12 and item
    ]


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 10**11), ids), max_size=20))
def test_written_events_are_read(written: list[tuple[RecentKind, int, str]]) -> None:
    """Events are read in order; ids may have any script and contain spaces."""
    found = read([encode(kind, at, ItemId(item)) for kind, at, item in written])

    assert [(kind, at, item.decode()) for kind, at, item, _ in found] == written


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"v",
        b"v1763777777",
        b"v1763777777 ",
        b"x1763777777 milk",
        b"v-1 milk",
        b"v 1 milk",
        b"v1e9 milk",
        "v١ milk".encode(),
        b"v1234567890123 milk",
        b"milk",
        b"\x00\xff",
    ],
)
def test_malformed_events_are_skipped(entry: bytes) -> None:
    """A malformed entry does not affect the entries around it."""
    readable = encode(RecentKind.VIEW, 1, ItemId("milk"))

    assert read([readable]) == read([entry, readable, entry])


garbage = st.binary(max_size=40) | st.from_regex(rb"[vcrpx][0-9]{0,14} ?[a-z]{0,3}", fullmatch=True)


@given(st.lists(garbage, max_size=20))
def test_read_events_equals_plain_python(entries: list[bytes]) -> None:
    """Any bytes give the events that plain Python parses."""
    lines = b"\n".join(entries).split(b"\n")

    assert [event[:3] for event in read(entries)] == read_plainly(lines)


@given(known, st.lists(ids, max_size=10))
def test_every_id_is_found_at_its_row(texts: list[bytes], others: list[str]) -> None:
    """Ids are found in a list of any length; unknown ids and prefixes are not."""
    items = IdMap(np.array(texts, dtype=f"S{max(map(len, texts), default=1)}"))
    asked = [*texts, *(text.encode() for text in others), *(text + b"x" for text in texts)]

    expected = [texts.index(text) if text in texts else None for text in asked]
    assert [items.row(text.decode()) for text in asked] == expected


KEPT_DAYS = 20
Happened = tuple[int, int, int]  # kind (index in KINDS), age in days, item row


@dataclass(frozen=True)
class Catalogue:
    """The model's side of a vote: neighbours with their scores, appeal and intervals."""

    offsets: np.ndarray
    items: np.ndarray
    scores: np.ndarray
    appeal: np.ndarray
    intervals: np.ndarray

    @classmethod
    def random(cls, lists: list[list[int]], seed: int) -> "Catalogue":
        chance = np.random.default_rng(seed)
        appeal = chance.random(ITEMS).astype("f4")
        unknown = chance.random(ITEMS) < 0.3
        intervals = np.where(unknown, np.nan, chance.random(ITEMS) * 60).astype("f4")
        return cls(
            np.cumsum([0, *map(len, lists)]),
            np.array([row for each in lists for row in each], "i4"),
            chance.random(sum(map(len, lists))).astype("f4"),
            appeal,
            intervals,
        )


events = st.lists(
    st.tuples(st.sampled_from(range(4)), st.integers(-1, 60), st.integers(-1, ITEMS + 2)),
    max_size=20,
)
rows = st.integers(0, ITEMS - 1)
neighbours = st.lists(st.lists(rows, max_size=20, unique=True), min_size=ITEMS, max_size=ITEMS)


@dataclass(frozen=True)
class Interest:
    """The result of `weigh` as the reference implementation computes it."""

    sums: Counter[int]  # of votes, by item, before they are scaled
    shares: list[float]  # descending
    voters: set[int]  # items that voted
    purchases: list[int]
    on_cooldown: list[bool]


def weigh_in_plain_python(
    happened: list[Happened], lists: list[list[int]], hidden: set[int], catalogue: Catalogue
) -> Interest:
    """Reference implementation of `weigh`.

    Only the latest event of an item votes, sensitive items (`hidden`) do not count, and an
    unknown interval is the default. Events older than KEPT_DAYS do not count.
    """
    kept = [each for each in happened if each[1] <= KEPT_DAYS]
    counted = [each for each in kept if 0 <= each[2] < ITEMS + 2 and each[2] not in hidden]
    latest: dict[int, Happened] = {}
    for event in counted:
        latest.setdefault(event[2], event)
    voting = [each for each in latest.values() if WEIGHTS[KINDS[each[0]]]]
    voting = voting[: kernels.MAX_RECENT_VOTERS]
    sums: Counter[int] = Counter()
    total_weight = 0.0
    for kind, days, row in voting:
        if row < ITEMS:
            own_weight = weight(KINDS[kind], days * 86_400)
            total_weight += own_weight
            for place, item in enumerate(lists[row][: kernels.NEIGHBOURS_PER_VOTER]):
                score = float(catalogue.scores[catalogue.offsets[row] + place])
                sums[item] += own_weight * score * float(catalogue.appeal[item])
    best = sorted((total for total in sums.values() if total), reverse=True)
    best = best[: kernels.MAX_VOTED_ITEMS]
    scale = min(total_weight, kernels.MAX_SHARE) / best[0] if best else 0.0
    purchases: dict[int, int] = {}
    for kind, days, row in counted:
        if kind == len(KINDS) - 1:
            purchases.setdefault(row, days)
    cooldowns = [
        catalogue.intervals[row] / 2 if row < ITEMS else kernels.DEFAULT_INTERVAL_DAYS / 2
        for row in purchases
    ]
    return Interest(
        Counter({item: total * scale for item, total in sums.items()}),
        [total * scale for total in best],
        {row for _, _, row in voting},
        list(purchases),
        [
            days < 0 or not days >= cooldown
            for days, cooldown in zip(purchases.values(), cooldowns, strict=True)
        ],
    )


@given(events, neighbours, st.sets(rows, max_size=5), st.integers(0, 2**32 - 1))
def test_weigh_equals_plain_python(
    happened: list[Happened], lists: list[list[int]], hidden: set[int], seed: int
) -> None:
    """The compiled loop returns the shares, voters and cooldowns of the reference."""
    catalogue = Catalogue.random(lists, seed)
    table = np.array(
        [(kind, NOW - days * 86_400, row, 0, 0) for kind, days, row in happened], np.int64
    ).reshape(-1, 5)
    voted, shares, bought, voters = kernels.weigh.run(
        table,
        float(NOW),
        np.array([WEIGHTS[kind] for kind in KINDS]),
        np.arange(4, dtype="u1"),
        HALF_LIFE_DAYS * SECONDS_PER_DAY,
        KEPT_DAYS * SECONDS_PER_DAY,
        np.isin(range(ITEMS + 2), list(hidden)),
        (catalogue.offsets, catalogue.items, catalogue.scores),
        catalogue.appeal,
        catalogue.intervals,
    )

    expected = weigh_in_plain_python(happened, lists, hidden, catalogue)
    assert voters == len(expected.voters)
    assert np.allclose(shares, expected.shares)
    assert np.allclose(shares, [expected.sums[item] for item in voted[:, 0].tolist()])
    assert {*voted[:, 2].tolist()} <= expected.voters
    assert bought[:, 0].tolist() == expected.purchases
    assert bought[:, ON_COOLDOWN].tolist() == expected.on_cooldown


own_lists = st.lists(rows, max_size=30, unique=True)
votes = st.lists(st.tuples(rows, st.floats(0, 0.6)), max_size=20, unique_by=lambda vote: vote[0])
purchased = st.lists(st.tuples(rows, st.booleans()), max_size=8, unique_by=lambda each: each[0])


@given(own_lists, votes, purchased, st.booleans())
def test_rerank_equals_plain_python(
    own: list[int], cast: list[tuple[int, float]], bought: list[tuple[int, bool]], adds_items: bool
) -> None:
    """Scores are the discount of the place plus the share; ties keep the order of the list.

    Every other item of the list is popular, and a vote gives it another reason.
    """
    popular = 0
    voted = np.array([(row, 7, 1) for row, _ in cast], np.int32).reshape(-1, 3)
    items, worth, reasons, reason_items = kernels.rerank.run(
        np.array(own, np.int32),
        np.array([2 * (place % 2) for place in range(len(own))], np.uint8),
        np.arange(len(own), dtype=np.int32),
        np.array(bought, np.int64).reshape(-1, 2),
        3,
        popular,
        voted,
        np.array([share for _, share in cast], float),
        adds_items,
    )

    entries = [(row, 2 * (place % 2), place) for place, row in enumerate(own)]
    entries += [
        (row, 3, UNKNOWN_ROW)
        for row, is_on_cooldown in bought
        if not is_on_cooldown and row not in own
    ]
    worths = [1 / math.log2(place + 2) for place in range(len(entries))]
    listed = [row for row, _, _ in entries]
    for row, share in cast:
        if row in listed:
            place = listed.index(row)
            worths[place] += share
            if entries[place][1] == popular:
                entries[place] = (row, 7, 1)
        elif adds_items:
            entries.append((row, 7, 1))
            worths.append(share)
    order = sorted(range(len(entries)), key=worths.__getitem__, reverse=True)

    found = zip(items.tolist(), reasons.tolist(), reason_items.tolist(), strict=True)
    assert [*found] == [entries[place] for place in order]
    assert np.allclose(worth, [worths[place] for place in order])


@given(neighbours, st.lists(rows, max_size=10, unique=True), st.sets(rows))
def test_sum_votes_equals_plain_python(
    lists: list[list[int]], voters: list[int], hidden: set[int]
) -> None:
    """Equal sums put the lower row first; of equal votes the earlier voter is the top voter."""
    scores = [1 / (place + 1) for each in lists for place in range(len(each))]
    offsets = np.cumsum([0, *map(len, lists)])
    items, sums, top_voters = kernels.sum_votes.run(
        np.array(voters, np.int64),
        (offsets, np.array([row for each in lists for row in each], "i4"), np.array(scores, "f4")),
        (np.isin(range(ITEMS), list(hidden)), *UNFILTERED[1:]),
        True,
    )

    cast = [
        (item, -float(np.float32(scores[offsets[voter] + place])), turn, voter)
        for turn, voter in enumerate(voters)
        for place, item in enumerate(lists[voter])
        if item not in hidden
    ]
    expected = [
        (item, sum(-score for _, score, _, _ in group), group[0][3])
        for item, group in (
            (item, [*each]) for item, each in groupby(sorted(cast), lambda vote: vote[0])
        )
    ]
    assert dict(zip(items.tolist(), top_voters.tolist(), strict=True)) == {
        item: voter for item, _, voter in expected
    }
    totals = {item: total for item, total, _ in expected}
    assert np.allclose(sums, [totals[item] for item in items.tolist()])
    ranked = [*zip((-sums).tolist(), items.tolist(), strict=True)]
    assert ranked == sorted(ranked)


def test_a_row_outside_of_an_array_is_an_error() -> None:
    """A large model is only sampled at load, so a wrong row must not read other memory."""
    lists = (np.array([0, 9]), np.zeros(1, np.int32), np.zeros(1, np.float32))

    with pytest.raises(IndexError):
        kernels.sum_votes.run(np.array([0]), lists, UNFILTERED, False)
