"""The consent gate, as a type.

The request's one read of the store brings what is held about a customer as `Sealed`. Only an
`Admitted` opens it, and only `admit` makes one. Code that ranks for a person takes an
`Admitted`, so there is no way to it that has not asked for consent.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar, final

from recsvc.domain.consent import ConsentRecord, Purpose
from recsvc.domain.identity import CustomerKey
from recsvc.domain.slates import Fallback

T = TypeVar("T")

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


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a customer is not treated as a person in this request."""

    fallback: Fallback


@final
class Sealed(Generic[T]):
    """Something held about one customer, unreadable without that customer's admission."""

    __slots__ = ("_content", "_customer")

    def __init__(self, customer: CustomerKey, content: T) -> None:
        self._customer = customer
        self._content = content

    def open(self, admitted: Admitted) -> T:
        if not isinstance(admitted, Admitted) or admitted.customer != self._customer:
            raise TypeError("sealed for another customer")
        return self._content

    def __repr__(self) -> str:
        return "Sealed(…)"


def admit(
    customer: CustomerKey, consent: ConsentRecord | None, purpose: Purpose
) -> Admitted | Refused:
    """Admit the customer if the consent permits the purpose. None means it could not be read."""
    if consent is None:
        return Refused(Fallback.STORE_UNAVAILABLE)
    if consent.permits(purpose):
        return Admitted(customer, purpose, made_by=_GATE)
    return Refused(Fallback.UNKNOWN_CUSTOMER if consent.is_empty else Fallback.NO_CONSENT)
