"""Consent: purposes, states, and the one rule whether a purpose is permitted. Pure.

`permits` is that rule, and the only one: a purpose is permitted by a record that can be read and
says granted, not too long ago, under no older policy than the shop asks for, and by a customer
with no flag that forbids it. Missing, undecodable and anything else denies; granting one purpose
never grants another. A `ConsentRecord` is what is stored and permits nothing by itself; a
`ConsentStatus` is a record at a moment and under a policy.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

DAY_US = 86_400_000_000
DEFAULT_MAX_AGE_DAYS = 395  # thirteen months

_RUNS = re.compile(r"[0-9]+|[^0-9]+")


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


# A minor is not profiled; a restriction leaves nothing but storage (GDPR, article 18).
FORBIDDEN: Mapping[Flag, frozenset[Purpose]] = {
    Flag.MINOR: frozenset(Purpose) - {Purpose.EMAIL},
    Flag.RESTRICTED: frozenset(Purpose),
    Flag.OBJECTS_TO_MARKETING: frozenset({Purpose.EMAIL, Purpose.OFFERS}),
}
_TELLING = frozenset({Flag.MINOR, Flag.RESTRICTED})


class ConsentState(StrEnum):
    UNKNOWN = "unknown"
    GRANTED = "granted"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Expiry(StrEnum):
    """Why a grant counts no more."""

    MAX_AGE = "max_age"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class ConsentPolicy:
    """What a shop asks of a grant: how old it may be, and the least policy version per purpose.

    Under a policy that cannot be read nothing counts: it may have asked for anything.
    """

    max_age_us: int = DEFAULT_MAX_AGE_DAYS * DAY_US
    minimum_versions: Mapping[Purpose, str] = field(default_factory=dict)
    is_readable: bool = True


UNREADABLE_POLICY = ConsentPolicy(is_readable=False)


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


@dataclass(frozen=True, slots=True)
class Tombstone:
    """That a customer was erased, and since when a grant of their own made them known anew.

    All are microseconds since 1970. `recorded_at_us` is the time of the row in the history, which
    never goes back as clocks do. It never goes away: nothing of before permits anything again.
    """

    erased_at_us: int
    recorded_at_us: int
    opened_at_us: int | None = None

    @property
    def is_shut(self) -> bool:
        """Whether nothing may be kept of the customer, whatever is told."""
        return self.opened_at_us is None

    def forgets(self, at_us: int) -> bool:
        """Whether what happened then is of before the erasure."""
        return at_us <= self.erased_at_us

    def takes(self, at_us: int, *, granted: bool) -> bool:
        """Whether a word that was said elsewhere, then, counts: only after a live grant.

        Where the erasure was stamped by a clock that was ahead, a no must not wait for that time.
        """
        if self.opened_at_us is None:
            return False
        return at_us > (max(self.opened_at_us, self.erased_at_us) if granted else self.opened_at_us)

    def opened(self, at_us: int) -> "Tombstone":
        """Return what a live grant makes of it; the first one counts."""
        return self if self.opened_at_us is not None else replace(self, opened_at_us=at_us)


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """What is stored of one customer's consent.

    A purpose whose stored value could not be decoded is absent from `purposes` and named in
    `unreadable`: it denies, and it is counted. So is a flag that could not be decoded, and it is
    set in `flags`.
    """

    purposes: Mapping[Purpose, PurposeConsent]
    unreadable: frozenset[str] = frozenset()
    flags: frozenset[Flag] = frozenset()
    tombstone: Tombstone | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nobody has told us anything about what this customer permits.

        Of one who was erased and is shut out, flags tell nothing: only their own word does.
        """
        if self.purposes or self.unreadable:
            return False
        is_shut = self.tombstone is not None and self.tombstone.is_shut
        return is_shut or not self.flags & _TELLING


NO_CONSENT = ConsentRecord({})


def permits(record: ConsentRecord, purpose: Purpose, now_us: int, policy: ConsentPolicy) -> bool:
    """Say whether the customer permits the purpose at this moment, under this policy."""
    consent = record.purposes.get(purpose)
    if consent is None or consent.granted is not True:
        return False
    if expiry(purpose, consent, now_us, policy) is not None:
        return False
    return not record.flags or not any(purpose in FORBIDDEN[flag] for flag in record.flags)


def expiry(
    purpose: Purpose, consent: PurposeConsent, now_us: int, policy: ConsentPolicy
) -> Expiry | None:
    """Say why a grant counts no more; None while it does. From the boundary on it does not."""
    if now_us >= consent.at_us + policy.max_age_us:
        return Expiry.MAX_AGE
    if not policy.is_readable:
        return Expiry.POLICY
    minimum = policy.minimum_versions.get(purpose)
    if minimum is not None and not reaches(consent.policy_version, minimum):
        return Expiry.POLICY
    return None


def reaches(version: str | None, minimum: str) -> bool:
    """Whether a version is at least the minimum; none at all never is.

    The order is the natural one, in which runs of digits compare as numbers: v9 before v10.
    """
    return version is not None and natural(version) >= natural(minimum)


@lru_cache(1024)
def natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """Return what texts are put in natural order by. A number stands before any other text."""
    return tuple(
        (False, int(run), "") if "0" <= run[0] <= "9" else (True, 0, run)
        for run in _RUNS.findall(text)
    )


@dataclass(frozen=True, slots=True)
class ConsentStatus:
    """Where one customer stands at one moment, under the policy that is then in force."""

    record: ConsentRecord
    now_us: int
    policy: ConsentPolicy

    @property
    def is_empty(self) -> bool:
        return self.record.is_empty

    def permits(self, purpose: Purpose) -> bool:
        return permits(self.record, purpose, self.now_us, self.policy)

    def expiry(self, purpose: Purpose) -> Expiry | None:
        """Say why a grant of the purpose counts no more; None while it does, or is none."""
        consent = self.record.purposes.get(purpose)
        if consent is None or not consent.granted:
            return None
        return expiry(purpose, consent, self.now_us, self.policy)

    def expires_at_us(self, purpose: Purpose) -> int | None:
        """Return when a grant will be, or was, too old; None when there is none."""
        consent = self.record.purposes.get(purpose)
        return consent.at_us + self.policy.max_age_us if consent and consent.granted else None

    def state(self, purpose: Purpose) -> ConsentState:
        consent = self.record.purposes.get(purpose)
        if consent is None:
            return ConsentState.UNKNOWN
        if consent.granted:
            is_over = self.expiry(purpose) is not None
            return ConsentState.EXPIRED if is_over else ConsentState.GRANTED
        first = consent.first_granted_at_us
        was_granted = first is not None and first < consent.at_us
        return ConsentState.WITHDRAWN if was_granted else ConsentState.DENIED
