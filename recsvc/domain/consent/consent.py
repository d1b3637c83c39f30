"""Consent: purposes, flags, states, and the one rule that permits a purpose. Pure.

`permits` is the only rule. It requires a readable grant that is younger than the maximum age, was
given under at least the minimum policy version, and is allowed by every flag of the customer.
Everything else denies: missing, undecodable, expired. A grant of one purpose never grants another.
A `ConsentRecord` holds the stored statements; a `ConsentStatus` evaluates them at one time under
one policy.
"""

import re
from collections.abc import Iterable, Mapping
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
    """A restriction that the shop sets on a customer. No grant overrides it."""

    MINOR = "minor"
    RESTRICTED = "restricted"
    OBJECTS_TO_MARKETING = "objects_to_marketing"


# A flag names the purposes that it allows, so it denies every purpose that is added later.
# Minors are not profiled; a restriction leaves storage alone (GDPR, articles 18 and 21).
ALLOWED: Mapping[Flag, frozenset[Purpose]] = {
    Flag.MINOR: frozenset({Purpose.EMAIL}),
    Flag.RESTRICTED: frozenset(),
    Flag.OBJECTS_TO_MARKETING: frozenset(
        {Purpose.PERSONALIZATION, Purpose.ANALYTICS, Purpose.TRAINING}
    ),
}
_NOTHING: frozenset[Purpose] = frozenset()


class ConsentState(StrEnum):
    UNKNOWN = "unknown"
    GRANTED = "granted"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Expiry(StrEnum):
    """Why a grant has expired."""

    MAX_AGE = "max_age"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class ConsentPolicy:
    """The maximum age of a grant, and the minimum policy version of each purpose.

    An unreadable policy permits nothing: any minimum may be in it.
    """

    max_age_us: int = DEFAULT_MAX_AGE_DAYS * DAY_US
    minimum_versions: Mapping[Purpose, str] = field(default_factory=dict)
    is_readable: bool = True


UNREADABLE_POLICY = ConsentPolicy(is_readable=False)


@dataclass(frozen=True, slots=True)
class PurposeConsent:
    """The latest statement of one customer on one purpose. Times are microseconds since 1970."""

    granted: bool
    at_us: int
    first_granted_at_us: int | None = None
    policy_version: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Marks an erased customer; never removed. Times are microseconds since 1970.

    `readmitted_at_us`: when a live grant re-admitted the customer, as an unknown customer.
    `recorded_at_us`: the time of the row in the history, which never decreases as clocks may.
    """

    erased_at_us: int
    recorded_at_us: int
    readmitted_at_us: int | None = None

    @property
    def is_erased(self) -> bool:
        """Return True until a live grant re-admits the customer: nothing may be stored."""
        return self.readmitted_at_us is None

    def covers(self, at_us: int) -> bool:
        """Return True for times up to the erasure: data of such a time is erased."""
        return at_us <= self.erased_at_us

    def accepts(self, at_us: int, *, granted: bool) -> bool:
        """Return True if an imported statement of that time counts: only after the re-admission.

        An erasure stamped by a clock that was ahead delays later grants, but never denials.
        """
        if self.readmitted_at_us is None:
            return False
        return at_us > (
            max(self.readmitted_at_us, self.erased_at_us) if granted else self.readmitted_at_us
        )

    def readmitted(self, at_us: int) -> "Tombstone":
        """Return the tombstone after a live grant; the first grant sets the time."""
        if self.readmitted_at_us is not None:
            return self
        return replace(self, readmitted_at_us=at_us)


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """The stored consent of one customer.

    `unreadable` names the fields that could not be decoded. An unreadable purpose is absent from
    `purposes`, so it is denied; an unreadable flag is set in `flags`.
    """

    purposes: Mapping[Purpose, PurposeConsent]
    unreadable: frozenset[str] = frozenset()
    flags: frozenset[Flag] = frozenset()
    tombstone: Tombstone | None = None

    @property
    def is_empty(self) -> bool:
        """Return True if the record denies nothing explicitly: the customer counts as unknown.

        Flags of an erased customer do not count; otherwise one that denies personalization does.
        """
        if self.purposes or self.unreadable:
            return False
        if self.tombstone is not None and self.tombstone.is_erased:
            return True
        return _flags_allow(self.flags, Purpose.PERSONALIZATION)


NO_CONSENT = ConsentRecord({})


def permits(record: ConsentRecord, purpose: Purpose, now_us: int, policy: ConsentPolicy) -> bool:
    """Return True if the customer permits the purpose at this time under this policy."""
    consent = record.purposes.get(purpose)
    if consent is None or consent.granted is not True:
        return False
    if expiry(purpose, consent, now_us, policy) is not None:
        return False
    return not record.flags or _flags_allow(record.flags, purpose)


def _flags_allow(flags: Iterable[Flag], purpose: Purpose) -> bool:
    return all(purpose in ALLOWED.get(flag, _NOTHING) for flag in flags)


def expiry(
    purpose: Purpose, consent: PurposeConsent, now_us: int, policy: ConsentPolicy
) -> Expiry | None:
    """Return why a grant has expired; None while it counts. It expires on the boundary itself."""
    if now_us >= consent.at_us + policy.max_age_us:
        return Expiry.MAX_AGE
    if not policy.is_readable:
        return Expiry.POLICY
    minimum = policy.minimum_versions.get(purpose)
    if minimum is not None and not meets_minimum(consent.policy_version, minimum):
        return Expiry.POLICY
    return None


def meets_minimum(version: str | None, minimum: str) -> bool:
    """Return True if a version is at least the minimum, in natural order; None never is."""
    return version is not None and natural_sort_key(version) >= natural_sort_key(minimum)


@lru_cache(1024)
def natural_sort_key(text: str) -> tuple[tuple[bool, int, str], ...]:
    """Return a sort key that compares runs of digits as numbers: v9 < v10; digits before text."""
    return tuple(
        (False, int(run), "") if "0" <= run[0] <= "9" else (True, 0, run)
        for run in _RUNS.findall(text)
    )


@dataclass(frozen=True, slots=True)
class ConsentStatus:
    """The consent of one customer at one time, under the policy that applies then."""

    record: ConsentRecord
    now_us: int
    policy: ConsentPolicy

    @property
    def is_empty(self) -> bool:
        return self.record.is_empty

    def permits(self, purpose: Purpose) -> bool:
        return permits(self.record, purpose, self.now_us, self.policy)

    def expiry(self, purpose: Purpose) -> Expiry | None:
        """Return why a grant of the purpose has expired; None if it has not or there is none."""
        consent = self.record.purposes.get(purpose)
        if consent is None or not consent.granted:
            return None
        return expiry(purpose, consent, self.now_us, self.policy)

    def expires_at_us(self, purpose: Purpose) -> int | None:
        """Return when a grant reaches the maximum age; None without a grant."""
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
