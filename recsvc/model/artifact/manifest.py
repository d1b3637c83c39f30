"""The manifest of a version: its origin, and the hash, type and shape of each file."""

from typing import Annotated, Any

import msgspec
import numpy as np

from recsvc.domain.errors import ModelRejected
from recsvc.domain.values.timestamps import parse_rfc3339
from recsvc.model.artifact.format import MAJOR, is_newer_minor, parse_format
from recsvc.model.artifact.rejection import FORMAT_UNKNOWN

MAX_MANIFEST_BYTES = 1 << 20

Length = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class ArrayEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: Sha256
    dtype: Annotated[str, msgspec.Meta(max_length=16)]
    shape: tuple[Length]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Describes a version.

    Two trainings on the same rows differ only in `version`, `created_at` and `data`.
    """

    format: int | str  # an integer before 1.1
    version: str
    created_at: str
    shop: str
    secret_fingerprint: str
    seed: int
    parameters: dict[str, Any]
    metrics: dict[str, Any]
    arrays: dict[str, ArrayEntry]
    data: dict[str, Any]

    @property
    def consent_watermark_us(self) -> int | None:
        """The time up to which the service's consents were read, in microseconds since 1970.

        None if the training did not read them, or if the value is malformed.
        """
        consents = self.data.get("consents")
        watermark_us = consents.get("watermark_us") if isinstance(consents, dict) else None
        return watermark_us if type(watermark_us) is int else None

    @property
    def data_end_us(self) -> int | None:
        """The time of the last purchase in the training data, in microseconds since 1970.

        None for data without times, or if the value is malformed.
        """
        purchases = self.data.get("purchases")
        last = purchases.get("last") if isinstance(purchases, dict) else None
        return parse_rfc3339(last) if isinstance(last, str) else None

    def is_later_than(self, erasure_recorded_at_us: int) -> bool:
        """Return whether the consents were read after an erasure was recorded.

        Both times are those of rows in the history, so a clock that is set back does not matter.
        False if consents did not come from the service: the order is then unknown.
        """
        watermark_us = self.consent_watermark_us
        return watermark_us is not None and watermark_us > erasure_recorded_at_us


class _FormatOnly(msgspec.Struct):
    format: int | str


def encode(manifest: Manifest) -> bytes:
    """Return the manifest as JSON with sorted members; equal manifests give equal bytes."""
    plain = msgspec.to_builtins(manifest, enc_hook=_plain, order="deterministic")
    encoded = msgspec.json.format(msgspec.json.encode(plain, order="sorted"), indent=1)
    if len(encoded) > MAX_MANIFEST_BYTES:
        raise ModelRejected(
            f"the manifest is {len(encoded)} bytes; {MAX_MANIFEST_BYTES} are allowed"
        )
    return encoded + b"\n"


def decode(encoded: bytes) -> Manifest:
    """Read a manifest; raise ModelRejected for an unknown format or malformed content."""
    if len(encoded) > MAX_MANIFEST_BYTES:
        raise ModelRejected(f"the manifest is larger than {MAX_MANIFEST_BYTES} bytes")
    is_newer = False
    try:
        found = msgspec.json.decode(encoded, type=_FormatOnly).format
        major, minor = parse_format(found)
        if major != MAJOR:
            raise ModelRejected(
                f"format {major}.{minor} is not known here; this release reads format {MAJOR}.x",
                code=FORMAT_UNKNOWN,
            )
        is_newer = is_newer_minor(found)
        return msgspec.json.decode(encoded, type=Manifest)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ModelRejected(
            f"the manifest cannot be read: {error}",
            code=FORMAT_UNKNOWN if is_newer else ModelRejected.code,
        ) from error


def _plain(value: object) -> object:
    """Convert numpy numbers and arrays, which trainers may pass."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise NotImplementedError(f"{type(value).__name__} cannot be written to a manifest")
