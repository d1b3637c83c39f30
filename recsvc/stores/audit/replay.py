"""Replays the history rows of a customer, and compares the result with the stored record. Pure.

Two things are not compared, since rows do not hold them: the time of the first grant, and an
earlier erasure that a merge brought along.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from recsvc.domain.consent.consent import ConsentRecord, Flag, Purpose, PurposeConsent, Tombstone
from recsvc.domain.consent.hash_chain import HistoryRow, RowKind
from recsvc.domain.consent.statements import Statement, apply_imported
from recsvc.stores.consents.record_codec import ERASED, GRANTED
from recsvc.stores.customers import erasure
from recsvc.stores.customers.erasure import CUSTOMER_SUBJECT
from recsvc.stores.customers.merge import MERGED_AWAY, MERGED_IN
from recsvc.stores.customers.profiles import FLAG_SET

CHANGED = "differs from the last row of the history"
NO_ROW = "is in the record, but in no row of the history"
NO_FIELD = "is in the history, but not in the record"
UNREADABLE = "is unreadable in the record"

_PURPOSES = {str(purpose): purpose for purpose in Purpose}
_FLAGS = {str(flag): flag for flag in Flag}
_ENDINGS = (erasure.ERASED_WORD, MERGED_AWAY)


@dataclass(slots=True)
class ExpectedRecord:
    """The record that the rows lead to."""

    purposes: dict[Purpose, PurposeConsent] = field(default_factory=dict)
    flags: set[Flag] = field(default_factory=set)
    tombstone: Tombstone | None = None
    was_merged: bool = False

    def apply(self, row: HistoryRow) -> None:
        if row.subject in _PURPOSES:
            self._apply_statement(_PURPOSES[row.subject], row)
        elif row.subject in _FLAGS:
            self.flags.discard(_FLAGS[row.subject])
            if row.word == FLAG_SET:
                self.flags.add(_FLAGS[row.subject])
        elif row.word in _ENDINGS:
            self.purposes, self.flags = {}, set()
            # Rows of earlier releases have no erasure time; the row was recorded at that time.
            erased_at_us = row.at if row.said_at is None else row.said_at
            self.tombstone, self.was_merged = Tombstone(erased_at_us, row.at), False
        elif row.word == MERGED_IN:
            self.was_merged = True

    def _apply_statement(self, purpose: Purpose, row: HistoryRow) -> None:
        statement = Statement(row.word == GRANTED, row.policy_version, row.source)
        # Only an import is compared with the earlier consent; other rows replace it.
        last = self.purposes.get(purpose) if row.kind is RowKind.IMPORT else None
        self.purposes[purpose] = apply_imported(last, statement, row.said_at or 0)
        if self.tombstone is not None and row.kind is RowKind.LIVE and statement.granted:
            self.tombstone = self.tombstone.readmitted(row.said_at or 0)


def replay(rows: Iterable[HistoryRow]) -> ExpectedRecord:
    """Apply all rows of one customer in order."""
    expected = ExpectedRecord()
    for row in rows:
        expected.apply(row)
    return expected


def differences(record: ConsentRecord, expected: ExpectedRecord) -> Iterator[tuple[str, str]]:
    """Yield each differing subject (purpose, flag or `customer`) and how it differs."""
    for name in sorted(record.unreadable):
        yield name, UNREADABLE
    for purpose in Purpose:
        if purpose not in record.unreadable:
            stored, replayed = record.purposes.get(purpose), expected.purposes.get(purpose)
            yield from _compared(purpose, _plain(stored), _plain(replayed))
    for flag in Flag:
        yield from _compared(flag, flag in record.flags or None, flag in expected.flags or None)
    if ERASED not in record.unreadable:
        yield from _compared(CUSTOMER_SUBJECT, *_erasures(record, expected))


def _compared(subject: str, stored: object, expected: object) -> Iterator[tuple[str, str]]:
    if stored is None and expected is not None:
        yield subject, NO_FIELD
    elif stored is not None and expected is None:
        yield subject, NO_ROW
    elif stored != expected:
        yield subject, CHANGED


def _plain(consent: PurposeConsent | None) -> PurposeConsent | None:
    return None if consent is None else replace(consent, first_granted_at_us=None)


def _erasures(record: ConsentRecord, expected: ExpectedRecord) -> tuple[object, object]:
    """Return the stored and the expected erasure in comparable form."""
    stored, replayed = record.tombstone, expected.tombstone
    if expected.was_merged and (
        replayed is None or (stored is not None and stored.erased_at_us >= replayed.erased_at_us)
    ):
        return None, None  # the stored erasure may be that of the merged customer
    return _plain_erasure(stored), _plain_erasure(replayed)


def _plain_erasure(tombstone: Tombstone | None) -> tuple[int, int, bool] | None:
    if tombstone is None:
        return None
    return tombstone.erased_at_us, tombstone.recorded_at_us, tombstone.is_erased
