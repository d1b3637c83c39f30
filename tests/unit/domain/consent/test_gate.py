"""What the trip brings of a customer is opened by that customer's own admission, and else not."""

import copy
import pickle

import pytest

from recsvc.domain.catalogue.slates import Fallback
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.consent.gate import ConsentRefused, Sealed
from tests.model_builders import admitted, customer

SEALED = Sealed(customer(1), [b"v1 milk"])


def test_the_customers_own_admission_opens_it() -> None:
    """To what was read."""
    assert SEALED.open(admitted(customer(1))) == [b"v1 milk"]


@pytest.mark.parametrize(
    "key",
    [
        None,
        True,
        customer(1),
        ConsentRefused(Fallback.NO_CONSENT),
        admitted(customer(2)),
        admitted(customer(1), Purpose.ANALYTICS),
    ],
)
def test_nothing_else_does(key: object) -> None:
    """Not another's admission, nor one to another purpose."""
    with pytest.raises(TypeError):
        SEALED.open(key)  # type: ignore[arg-type]


def test_it_tells_nothing_by_itself() -> None:
    """Neither what it holds nor whether it holds anything."""
    empty = Sealed(customer(1), [])

    assert repr(SEALED) == repr(empty)
    assert bool(SEALED) is bool(empty) is True
    assert not {"__len__", "__iter__", "__getitem__", "__eq__"} & set(vars(Sealed))


@pytest.mark.parametrize("reader", [vars, copy.copy, pickle.dumps])
def test_it_is_copied_nowhere(reader: object) -> None:
    """Not into a log or a queue."""
    with pytest.raises(TypeError):
        reader(SEALED)  # type: ignore[operator]
