"""The table of the settings: one row per `RECSVC_*` environment variable.

`SETTINGS` is the only list: `recsvc check` prints it, and the documentation repeats it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from recsvc import config_parsers as parsers
from recsvc.domain.consent.consent import DEFAULT_MAX_AGE_DAYS


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable. `rule` describes its valid values; a confidential value is never shown."""

    variable: str
    attribute: str
    default: str | None
    meaning: str
    rule: str
    parse: Callable[[str], object]
    confidential: bool = False


_RATE_RULE = "a whole number from 0 to 100000000"
_rate = parsers.whole(0, 100_000_000)

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "RECSVC_DATA_DIR",
        "data_dir",
        ".recsvc",
        "folder of models, the embedded server's data and the secret",
        "a folder",
        parsers.path,
    ),
    Setting(
        "RECSVC_REDIS_URL",
        "redis_url",
        None,
        "Redis ≥ 6.2 or Valkey to use instead of the embedded server",
        "redis://, rediss:// or unix://, a whole number as its database, and no options but "
        "db and, with rediss://, ssl_ca_certs, ssl_certfile, ssl_keyfile and "
        "ssl_cert_reqs=none|optional|required",
        parsers.redis_url,
        confidential=True,
    ),
    Setting(
        "RECSVC_SECRET",
        "secret",
        None,
        "the secret behind customer hashes and tokens, instead of the file `secret`",
        "at least 32 bytes of text",
        parsers.text,
        confidential=True,
    ),
    Setting(
        "RECSVC_DURABILITY",
        "durability",
        "verify",
        "`verify` checks that Redis keeps every acknowledged write; `provider` trusts the "
        "operator, where CONFIG is forbidden",
        "verify or provider",
        parsers.one_of("verify", "provider"),
    ),
    Setting(
        "RECSVC_METRICS_PUBLIC",
        "metrics_public",
        "0",
        "1 opens /metrics and the details of /readyz to callers without a key",
        "0 or 1",
        parsers.flag,
    ),
    Setting(
        "RECSVC_THREADS",
        "threads",
        "64",
        "threads per worker",
        "a whole number from 1 to 1024",
        parsers.whole(1, 1024),
    ),
    Setting(
        "RECSVC_PUBLIC_MAX_AGE",
        "public_max_age",
        "0",
        "seconds for which a browser may reuse an anonymous answer without revalidation",
        "a whole number from 0 to 86400",
        parsers.whole(0, 86_400),
    ),
    Setting(
        "RECSVC_EVENT_WEIGHTS",
        "event_weights",
        "view=0.4,add_to_cart=0.8,purchase=0.6",
        "weight of a recent event of each type in the customer's lists",
        "view, add_to_cart and purchase with numbers from 0 to 1, as in the default; a type "
        "without a number keeps its default",
        parsers.event_weights,
    ),
    Setting(
        "RECSVC_CORS_ORIGINS",
        "cors_origins",
        None,
        "origins whose pages may read answers to a publishable key, separated by commas",
        "origins as browsers send them, separated by commas: http:// or https://, a host in "
        "lower case, and a port only where it is not the scheme's own; no path and no *",
        parsers.origins,
    ),
    Setting(
        "RECSVC_LIMIT_PER_KEY",
        "limit_per_key",
        "60000",
        "requests a minute with one publishable key; 0 is no limit",
        _RATE_RULE,
        _rate,
    ),
    Setting(
        "RECSVC_LIMIT_PER_CUSTOMER",
        "limit_per_customer",
        "600",
        "requests a minute with one customer's tokens; 0 is no limit",
        _RATE_RULE,
        _rate,
    ),
    Setting(
        "RECSVC_LIMIT_PER_ADDRESS",
        "limit_per_address",
        "6000",
        "requests a minute from one client address with publishable or unknown keys; 0 is no limit",
        _RATE_RULE,
        _rate,
    ),
    Setting(
        "RECSVC_TRUSTED_PROXIES",
        "trusted_proxies",
        None,
        "networks of the proxies whose `X-Forwarded-For` names the client, separated by commas",
        "addresses or networks as 10.0.0.0/8 or fd00::/8, separated by commas",
        parsers.networks,
    ),
    Setting(
        "RECSVC_GPC",
        "gpc",
        "all",
        "personal answers that `Sec-GPC: 1` denies: `all`, `offers_only` or none (`off`)",
        "off, offers_only or all",
        parsers.one_of("off", "offers_only", "all"),
    ),
    Setting(
        "RECSVC_CONSENT_SIGNALS",
        "consent_signals",
        None,
        "TOML file of the purposes that banner signals grant, instead of the default tables",
        "a file",
        parsers.path,
    ),
    Setting(
        "RECSVC_LOG_LEVEL",
        "log_level",
        "info",
        "lowest level of the events that are logged",
        "debug, info, warning or error",
        parsers.one_of("debug", "info", "warning", "error"),
    ),
    Setting(
        "RECSVC_READ_TIMEOUT_MS",
        "read_timeout_ms",
        "50",
        "time-out of one read of the store in a recommendation, in milliseconds",
        "a whole number from 1 to 10000",
        parsers.whole(1, 10_000),
    ),
    Setting(
        "RECSVC_DEADLINE_MS",
        "deadline_ms",
        "200",
        "time for each read of the store in a recommendation with its connection, in milliseconds",
        "a whole number from 1 to 10000",
        parsers.whole(1, 10_000),
    ),
    Setting(
        "RECSVC_EVENT_LOG_LENGTH",
        "event_log_length",
        "1000000",
        "approximate number of events in the log; the oldest are removed first",
        "a whole number from 1000 to 100000000",
        parsers.whole(1_000, 100_000_000),
    ),
    Setting(
        "RECSVC_CLAIM_MINUTES",
        "claim_minutes",
        "15",
        "minutes for which a claim holds a redemption that is not confirmed",
        "a whole number from 1 to 10080",
        parsers.whole(1, 10_080),
    ),
    Setting(
        "RECSVC_DECISION_DAYS",
        "decision_days",
        "2",
        "days for which decisions on offers are kept",
        "a whole number from 1 to 365",
        parsers.whole(1, 365),
    ),
    Setting(
        "RECSVC_OFFER_EXPLORATION",
        "offer_exploration",
        "0",
        "1 shows offers with little data more often than their results so far justify",
        "0 or 1",
        parsers.flag,
    ),
    Setting(
        "RECSVC_CONSENT_MAX_AGE",
        "consent_max_age_days",
        f"{DEFAULT_MAX_AGE_DAYS}d",
        "days after which a consent that was not renewed expires; 395 is thirteen months",
        "a whole number of days from 1d to 36500d, as 395d",
        parsers.days,
    ),
    Setting(
        "RECSVC_INSECURE",
        "insecure",
        "0",
        "1 starts on, and writes to, a Redis that may lose acknowledged writes",
        "0 or 1",
        parsers.flag,
    ),
)
