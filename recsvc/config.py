"""The settings: `RECSVC_*` environment variables, read once and validated. Opens nothing.

`config_table.SETTINGS` has the variables. An empty variable counts as not set.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recsvc.config_table import SETTINGS
from recsvc.domain.consent.consent import DEFAULT_MAX_AGE_DAYS
from recsvc.domain.customers.recent_events import DEFAULT_WEIGHTS, EventWeights
from recsvc.domain.errors import BadRequest, FieldError

PREFIX = "RECSVC_"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process. Its repr leaves out values that may hold a password."""

    data_dir: Path = Path(".recsvc")
    redis_url: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    durability: str = "verify"
    metrics_public: bool = False
    threads: int = 64
    public_max_age: int = 0
    event_weights: EventWeights = DEFAULT_WEIGHTS
    cors_origins: tuple[str, ...] = ()
    limit_per_key: int = 60_000
    limit_per_customer: int = 600
    limit_per_address: int = 6_000
    trusted_proxies: tuple[str, ...] = ()
    gpc: str = "all"
    consent_signals: Path | None = None
    log_level: str = "info"
    read_timeout_ms: int = 50
    deadline_ms: int = 200
    event_log_length: int = 1_000_000
    claim_minutes: int = 15
    decision_days: int = 2
    consent_max_age_days: int = DEFAULT_MAX_AGE_DAYS
    offer_exploration: bool = False
    insecure: bool = False

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], data_dir: Path | None = None
    ) -> "Settings":
        """Read every setting; raise `bad_setting` with every invalid one."""
        given = _given(environ)
        faults = list(_unreadable(given))
        if faults:
            detail = "; ".join(f"{fault.field}: {fault.detail}" for fault in faults)
            raise BadRequest(detail, code="bad_setting", errors=faults)
        values: dict[str, Any] = {
            each.attribute: each.parse(given[each.variable])
            for each in SETTINGS
            if each.variable in given
        }
        if data_dir is not None:
            values["data_dir"] = data_dir
        return cls(**values)


def models_root(settings: Settings) -> Path:
    return settings.data_dir / "models"


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return RECSVC variables that are no setting: misspelt, or of a release before or after."""
    return sorted(_given(environ).keys() - {setting.variable for setting in SETTINGS})


def _given(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in environ.items() if name.startswith(PREFIX) and text}


def _unreadable(given: Mapping[str, str]) -> Iterator[FieldError]:
    for setting in SETTINGS:
        text = given.get(setting.variable)
        if text is None:
            continue
        try:
            setting.parse(text)
        except (ValueError, KeyError):
            shown = "its value" if setting.confidential else repr(text)
            yield FieldError(setting.variable, f"{shown} is not {setting.rule}")
