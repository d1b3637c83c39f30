"""The stored notes of unfinished merges: the remaining customer and the data to move."""

from collections.abc import Mapping

import structlog

from recsvc.domain.customers.privacy import MergeResult
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName

_log = structlog.get_logger()


def encode_note(merged: MergeResult) -> bytes:
    shared, offers = int(merged.has_shared), int(merged.has_shared_offers)
    ended = ",".join(merged.ended)
    return f"{merged.into.hex()} {merged.recorded_at_us} {shared} {offers} {ended}".encode()


def decode_notes(shop: ShopName, notes: Mapping[bytes, bytes]) -> dict[CustomerKey, MergeResult]:
    """Decode the notes; skip an unreadable one, so that it does not block erasures."""
    found: dict[CustomerKey, MergeResult] = {}
    for away, note in notes.items():
        try:
            found[_key(away)] = _merged(note)
        except ValueError:
            _log.warning("merge_unreadable", shop=shop)
    return found


def _merged(note: bytes) -> MergeResult:
    into, at_us, shared, offers, *more = note.split(b" ")  # earlier notes end here
    ended = tuple(more[0].decode().split(",")) if more and more[0] else ()
    return MergeResult(_key(into), int(at_us), shared == b"1", offers == b"1", ended)


def _key(text: bytes) -> CustomerKey:
    return CustomerKey(bytes.fromhex(text.decode()))
