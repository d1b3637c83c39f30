"""The compiled reader of purchase histories returns the same as the decoder in plain Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.customers.purchase_history import PurchaseHistory, decode, encode
from recsvc.model.kernels.kernels import (
    ROW,
    SECONDS,
    START,
    STOP,
    TIMES,
    UNKNOWN_ROW,
    read_history,
)
from recsvc.model.registry.id_map import IdMap
from tests.unit.domain.customers.test_purchase_history import histories, ids


@given(histories, st.sets(ids, max_size=20))
def test_histories_are_read_as_in_python(history: PurchaseHistory, items: set[str]) -> None:
    """Item, number and time of purchases, and the dismissals that are in force."""
    shop = IdMap(np.array(sorted(item.encode() for item in items), dtype="S48"))
    text = encode(history)
    bought, dismissed = read_history.run(text, shop.index)
    found = [
        (row[TIMES], row[SECONDS], text[row[START] : row[STOP]].decode()) for row in bought.tolist()
    ]
    hidden = [(row[SECONDS], text[row[START] : row[STOP]].decode()) for row in dismissed.tolist()]

    assert [(each.times, each.last_minute * 60, each.item_id) for each in history.items] == found
    assert [
        (each.at_ms // 1000, each.item_id) for each in history.dismissals if not each.is_cancelled
    ] == hidden
    for entries in (bought, dismissed):
        for row in entries.tolist():
            known = shop.row(text[row[START] : row[STOP]].decode())
            assert (UNKNOWN_ROW if known is None else known) == row[ROW]


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda rest: b"1 0 0 0 0 0 -\n" + rest))
def test_no_text_is_read_beyond_its_end(text: bytes) -> None:
    """Bytes of any form are read or skipped; nothing raises, and ids lie within the text."""
    shop = IdMap(np.array([b"milk"]))
    for entries in read_history.run(text, shop.index):
        assert (entries[:, START] < entries[:, STOP]).all()
        assert (entries[:, STOP] <= len(text)).all()
    decode(text)
