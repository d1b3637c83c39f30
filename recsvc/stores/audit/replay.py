"""What a customer's rows in the history make of them, and where their record says otherwise.

Reads and writes nothing. Rows do not tell when a purpose was first granted, so that is not
compared; nor what a merge has brought along of an earlier erasure.
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

NOT_AS_SAID = "is not what the history says last of it"
NOT_SAID = "stands in the record, and no row of the history says so"
NOT_KEPT = "is said in the history, and does not stand in the record"
NOT_READABLE = "cannot be read in the record"

_PURPOSES = {str(purpose): purpose for purpose in Purpose}
_FLAGS = {str(flag): flag for flag in Flag}
_ENDINGS = (erasure.ERASED_WORD, MERGED_AWAY)


@dataclass(slots=True)
class ExpectedRecord:
    """What must stand in a record."""

    purposes: dict[Purpose, PurposeConsent] = field(default_factory=dict)
    flags: set[Flag] = field(default_factory=set)
    tombstone: Tombstone | None = None
    was_merged: bool = False

    def take(self, row: HistoryRow) -> None:
        if row.subject in _PURPOSES:
            self._take_word(_PURPOSES[row.subject], row)
        elif row.subject in _FLAGS:
            self.flags.discard(_FLAGS[row.subject])
            if row.word == FLAG_SET:
                self.flags.add(_FLAGS[row.subject])
        elif row.word in _ENDINGS:
            self.purposes, self.flags = {}, set()
            # Rows of earlier releases have no stamp of an erasure: it was when they were recorded.
            erased_at_us = row.at if row.said_at is None else row.said_at
            self.tombstone, self.was_merged = Tombstone(erased_at_us, row.at), False
        elif row.word == MERGED_IN:
            self.was_merged = True

    def _take_word(self, purpose: Purpose, row: HistoryRow) -> None:
        word = Statement(row.word == GRANTED, row.policy_version, row.source)
        # Only an import is weighed against what was known; any other row says what is so now.
        last = self.purposes.get(purpose) if row.kind is RowKind.IMPORT else None
        self.purposes[purpose] = apply_imported(last, word, row.said_at or 0)
        if self.tombstone is not None and row.kind is RowKind.LIVE and word.granted:
            self.tombstone = self.tombstone.readmitted(row.said_at or 0)


def replay(rows: Iterable[HistoryRow]) -> ExpectedRecord:
    """Go through all rows of one customer, in their order."""
    made = ExpectedRecord()
    for row in rows:
        made.take(row)
    return made


def differences(record: ConsentRecord, said: ExpectedRecord) -> Iterator[tuple[str, str]]:
    """Yield each purpose, flag or `customer` where the record differs, and how."""
    for name in sorted(record.unreadable):
        yield name, NOT_READABLE
    for purpose in Purpose:
        if purpose not in record.unreadable:
            kept, expected = record.purposes.get(purpose), said.purposes.get(purpose)
            yield from _told(purpose, _plain(kept), _plain(expected))
    for flag in Flag:
        yield from _told(flag, flag in record.flags or None, flag in said.flags or None)
    if ERASED not in record.unreadable:
        yield from _told(CUSTOMER_SUBJECT, *_erasures(record, said))


def _told(subject: str, kept: object, expected: object) -> Iterator[tuple[str, str]]:
    if kept is None and expected is not None:
        yield subject, NOT_KEPT
    elif kept is not None and expected is None:
        yield subject, NOT_SAID
    elif kept != expected:
        yield subject, NOT_AS_SAID


def _plain(consent: PurposeConsent | None) -> PurposeConsent | None:
    return None if consent is None else replace(consent, first_granted_at_us=None)


def _erasures(record: ConsentRecord, said: ExpectedRecord) -> tuple[object, object]:
    """Return what the record says of the erasure, and what it must say."""
    stone, expected = record.tombstone, said.tombstone
    if said.was_merged and (
        expected is None or (stone is not None and stone.erased_at_us >= expected.erased_at_us)
    ):
        return None, None  # what stands there may be the other's
    return _plain_erasure(stone), _plain_erasure(expected)


def _plain_erasure(stone: Tombstone | None) -> tuple[int, int, bool] | None:
    return None if stone is None else (stone.erased_at_us, stone.recorded_at_us, stone.is_erased)
