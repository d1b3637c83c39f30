"""The manifest of a version: where it comes from and what its files must be."""

from typing import Annotated, Any

import msgspec
import numpy as np

from recsvc.domain.errors import ModelRejected
from recsvc.model.artifact.format import FORMAT
from recsvc.model.artifact.rejection import FORMAT_UNKNOWN

MAX_MANIFEST_BYTES = 1 << 20

Length = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class ArrayEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sha256: Sha256
    dtype: Annotated[str, msgspec.Meta(max_length=16)]
    shape: tuple[Length]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a version says of itself.

    Two trainings on the same rows differ only in `version`, `created_at` and `data`.
    """

    format: int
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
        """Up to when the service's consents are counted in; None when they were not asked.

        In microseconds since 1970. What cannot be read is no watermark.
        """
        consents = self.data.get("consents")
        watermark_us = consents.get("watermark_us") if isinstance(consents, dict) else None
        return watermark_us if type(watermark_us) is int else None

    def is_later_than(self, erasure_recorded_at_us: int) -> bool:
        """Whether it was learned from consents that were read after an erasure.

        Both times are those of rows in the history, which no clock that goes back misleads. Where
        consents came from elsewhere than the service, nobody knows, and it was not.
        """
        watermark_us = self.consent_watermark_us
        return watermark_us is not None and watermark_us > erasure_recorded_at_us


class _FormatOnly(msgspec.Struct):
    format: int


def encode(manifest: Manifest) -> bytes:
    """Return the manifest as JSON with sorted names; equal manifests give equal bytes."""
    plain = msgspec.to_builtins(manifest, enc_hook=_plain, order="deterministic")
    encoded = msgspec.json.format(msgspec.json.encode(plain, order="sorted"), indent=1)
    if len(encoded) > MAX_MANIFEST_BYTES:
        raise ModelRejected(
            f"the manifest is {len(encoded)} bytes; {MAX_MANIFEST_BYTES} are allowed"
        )
    return encoded + b"\n"


def decode(encoded: bytes) -> Manifest:
    """Read a manifest; raise ModelRejected for an unknown format or anything unexpected."""
    if len(encoded) > MAX_MANIFEST_BYTES:
        raise ModelRejected(f"the manifest is larger than {MAX_MANIFEST_BYTES} bytes")
    try:
        found = msgspec.json.decode(encoded, type=_FormatOnly).format
        if found != FORMAT:
            raise ModelRejected(
                f"format {found} is not known here; this release reads format {FORMAT}",
                code=FORMAT_UNKNOWN,
            )
        return msgspec.json.decode(encoded, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelRejected(f"the manifest cannot be read: {error}") from error


def _plain(value: object) -> object:
    """Let trainers hand over numpy's numbers."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise NotImplementedError(f"{type(value).__name__} has no place in a manifest")
