"""The stored text of a purchase history."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.customers.purchase_history import (
    ALL_UNITS,
    UNREADABLE,
    UNREADABLE_TEXT,
    BoughtItem,
    Dismissal,
    OrderLine,
    OrderPart,
    PurchaseHistory,
    Refund,
    decode,
    encode,
)
from recsvc.domain.values.ids import ItemId, id_fault

ids = st.text(min_size=1, max_size=12).filter(lambda text: id_fault(text) is None).map(ItemId)
minutes = st.integers(1, 36**5 - 1)
orders = st.sampled_from(["00c0ffee", "9f86d081"])
numbers = st.integers(1, 10**8).map(lambda cents: cents / 100)
order_lines = st.builds(
    OrderLine, st.none() | ids, st.none() | st.just(0.0) | numbers, st.just(1.0) | numbers
)
histories = st.builds(
    PurchaseHistory,
    st.lists(st.builds(BoughtItem, ids, st.integers(1, 10**6), minutes), max_size=8).map(tuple),
    st.lists(st.builds(Dismissal, ids, st.integers(0, 10**13), st.booleans()), max_size=4).map(
        tuple
    ),
    st.lists(
        st.builds(
            OrderPart,
            minutes,
            st.just("") | orders,
            st.lists(order_lines, min_size=1, max_size=4).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    st.lists(
        st.builds(Refund, minutes, orders, st.none() | ids, st.just(ALL_UNITS) | numbers),
        max_size=2,
    ).map(tuple),
)


@given(histories)
def test_a_text_contains_the_whole_history(history: PurchaseHistory) -> None:
    """Decoding returns what was encoded."""
    assert history == decode(encode(history))


def test_an_item_takes_about_sixteen_bytes() -> None:
    """The text of an item: five digits of time, the number of purchases, and the id."""
    item = BoughtItem(ItemId("1082185"), 12, 29_400_000)

    assert encode(PurchaseHistory((item,))) == b"1 1 16 0 0 0 -\n+hi56oc\t1082185\n"


@pytest.mark.parametrize(
    "text",
    [b"\xff\x00", b"1764546000 - - milk", b"2 0 0 0 0 0 -\n", b"1 1 99 0 0 0 -\n+tb3x51\ta\n"],
)
def test_a_text_of_another_form_is_unreadable(text: bytes) -> None:
    """No text raises, and none but a complete one is read: then any purchase may be missing."""
    assert decode(text) == UNREADABLE
    assert decode(UNREADABLE_TEXT) == UNREADABLE
    assert decode(b"") == PurchaseHistory()


def test_bad_lines_are_skipped() -> None:
    """A line of another form does not affect the others."""
    lines = b"+tb3x51\tmilk\n+tb3x5\tbread\n+tb3x51 beer\n"
    text = b"1 3 %d 0 0 0 -\n%b" % (len(lines), lines)

    assert [item.item_id for item in decode(text).items] == ["milk"]
