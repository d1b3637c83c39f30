"""Sealed data opens with an admission of its own customer, and with nothing else."""

import copy
import pickle

import pytest

from recsvc.domain.catalogue.slates import Fallback
from recsvc.domain.consent.consent import (
    ConsentPolicy,
    ConsentRecord,
    ConsentStatus,
    Purpose,
    PurposeConsent,
)
from recsvc.domain.consent.gate import ConsentRefused, Sealed, admit
from tests.model_builders import admitted, customer

SEALED = Sealed(customer(1), [b"v1 milk"])


def test_the_customers_own_admission_opens_it() -> None:
    """An admission of the customer returns the content."""
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
def test_other_values_do_not_open_it(key: object) -> None:
    """An admission of another customer or to another purpose raises TypeError, and so does any
    other value.
    """
    with pytest.raises(TypeError):
        SEALED.open(key)


def test_it_reveals_neither_content_nor_size() -> None:
    """Sealed values with and without content have the same repr and truth value."""
    empty = Sealed(customer(1), [])

    assert repr(SEALED) == repr(empty)
    assert bool(SEALED) is bool(empty) is True
    assert not {"__len__", "__iter__", "__getitem__", "__eq__"} & set(vars(Sealed))


@pytest.mark.parametrize("reader", [vars, copy.copy, pickle.dumps])
def test_it_cannot_be_copied(reader: object) -> None:
    """Copying and pickling raise TypeError, so sealed data reaches neither logs nor queues."""
    with pytest.raises(TypeError):
        reader(SEALED)


@pytest.mark.parametrize("purpose", Purpose)
def test_a_denied_purpose_admits_no_customer(purpose: Purpose) -> None:
    """The gate refuses a purpose that the customer denied, and any without a statement."""
    denied = ConsentRecord({purpose: PurposeConsent(granted=False, at_us=1)})
    for record in (denied, ConsentRecord({})):
        status = ConsentStatus(record, 2, ConsentPolicy())

        assert isinstance(admit(customer(1), status, purpose), ConsentRefused)
