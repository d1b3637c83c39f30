"""Consent: purposes, states, and the one question whether a purpose is permitted. Pure.

Only a record that can be read and says granted permits. Missing, undecodable and anything
else denies; granting one purpose never grants another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    PERSONALIZATION = "personalization"
    OFFERS = "offers"
    EMAIL = "email"
    ANALYTICS = "analytics"
    TRAINING = "training"


class Flag(StrEnum):
    """What a shop knows of a customer that no yes outweighs."""

    MINOR = "minor"
    RESTRICTED = "restricted"
    OBJECTS_TO_MARKETING = "objects_to_marketing"


FORBIDDEN: Mapping[Flag, frozenset[Purpose]] = {
    Flag.MINOR: frozenset({Purpose.PERSONALIZATION, Purpose.TRAINING}),
    Flag.RESTRICTED: frozenset(Purpose),
    Flag.OBJECTS_TO_MARKETING: frozenset({Purpose.EMAIL}),
}
_TELLING = frozenset({Flag.MINOR, Flag.RESTRICTED})


class ConsentState(StrEnum):
    UNKNOWN = "unknown"
    GRANTED = "granted"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class PurposeConsent:
    """The latest word of one customer on one purpose.

    `at_us` and `first_granted_at_us` are microseconds since 1970 (UTC).
    """

    granted: bool
    at_us: int
    first_granted_at_us: int | None = None
    policy_version: str | None = None
    source: str | None = None

    @property
    def state(self) -> ConsentState:
        if self.granted:
            return ConsentState.GRANTED
        if self.first_granted_at_us is not None and self.first_granted_at_us < self.at_us:
            return ConsentState.WITHDRAWN
        return ConsentState.DENIED


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """What is known of one customer's consent.

    A purpose whose stored value could not be decoded is absent from `purposes` and named in
    `unreadable`: it denies, and it is counted. So is a flag that could not be decoded, and it is
    set in `flags`.
    """

    purposes: Mapping[Purpose, PurposeConsent]
    unreadable: frozenset[str] = frozenset()
    flags: frozenset[Flag] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether nobody has ever told us anything about what this customer permits."""
        return not self.purposes and not self.unreadable and not self.flags & _TELLING

    def permits(self, purpose: Purpose) -> bool:
        consent = self.purposes.get(purpose)
        if consent is None or consent.granted is not True:
            return False
        return not self.flags or not any(purpose in FORBIDDEN[flag] for flag in self.flags)

    def state(self, purpose: Purpose) -> ConsentState:
        consent = self.purposes.get(purpose)
        return ConsentState.UNKNOWN if consent is None else consent.state


NO_CONSENT = ConsentRecord({})
