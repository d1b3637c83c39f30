"""Why a version must not be served, as it is recorded and told."""

import msgspec

SECRET_MISMATCH = "secret_mismatch"  # noqa: S105 - the code of a rejection, not a password
FORMAT_UNKNOWN = "model_format_unknown"
UNREADABLE = "model_unreadable"

_ABOUT_THE_READER = frozenset({SECRET_MISMATCH, FORMAT_UNKNOWN, UNREADABLE})


class Rejection(msgspec.Struct, frozen=True):
    version: str
    code: str
    reason: str

    @property
    def is_final(self) -> bool:
        """Whether the files are at fault, and not the secret or release of who read them.

        A process with another secret must not take a good version from all the others.
        """
        return self.code not in _ABOUT_THE_READER

    def __str__(self) -> str:
        return self.reason
