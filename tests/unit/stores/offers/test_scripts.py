"""Names that the Lua scripts about offers share with Python."""

import re

from recsvc.domain.offers.offer import Caps, Kind, Offer, PeriodCap
from recsvc.domain.values.ids import OfferId
from recsvc.stores.offers import scripts
from recsvc.stores.offers.offers import COUNTERS, limits_of

SCRIPTS = [text for name, text in vars(scripts).items() if isinstance(text, str) and name.isupper()]
OFFER = Offer(
    OfferId("deal"),
    "A deal",
    Kind.FREE_SHIPPING,
    starts_at_us=1,
    ends_at_us=2,
    caps=Caps(PeriodCap(1, 1), PeriodCap(1, 1), 1, 1),
    reuse_codes=True,
)
WRITTEN_BY_LUA = {"has_codes", "is_out"}


def test_lua_and_python_have_one_order_of_keys() -> None:
    """Each script names the keys of an offer as `OFFER_KEYS` does, in the same order."""
    assert SCRIPTS

    for text in SCRIPTS:
        names = re.search(r"local ([A-Z, ]+) = unpack\(KEYS, 1, (\d+)\)", text)
        assert names is not None
        assert names[1].split(", ") == list(scripts.OFFER_KEYS)
        assert int(names[2]) == len(scripts.OFFER_KEYS)


def test_lua_reads_only_fields_that_are_written() -> None:
    """Each field of an offer's state that a script reads is a limit or a counter."""
    read = {
        name
        for text in SCRIPTS
        for name in re.findall(r"\b(?:field|number|increment)\('(\w+)'", text)
    }

    assert read >= set(limits_of(OFFER))
    assert read - set(limits_of(OFFER)) <= {*COUNTERS, *WRITTEN_BY_LUA}
