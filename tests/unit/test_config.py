"""Settings are read from RECSVC_* variables, and an invalid one is refused by name."""

from dataclasses import fields
from pathlib import Path

import pytest

from recsvc.config import Settings, models_root, unknown_variables
from recsvc.config_table import SETTINGS
from recsvc.domain.customers.recent_events import EventWeights
from recsvc.domain.errors import BadRequest
from recsvc.stores.client.connection import connect


def refusal(environ: dict[str, str]) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        Settings.from_environment(environ)
    return caught.value


def test_an_empty_environment_gives_the_defaults() -> None:
    """Every setting has a default, so the service starts without variables."""
    assert Settings() == Settings.from_environment({})


def test_the_table_lists_every_setting() -> None:
    """The table of settings and the class `Settings` have the same attributes."""
    assert {field.name for field in fields(Settings)} == {each.attribute for each in SETTINGS}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.variable)
def test_the_table_states_the_true_default(setting) -> None:
    """A variable that holds the default of the table gives the default settings."""
    environ = {} if setting.default is None else {setting.variable: setting.default}

    assert Settings() == Settings.from_environment(environ)


def test_every_variable_reaches_its_setting() -> None:
    """Each variable sets the attribute of its name."""
    read = Settings.from_environment(
        {
            "RECSVC_DATA_DIR": "/srv/data",
            "RECSVC_REDIS_URL": "rediss://:pass@redis.example:6380/2?ssl_ca_certs=/ca.pem",
            "RECSVC_SECRET": "s" * 40,
            "RECSVC_DURABILITY": "provider",
            "RECSVC_METRICS_PUBLIC": "1",
            "RECSVC_THREADS": "8",
            "RECSVC_PUBLIC_MAX_AGE": "60",
            "RECSVC_EVENT_WEIGHTS": "purchase=0, view=1",
            "RECSVC_CORS_ORIGINS": "https://shop.example, http://localhost:3000",
            "RECSVC_LIMIT_PER_KEY": "1",
            "RECSVC_LIMIT_PER_CUSTOMER": "2",
            "RECSVC_LIMIT_PER_ADDRESS": "0",
            "RECSVC_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "RECSVC_GPC": "offers_only",
            "RECSVC_CONSENT_SIGNALS": "/etc/signals.toml",
            "RECSVC_LOG_LEVEL": "debug",
            "RECSVC_READ_TIMEOUT_MS": "20",
            "RECSVC_DEADLINE_MS": "100",
            "RECSVC_INSECURE": "1",
        }
    )

    expected = Settings(
        data_dir=Path("/srv/data"),
        redis_url="rediss://:pass@redis.example:6380/2?ssl_ca_certs=/ca.pem",
        secret="s" * 40,
        durability="provider",
        metrics_public=True,
        threads=8,
        public_max_age=60,
        event_weights=EventWeights(view=1.0, purchase=0.0),
        cors_origins=("https://shop.example", "http://localhost:3000"),
        limit_per_key=1,
        limit_per_customer=2,
        limit_per_address=0,
        trusted_proxies=("10.0.0.0/8", "::1/128"),
        gpc="offers_only",
        consent_signals=Path("/etc/signals.toml"),
        log_level="debug",
        read_timeout_ms=20,
        deadline_ms=100,
        insecure=True,
    )
    assert expected == read


@pytest.mark.parametrize(
    "origin", ["https://shop.example:8443", "http://10.0.0.1", "http://[::1]:3000", "http://a_b"]
)
def test_an_origin_is_read_as_browsers_send_it(origin: str) -> None:
    """An origin has a scheme, a host and a port, unless the port is the scheme's default."""
    read = Settings.from_environment({"RECSVC_CORS_ORIGINS": origin})

    assert read.cors_origins == (origin,)


def test_an_empty_variable_counts_as_not_set() -> None:
    """An empty variable counts as not set: Compose files write `X=` for unset values."""
    assert Settings.from_environment({"RECSVC_REDIS_URL": "", "RECSVC_THREADS": ""}) == Settings()


def test_the_data_dir_option_takes_precedence() -> None:
    """`--data-dir` takes precedence over the environment."""
    read = Settings.from_environment({"RECSVC_DATA_DIR": "/a"}, data_dir=Path("/b"))

    assert Path("/b/models") == models_root(read)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RECSVC_THREADS", "0"),
        ("RECSVC_THREADS", "1e3"),
        ("RECSVC_THREADS", "٣"),
        ("RECSVC_THREADS", "-1"),
        ("RECSVC_READ_TIMEOUT_MS", "fast"),
        ("RECSVC_METRICS_PUBLIC", "yes"),
        ("RECSVC_DURABILITY", "maybe"),
        ("RECSVC_LOG_LEVEL", "INFO!"),
        ("RECSVC_INSECURE", "true"),
        ("RECSVC_GPC", "on"),
        ("RECSVC_LIMIT_PER_KEY", "-1"),
        ("RECSVC_LIMIT_PER_ADDRESS", "10/s"),
        ("RECSVC_TRUSTED_PROXIES", "proxy.example"),
        ("RECSVC_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("RECSVC_TRUSTED_PROXIES", "10.0.0.0/8,"),
        ("RECSVC_CORS_ORIGINS", "*"),
        ("RECSVC_CORS_ORIGINS", "null"),
        ("RECSVC_CORS_ORIGINS", "shop.example"),
        ("RECSVC_CORS_ORIGINS", "https://*.shop.example"),
        ("RECSVC_CORS_ORIGINS", "https://shop.example/"),
        ("RECSVC_CORS_ORIGINS", "https://Shop.example"),
        ("RECSVC_CORS_ORIGINS", "https://shop.example:443"),
        ("RECSVC_CORS_ORIGINS", "https://shop.example:70000"),
        ("RECSVC_CORS_ORIGINS", "https://user@shop.example"),
        ("RECSVC_CORS_ORIGINS", "ftp://shop.example"),
        ("RECSVC_CORS_ORIGINS", "https://a.example,"),
        ("RECSVC_CORS_ORIGINS", "https://a.example https://b.example"),
        ("RECSVC_CORS_ORIGINS", "https://a.example\n"),
    ],
)
def test_an_invalid_value_is_refused_with_its_rule(variable: str, value: str) -> None:
    """The error names the variable, the value and the rule."""
    rule = next(each.rule for each in SETTINGS if each.variable == variable)

    error = refusal({variable: value})

    assert error.code == "bad_setting"
    assert error.detail == f"{variable}: {value!r} is not {rule}"


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost:6379",
        "redis://",
        "redis://:hunter2@host:port",
        "redis://:hunter2@host?socket_timeout=60",
        "redis://[::1",
        "redis://:hunter2@host:0",
        "redis://:hunter2@host/abc",
        "redis://:hunter2@host/1/2",
        "redis://:hunter2@host/-1",
        "redis://:hunter2@host?db=abc",
        "redis://:hunter2@host?db=-1",
        "redis://:hunter2@host?db=",
        "redis://:hunter2@host?db=1&db=2",
        "redis://:hunter2@host/1?db=2",
        "redis://:hunter2@host/1#2",
        "redis://:hunter2@host?ssl_cert_reqs=none",
        "rediss://:hunter2@host?ssl_cert_reqs=maybe",
        "rediss://:hunter2@host?ssl_ca_certs=",
        "unix://",
        "unix://folder/socket",
        "unix:///socket?db=abc",
        "unix:///socket?ssl_cert_reqs=none",
    ],
)
def test_a_bad_redis_url_is_refused_without_showing_it(url: str) -> None:
    """An invalid URL is refused without repeating it; it may hold a password."""
    error = refusal({"RECSVC_REDIS_URL": url})

    assert error.code == "bad_setting"
    assert "hunter2" not in error.detail
    assert "redis://, rediss:// or unix://" in error.detail


@pytest.mark.parametrize(
    "url",
    [
        "redis://host",
        "redis://host/",
        "redis://host/0",
        "redis://user:hunter2@[::1]:6380/15",
        "redis://host?db=3",
        "rediss://host?ssl_cert_reqs=optional&ssl_certfile=/c.pem&ssl_keyfile=/k.pem",
        "unix:///folder/socket",
        "unix://user:hunter2@/folder/socket?db=3",
    ],
)
def test_a_valid_redis_url_is_accepted(url: str) -> None:
    """A valid URL is accepted, and redis-py can make a client from it."""
    read = Settings.from_environment({"RECSVC_REDIS_URL": url})

    assert url == read.redis_url
    connect(read, url).close()


def test_an_unknown_variable_is_listed() -> None:
    """Unknown RECSVC variables are listed and do not stop the start."""
    environ = {"RECSVC_TREADS": "8", "RECSVC_THREADS": "9", "PATH": "/bin"}

    assert unknown_variables(environ) == ["RECSVC_TREADS"]
    assert Settings.from_environment(environ).threads == 9


def test_one_error_lists_all_invalid_settings() -> None:
    """One error lists every invalid setting."""
    error = refusal({"RECSVC_THREADS": "x", "RECSVC_INSECURE": "2"})

    named = {fault.field for fault in error.errors}
    assert named == {"RECSVC_THREADS", "RECSVC_INSECURE"}


def test_variables_of_other_programs_are_ignored() -> None:
    """Variables without the prefix RECSVC_ are ignored."""
    assert Settings.from_environment({"PATH": "/bin", "RECSVCX": "1"}) == Settings()


def test_confidential_settings_are_not_in_the_repr() -> None:
    """The repr of the settings, which may be logged, holds no secret."""
    shown = repr(Settings(redis_url="redis://:hunter2@host", secret="hunter3"))

    assert "hunter" not in shown
