"""Recent events as they are written down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.ids import ItemId, id_fault
from recsvc.domain.recent import HALF_LIFE_DAYS, WEIGHTS, RecentKind, decode, encode, weight

DAY = 86_400
item_ids = st.text(min_size=1, max_size=32).filter(lambda text: id_fault(text) is None)
events = st.tuples(st.sampled_from(RecentKind), st.integers(0, 10**11), item_ids.map(ItemId))


@given(st.lists(events, max_size=20))
def test_what_is_written_is_read(written: list[tuple[RecentKind, int, ItemId]]) -> None:
    """In its order, items of any script and with blanks."""
    assert written == decode([encode(*event) for event in written])


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
        b"v1763777777 \xff",
        b"milk",
        b"\x00\xff",
    ],
)
def test_what_cannot_be_read_is_left_out(entry: bytes) -> None:
    """And takes nothing else with it."""
    readable = encode(RecentKind.VIEW, 1, ItemId("milk"))

    assert decode([readable]) == decode([entry, readable, entry])


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_bytes_break_it(entries: list[bytes]) -> None:
    """Whoever wrote them."""
    assert len(decode(entries)) <= len(entries)


@pytest.mark.parametrize("kind", RecentKind)
def test_an_event_says_half_as_much_after_a_half_life(kind: RecentKind) -> None:
    """And one in the future no more than one of now."""
    assert weight(kind, HALF_LIFE_DAYS * DAY) == pytest.approx(WEIGHTS[kind] / 2)
    assert weight(kind, -DAY) == weight(kind, 0) == WEIGHTS[kind]
