"""Reads the tables of consent signals: the TOML file `RECSVC_CONSENT_SIGNALS`, else defaults."""

import tomllib

from recsvc.config import Settings
from recsvc.domain.consent.signal_tables import DEFAULT_TABLES, SignalTables, parse_tables
from recsvc.domain.errors import BadRequest


def open_signals(settings: Settings) -> SignalTables:
    """Return the tables; raise `bad_consent_signals` if the file is invalid."""
    path = settings.consent_signals
    if path is None:
        return DEFAULT_TABLES
    try:
        parsed = tomllib.loads(path.read_text())
    except OSError as fault:
        raise _unreadable(f"{path} cannot be read ({fault.strerror})") from fault
    except ValueError as fault:  # invalid TOML or UTF-8
        raise _unreadable(f"{path} is not valid TOML ({fault})") from fault
    return parse_tables(parsed)


def _unreadable(detail: str) -> BadRequest:
    return BadRequest(f"RECSVC_CONSENT_SIGNALS: {detail}", code="bad_consent_signals")
