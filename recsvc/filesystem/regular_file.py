"""Opening files from untrusted folders: regular files only, no links and no pipes."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from recsvc.domain.errors import ModelRejected

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_regular(file: Path) -> BinaryIO:
    """Open a regular file for reading; raise ModelRejected for any other kind."""
    try:
        descriptor = os.open(file, _FLAGS)
    except OSError as error:
        if file.is_symlink():
            raise ModelRejected(f"{file.name} is a symbolic link") from error
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise ModelRejected(f"{file.name} is not a regular file")
