"""The compiled loops of a request beside the same in plain Python."""

import math
from collections import Counter
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
        for event in kernels.read_events.run(text, LETTERS, items.letters, items.heads).tolist()
    ]


def read_plainly(entries: list[bytes]) -> list[tuple[str, int, bytes]]:
    parts = [(entry[:1], *entry[1:].partition(b" ")) for entry in entries]
    return [
        (letter.decode(), int(digits), item)
        for letter, digits, _, item in parts
        if letter in {b"v", b"c", b"r", b"p"} and digits.isdigit() and len(digits) <= 12 and item
    ]


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 10**11), ids), max_size=20))
def test_what_is_written_is_read(written: list[tuple[RecentKind, int, str]]) -> None:
    """In its order, items of any script and with blanks."""
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
def test_what_cannot_be_read_is_left_out(entry: bytes) -> None:
    """And takes nothing else with it."""
    readable = encode(RecentKind.VIEW, 1, ItemId("milk"))

    assert read([readable]) == read([entry, readable, entry])


garbage = st.binary(max_size=40) | st.from_regex(rb"[vcrpx][0-9]{0,14} ?[a-z]{0,3}", fullmatch=True)


@given(st.lists(garbage, max_size=20))
def test_any_bytes_are_read_as_plain_python_reads_them(entries: list[bytes]) -> None:
    """Whoever wrote them."""
    lines = b"\n".join(entries).split(b"\n")

    assert [event[:3] for event in read(entries)] == read_plainly(lines)


@given(known, st.lists(ids, max_size=10))
def test_an_id_is_found_where_it_stands(texts: list[bytes], others: list[str]) -> None:
    """In a list of any length; what is not there, a prefix included, is not found."""
    items = IdMap(np.array(texts, dtype=f"S{max(map(len, texts), default=1)}"))
    asked = [*texts, *(text.encode() for text in others), *(text + b"x" for text in texts)]

    expected = [texts.index(text) if text in texts else None for text in asked]
    assert [items.row(text.decode()) for text in asked] == expected


events = st.lists(
    st.tuples(st.sampled_from(range(4)), st.integers(-1, 60), st.integers(-1, ITEMS + 2)),
    max_size=20,
)
rows = st.integers(0, ITEMS - 1)
neighbours = st.lists(st.lists(rows, max_size=20, unique=True), min_size=ITEMS, max_size=ITEMS)


@given(events, neighbours, st.sets(rows, max_size=5), st.integers(0, 2**32 - 1))
def test_events_vote_as_in_plain_python(
    happened: list[tuple[int, int, int]], near: list[list[int]], hushed: set[int], seed: int
) -> None:
    """Only an item's latest event, only what is not sensitive, and the loudest voter is named."""
    chance = np.random.default_rng(seed)
    appeal = chance.random(ITEMS).astype("f4")
    intervals = np.where(chance.random(ITEMS) < 0.3, np.nan, chance.random(ITEMS) * 60).astype("f4")
    scores = chance.random(sum(map(len, near))).astype("f4")
    offsets = np.cumsum([0, *map(len, near)])
    table = np.array(
        [(kind, NOW - days * 86_400, row, 0, 0) for kind, days, row in happened], np.int64
    ).reshape(-1, 5)
    sensitive = np.isin(range(ITEMS + 2), list(hushed))
    voted, shares, bought, heard = kernels.weigh.run(
        table,
        float(NOW),
        np.array([WEIGHTS[kind] for kind in KINDS]),
        np.arange(4, dtype="u1"),
        HALF_LIFE_DAYS * SECONDS_PER_DAY,
        sensitive,
        (offsets, np.array([row for each in near for row in each], "i4"), scores),
        appeal,
        intervals,
    )

    told = [each for each in happened if 0 <= each[2] < ITEMS + 2 and each[2] not in hushed]
    latest = list({row: (kind, days, row) for kind, days, row in reversed(told)}.values())[::-1]
    latest.sort(key=lambda each: [row for _, _, row in told].index(each[2]))
    speaking = [each for each in latest if WEIGHTS[KINDS[each[0]]]][: kernels.MAX_RECENT_VOTERS]
    sums: Counter[int] = Counter()
    said_in_all = 0.0
    for kind, days, row in speaking:
        if row < ITEMS:
            said = weight(KINDS[kind], days * 86_400)
            said_in_all += said
            for place, item in enumerate(near[row][: kernels.NEIGHBOURS_PER_VOTER]):
                sums[item] += said * float(scores[offsets[row] + place]) * float(appeal[item])
    best = sorted(((item, total) for item, total in sums.items() if total), key=lambda it: -it[1])
    best = best[: kernels.MAX_VOTED_ITEMS]
    scale = min(said_in_all, kernels.MAX_SHARE) / best[0][1] if best else 0.0
    purchases: dict[int, int] = {}
    for kind, days, row in told:
        if kind == 3:
            purchases.setdefault(row, days)
    half = [intervals[row] / 2 if row < ITEMS else 7 for row in purchases]
    rest = [
        not days >= least if days >= 0 else True
        for days, least in zip(purchases.values(), half, strict=True)
    ]

    assert heard == len(speaking)
    assert np.allclose(shares, [total * scale for _, total in best])
    assert np.allclose(shares, [sums[item] * scale for item in voted[:, 0].tolist()])
    assert {*voted[:, 2].tolist()} <= {row for _, _, row in speaking}
    assert bought[:, 0].tolist() == list(purchases)
    assert bought[:, ON_COOLDOWN].tolist() == rest


own_lists = st.lists(rows, max_size=30, unique=True)
votes = st.lists(st.tuples(rows, st.floats(0, 0.6)), max_size=20, unique_by=lambda vote: vote[0])
purchased = st.lists(st.tuples(rows, st.booleans()), max_size=8, unique_by=lambda each: each[0])


@given(own_lists, votes, purchased, st.booleans())
def test_a_list_is_steered_as_in_plain_python(
    own: list[int], cast: list[tuple[int, float]], bought: list[tuple[int, bool]], adds_items: bool
) -> None:
    """By the worth of places and shares; among equals the list's order stands."""
    voted = np.array([(row, 7, 1) for row, _ in cast], np.int32).reshape(-1, 3)
    items, worth, reasons, because = kernels.rerank.run(
        np.array(own, np.int32),
        np.full(len(own), 2, np.uint8),
        np.arange(len(own), dtype=np.int32),
        np.array(bought, np.int64).reshape(-1, 2),
        3,
        voted,
        np.array([share for _, share in cast], float),
        adds_items,
    )

    entries = [(row, 2, place) for place, row in enumerate(own)]
    entries += [(row, 3, UNKNOWN_ROW) for row, rests in bought if not rests and row not in own]
    worths = [1 / math.log2(place + 2) for place in range(len(entries))]
    listed = [row for row, _, _ in entries]
    for row, share in cast:
        if row in listed:
            worths[listed.index(row)] += share
        elif adds_items:
            entries.append((row, 7, 1))
            worths.append(share)
    order = sorted(range(len(entries)), key=worths.__getitem__, reverse=True)

    found = zip(items.tolist(), reasons.tolist(), because.tolist(), strict=True)
    assert [*found] == [entries[place] for place in order]
    assert np.allclose(worth, [worths[place] for place in order])


@given(neighbours, st.lists(rows, max_size=10, unique=True), st.sets(rows))
def test_neighbours_are_counted_as_in_plain_python(
    near: list[list[int]], voters: list[int], hidden: set[int]
) -> None:
    """Equal sums leave the lower row first, equal votes the earlier voter louder."""
    scores = [1 / (place + 1) for each in near for place in range(len(each))]
    offsets = np.cumsum([0, *map(len, near)])
    items, sums, loudest = kernels.sum_votes.run(
        np.array(voters, np.int64),
        (offsets, np.array([row for each in near for row in each], "i4"), np.array(scores, "f4")),
        (np.isin(range(ITEMS), list(hidden)), *UNFILTERED[1:]),
        True,
    )

    cast = [
        (item, -float(np.float32(scores[offsets[voter] + place])), turn, voter)
        for turn, voter in enumerate(voters)
        for place, item in enumerate(near[voter])
        if item not in hidden
    ]
    expected = [
        (item, sum(-score for _, score, _, _ in group), group[0][3])
        for item, group in (
            (item, [*each]) for item, each in groupby(sorted(cast), lambda vote: vote[0])
        )
    ]
    assert dict(zip(items.tolist(), loudest.tolist(), strict=True)) == {
        item: voter for item, _, voter in expected
    }
    totals = {item: total for item, total, _ in expected}
    assert np.allclose(sums, [totals[item] for item in items.tolist()])
    ranked = [*zip((-sums).tolist(), items.tolist(), strict=True)]
    assert ranked == sorted(ranked)


def test_a_row_that_is_not_there_is_an_error() -> None:
    """And never somebody else's memory: a large model is only sampled when it is loaded."""
    near = (np.array([0, 9]), np.zeros(1, np.int32), np.zeros(1, np.float32))

    with pytest.raises(IndexError):
        kernels.sum_votes.run(np.array([0]), near, UNFILTERED, False)
