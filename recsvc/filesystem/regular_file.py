"""Opening files that others have put there: a regular file or a reason, never a link or a pipe."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from recsvc.domain.errors import ModelRejected

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_regular(file: Path) -> BinaryIO:
    """Open a file for reading; raise ModelRejected if it is anything but a regular one."""
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
