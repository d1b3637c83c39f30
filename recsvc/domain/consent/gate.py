"""The consent gate, as a type.

Only `admit` makes an `Admitted`, and a customer's own lists are given for nothing else. What the
trip brings of a customer's history is `Sealed` until then. So there is no way to a personal list
that has not asked for consent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, final

from recsvc.domain.catalogue.slates import Fallback
from recsvc.domain.consent.consent import ConsentStatus, Purpose
from recsvc.domain.values.customer_keys import CustomerKey

_GATE = object()

HISTORY_PURPOSES = frozenset({Purpose.PERSONALIZATION})
OFFER_PURPOSES = frozenset({Purpose.PERSONALIZATION, Purpose.OFFERS})


@final
class Admitted:
    """Proof that one customer permits one purpose, for one request.

    `erasure_recorded_at_us`: when, in the history, the customer was erased, to be known anew as a
    stranger; None: never.
    """

    __slots__ = ("customer", "erasure_recorded_at_us", "purpose")

    def __init__(
        self,
        customer: CustomerKey,
        purpose: Purpose,
        erasure_recorded_at_us: int | None = None,
        *,
        made_by: object,
    ) -> None:
        if made_by is not _GATE:
            raise TypeError("only recsvc.domain.consent.gate.admit makes an Admitted")
        self.customer = customer
        self.purpose = purpose
        self.erasure_recorded_at_us = erasure_recorded_at_us


@final
class Sealed:
    """What was read of one customer, for the customer's own admissions to open.

    It tells nothing by itself: neither what it holds nor whether it holds anything.
    """

    __slots__ = ("__content", "__customer", "__purposes")

    def __init__(
        self,
        customer: CustomerKey,
        content: Sequence[bytes],
        purposes: frozenset[Purpose] = HISTORY_PURPOSES,
    ) -> None:
        """`purposes`: what it takes to open it, each of them."""
        self.__customer = customer
        self.__content = content
        self.__purposes = purposes

    def open(self, *admissions: Admitted) -> Sequence[bytes]:
        """Return what was read; raise TypeError without the right admissions."""
        for admitted in admissions:
            if not isinstance(admitted, Admitted) or admitted.customer != self.__customer:
                raise TypeError("only a customer's own admissions open what is read of them")
        if not self.__purposes.issubset([admitted.purpose for admitted in admissions]):
            needed = " and ".join(sorted(self.__purposes))
            raise TypeError(f"it takes an admission to {needed} to open this")
        return self.__content

    def __repr__(self) -> str:
        return "Sealed(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a sealed history is copied nowhere")


@dataclass(frozen=True, slots=True)
class AdmittedToOffers:
    """Proof that one customer permits that offers are chosen for them: both purposes."""

    personalization: Admitted
    offers: Admitted

    def open(self, sealed: Sealed | None) -> Sequence[bytes]:
        """Return what was read for offers; nothing where it could not be."""
        return () if sealed is None else sealed.open(self.personalization, self.offers)


@dataclass(frozen=True, slots=True)
class ConsentRefused:
    """Why a customer is not treated as a person in this request."""

    fallback: Fallback


def admit(
    customer: CustomerKey, consent: ConsentStatus | None, purpose: Purpose
) -> Admitted | ConsentRefused:
    """Admit the customer if the consent permits the purpose. None means it could not be read."""
    if consent is None:
        return ConsentRefused(Fallback.STORE_UNAVAILABLE)
    if consent.permits(purpose):
        tombstone = consent.record.tombstone
        recorded_at_us = None if tombstone is None else tombstone.recorded_at_us
        return Admitted(customer, purpose, recorded_at_us, made_by=_GATE)
    return ConsentRefused(Fallback.UNKNOWN_CUSTOMER if consent.is_empty else Fallback.NO_CONSENT)


def admit_to_offers(
    customer: CustomerKey, consent: ConsentStatus | None
) -> AdmittedToOffers | ConsentRefused:
    """Admit the customer if the consent permits that offers are chosen personally."""
    personalization = admit(customer, consent, Purpose.PERSONALIZATION)
    if isinstance(personalization, ConsentRefused):
        return personalization
    offers = admit(customer, consent, Purpose.OFFERS)
    return (
        offers if isinstance(offers, ConsentRefused) else AdmittedToOffers(personalization, offers)
    )
