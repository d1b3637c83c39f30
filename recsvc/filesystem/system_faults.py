"""Faults of the operating system as text, without `[Errno 2]`."""


def system_fault(error: OSError) -> str:
    """Return the path and the reason."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason
