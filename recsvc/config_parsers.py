"""Parsers of setting values. Each raises ValueError or KeyError for a text that is not valid."""

import re
from collections.abc import Callable
from dataclasses import fields, replace
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from recsvc.domain.customers.recent_events import EventWeights

MAX_PORT = 65535
_SHARE = re.compile(r"0(\.[0-9]{1,6})?|1(\.0{1,6})?", re.ASCII)
_WEIGHTED = {field.name for field in fields(EventWeights)}
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:(?P<port>[1-9][0-9]{0,4}))?"
)
_OWN_PORTS = {"http": "80", "https": "443"}
# redis-py lets a URL's options override the client's: a time-out in the URL would undo ours.
# It silently ignores an invalid database, and fails at the first command for other options.
_DATABASE = re.compile(r"[0-9]{1,9}")
_URL_OPTIONS = {"db": _DATABASE}
_TLS_OPTIONS = {
    "ssl_ca_certs": re.compile(r".+"),
    "ssl_certfile": re.compile(r".+"),
    "ssl_keyfile": re.compile(r".+"),
    "ssl_cert_reqs": re.compile(r"none|optional|required"),
}


def path(text: str) -> Path:
    return Path(text).expanduser()


def flag(text: str) -> bool:
    return {"0": False, "1": True}[text]


def text(text: str) -> str:
    return text


def one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return parse


def whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(text)
        return int(text)

    return parse


def event_weights(text: str) -> EventWeights:
    """Parse `view=0.4,purchase=0.6`; a type that is not named keeps its default."""
    given: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = part.strip().partition("=")
        if name in given or not _SHARE.fullmatch(number):
            raise ValueError(text)
        given[name] = float(number)
    if not set(given) <= _WEIGHTED:
        raise ValueError(text)
    return replace(EventWeights(), **given)


def days(text: str) -> int:
    if not text.endswith("d"):
        raise ValueError(text)
    return whole(1, 36_500)(text.removesuffix("d"))


def origins(text: str) -> tuple[str, ...]:
    """Read origins as browsers send them; no other spelling would match."""
    origins = tuple(part.strip(" ") for part in text.split(","))
    if not all(map(_is_origin, origins)):
        raise ValueError(text)
    return origins


def _is_origin(text: str) -> bool:
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return False
    port = match["port"]
    return port is None or (port != _OWN_PORTS[match["scheme"]] and 0 < int(port) <= MAX_PORT)


def networks(text: str) -> tuple[str, ...]:
    return tuple(str(ip_network(part.strip(" "))) for part in text.split(","))


def redis_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme == "unix":
        named = bool(url.path) and url.hostname is None
    elif url.scheme in ("redis", "rediss"):
        named = bool(url.hostname) and url.port != 0  # raises ValueError when it is no port
    else:
        named = False
    if not named or url.fragment or not _are_url_options(url):
        raise ValueError("not a URL of a Redis")
    return text


def _are_url_options(url: SplitResult) -> bool:
    """Return True when the database and every option are known, valid and given once."""
    options = parse_qsl(url.query, keep_blank_values=True)
    if url.scheme != "unix" and url.path not in ("", "/"):
        options.append(("db", url.path.removeprefix("/")))
    known = _URL_OPTIONS | _TLS_OPTIONS if url.scheme == "rediss" else _URL_OPTIONS
    return len(dict(options)) == len(options) and all(
        name in known and known[name].fullmatch(value) for name, value in options
    )
