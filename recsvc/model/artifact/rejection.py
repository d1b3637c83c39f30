"""The rejection of a version: the record that it must not be served, with the reason."""

import msgspec

SECRET_MISMATCH = "secret_mismatch"  # noqa: S105 - the code of a rejection, not a password
FORMAT_UNKNOWN = "model_format_unknown"
UNREADABLE = "model_unreadable"

_ABOUT_THE_READER = frozenset({SECRET_MISMATCH, FORMAT_UNKNOWN, UNREADABLE})

# Releases before format 1.1 record this for every later format: they expect an integer.
_FORMAT_UNKNOWN_BEFORE_1_1 = (
    "the manifest cannot be read: Expected `int`, got `str` - at `$.format`"
)


class Rejection(msgspec.Struct, frozen=True):
    version: str
    code: str
    reason: str

    @property
    def is_final(self) -> bool:
        """Whether the files are at fault, rather than the secret or the release of the reader.

        Other processes reload a version whose rejection is not final: a process with another
        secret or an older release must not take it from them.
        """
        return self.code not in _ABOUT_THE_READER and self.reason != _FORMAT_UNKNOWN_BEFORE_1_1

    def __str__(self) -> str:
        return self.reason
