"""The consent gate: personal data opens only with an `Admitted` value.

Only `admit` makes an `Admitted`. The customer's lists require one, and the personal data of the
request's Redis read is `Sealed` until one opens it. So no code path reaches personal data without a
consent check.
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

    `erasure_recorded_at_us`: the history time of the erasure of a re-admitted customer, else None.
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
    """Data of one customer that only the customer's own admissions open.

    A sealed value reveals neither its content nor whether it is empty.
    """

    __slots__ = ("__content", "__customer", "__purposes")

    def __init__(
        self,
        customer: CustomerKey,
        content: Sequence[bytes],
        purposes: frozenset[Purpose] = HISTORY_PURPOSES,
    ) -> None:
        """`purposes`: all of them are required to open it."""
        self.__customer = customer
        self.__content = content
        self.__purposes = purposes

    def open(self, *admissions: Admitted) -> Sequence[bytes]:
        """Return the content; raise TypeError without an admission to every required purpose."""
        for admitted in admissions:
            if not isinstance(admitted, Admitted) or admitted.customer != self.__customer:
                raise TypeError("sealed data opens only with admissions of the same customer")
        if not self.__purposes.issubset([admitted.purpose for admitted in admissions]):
            needed = " and ".join(sorted(self.__purposes))
            raise TypeError(f"opening this requires an admission to {needed}")
        return self.__content

    def __repr__(self) -> str:
        return "Sealed(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("sealed data cannot be copied or pickled")


@dataclass(frozen=True, slots=True)
class AdmittedToOffers:
    """Proof that one customer permits personal offers: both purposes."""

    personalization: Admitted
    offers: Admitted

    def open(self, sealed: Sealed | None) -> Sequence[bytes]:
        """Return the content; empty if the read failed."""
        return () if sealed is None else sealed.open(self.personalization, self.offers)


@dataclass(frozen=True, slots=True)
class ConsentRefused:
    """The reason why a request is answered without personal data."""

    fallback: Fallback


def admit(
    customer: CustomerKey, consent: ConsentStatus | None, purpose: Purpose
) -> Admitted | ConsentRefused:
    """Admit the customer if the consent permits the purpose. None: consent could not be read."""
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
    """Admit the customer if the consent permits both purposes of personal offers."""
    personalization = admit(customer, consent, Purpose.PERSONALIZATION)
    if isinstance(personalization, ConsentRefused):
        return personalization
    offers = admit(customer, consent, Purpose.OFFERS)
    return (
        offers if isinstance(offers, ConsentRefused) else AdmittedToOffers(personalization, offers)
    )
