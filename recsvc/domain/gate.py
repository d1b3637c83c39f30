"""The consent gate, as a type.

Only `admit` makes an `Admitted`, and a customer's own lists are given for nothing else. What the
trip brings of a customer's history is `Sealed` until then. So there is no way to a personal list
that has not asked for consent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, final

from recsvc.domain.consent import Purpose, Standing
from recsvc.domain.identity import CustomerKey
from recsvc.domain.slates import Fallback

_GATE = object()


@final
class Admitted:
    """Proof that one customer permits one purpose, for one request."""

    __slots__ = ("customer", "purpose")

    def __init__(self, customer: CustomerKey, purpose: Purpose, *, made_by: object) -> None:
        if made_by is not _GATE:
            raise TypeError("only recsvc.domain.gate.admit makes an Admitted")
        self.customer = customer
        self.purpose = purpose


@final
class Sealed:
    """What was read of one customer's history, for the customer's own admission to open.

    It tells nothing by itself: neither what it holds nor whether it holds anything.
    """

    __slots__ = ("__content", "__customer")

    def __init__(self, customer: CustomerKey, content: Sequence[bytes]) -> None:
        self.__customer = customer
        self.__content = content

    def open(self, admitted: Admitted) -> Sequence[bytes]:
        """Return what was read, the latest first; raise TypeError without the right admission."""
        if (
            not isinstance(admitted, Admitted)
            or admitted.purpose is not Purpose.PERSONALIZATION
            or admitted.customer != self.__customer
        ):
            raise TypeError("a customer's own admission to personalization opens a history")
        return self.__content

    def __repr__(self) -> str:
        return "Sealed(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sealed history is copied nowhere")


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a customer is not treated as a person in this request."""

    fallback: Fallback


def admit(customer: CustomerKey, consent: Standing | None, purpose: Purpose) -> Admitted | Refused:
    """Admit the customer if the consent permits the purpose. None means it could not be read."""
    if consent is None:
        return Refused(Fallback.STORE_UNAVAILABLE)
    if consent.permits(purpose):
        return Admitted(customer, purpose, made_by=_GATE)
    return Refused(Fallback.UNKNOWN_CUSTOMER if consent.is_empty else Fallback.NO_CONSENT)
