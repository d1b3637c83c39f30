"""Long answers are compressed for clients that accept gzip; the content stays the same."""

import gzip
import json

import pytest
from werkzeug.test import TestResponse

from recsvc.web.http import metrics
from recsvc.web.http.conditional_responses import WORTH_BYTES
from tests.contract.grocery import ANNA, Service

TITLE = "a title of some length, as shops write them, so that twelve items fill a few packets " * 5
LONG, SHORT = "/v1/recommendations?n=12&fields=title", "/v1/recommendations?n=3"
SCRIPT = "/docs/openapi-explorer.min.js"


@pytest.fixture
def titled(service: Service) -> Service:
    for number in range(12):
        service.item(f"item-{number:02d}", title=TITLE)
    return service


def vary(reply: TestResponse) -> set[str]:
    return {part.strip() for line in reply.headers.getlist("Vary") for part in line.split(",")}


def plain(reply: TestResponse) -> bytes:
    is_compressed = reply.headers.get("Content-Encoding") == "gzip"
    return gzip.decompress(reply.data) if is_compressed else reply.data


def content(reply: TestResponse) -> object:
    members = json.loads(plain(reply))
    return {name: value for name, value in members.items() if name != "recommendation_id"}


@pytest.mark.parametrize("path", [LONG, f"/v1/customers/{ANNA}/recommendations?n=12&fields=title"])
def test_a_long_answer_is_compressed(titled: Service, path: str) -> None:
    """A long answer is compressed for clients that accept gzip, and varies by Accept-Encoding."""
    compressed = titled.get(path, **{"Accept-Encoding": "gzip, deflate, br"})
    whole = titled.get(path)

    assert compressed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in whole.headers
    assert len(compressed.data) * 5 < len(whole.data)
    assert [int(reply.headers["Content-Length"]) for reply in (compressed, whole)] == [
        len(compressed.data),
        len(whole.data),
    ]
    assert content(compressed) == content(whole)
    assert vary(compressed) == vary(whole) == {"Accept-Encoding"}


def test_compression_does_not_reveal_a_customer(service: Service) -> None:
    """Anonymous answers and answers without consent are compressed alike, at any length."""
    service.consent(ANNA, {"personalization": False})
    for number in range(12):
        service.item(f"item-{number:02d}", title="x" * 220)
    pairs = []
    for length in range(1, 512, 4):
        service.item("item-00", title="x" * length)
        query, headers = "n=12&fields=title", {"Accept-Encoding": "gzip"}
        own = service.get(f"/v1/customers/{ANNA}/recommendations?{query}", **headers)
        anonymous = service.get(f"/v1/recommendations?{query}", **headers)
        pairs.append(("Content-Encoding" in own.headers, "Content-Encoding" in anonymous.headers))

    assert {own for own, _ in pairs} == {True, False}
    assert all(own == anonymous for own, anonymous in pairs)


@pytest.mark.parametrize(
    ("accepted", "is_taken"),
    [
        ("gzip", True),
        ("GZIP;q=0.5", True),
        ("*", True),
        ("br, gzip;q=0.001", True),
        ("gzip;q=0", False),
        ("*, gzip;q=0", False),
        ("gzip;q=0, *;q=1", False),
        ("*;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("deflate, br, zstd", False),
        ("gzip;q=never", False),
        ("", False),
    ],
)
def test_only_clients_accepting_gzip_get_it(titled: Service, accepted: str, is_taken: bool) -> None:
    """Accept-Encoding decides about gzip: a weight of 0 excludes it, even next to `*`."""
    reply = titled.get(LONG, **{"Accept-Encoding": accepted})

    assert ("Content-Encoding" in reply.headers) is is_taken
    assert len(content(reply)["items"]) == 12


def test_a_short_answer_is_not_compressed(titled: Service) -> None:
    """An answer shorter than the threshold is not compressed and does not vary by encoding."""
    reply = titled.as_browser(SHORT, more={"Accept-Encoding": "gzip"})
    refusal = titled.get("/v1/recommendations?n=0", **{"Accept-Encoding": "gzip"})

    assert len(reply.data) < WORTH_BYTES
    assert "Content-Encoding" not in reply.headers
    assert "Content-Encoding" not in refusal.headers
    assert vary(reply) == {"Authorization", "Origin"}


def test_both_encodings_share_one_etag(titled: Service) -> None:
    """The compressed form has the weak form of the plain ETag; either ETag gives 304."""
    accepts_gzip = {"Accept-Encoding": "gzip"}
    whole = titled.as_browser(LONG)
    compressed = titled.as_browser(LONG, more=accepts_gzip)
    strong, weak = whole.headers["ETag"], compressed.headers["ETag"]
    had = [
        titled.as_browser(LONG, more={**form, "If-None-Match": name})
        for form in ({}, accepts_gzip)
        for name in (strong, weak)
    ]

    assert plain(compressed) == whole.data
    assert weak == f"W/{strong}"
    assert [(reply.status_code, reply.data) for reply in had] == [(304, b"")] * 4
    assert [reply.headers["ETag"] for reply in had] == [strong, strong, weak, weak]
    for reply in had:
        assert vary(reply) == vary(whole) == {"Authorization", "Origin", "Accept-Encoding"}
        assert not {"Content-Encoding", "Content-Length", "Content-Type"} & set(
            reply.headers.keys()
        )
        assert reply.headers["Cache-Control"] == whole.headers["Cache-Control"]


@pytest.mark.parametrize("path", [LONG, "/openapi.json", SCRIPT])
def test_head_has_the_headers_of_a_compressed_get(titled: Service, path: str) -> None:
    """HEAD has the same length, encoding and ETag as GET, and no body."""
    headers = {
        "Authorization": f"Bearer {titled.keys.browser.text}",
        "Accept-Encoding": "gzip",
        "X-Request-Id": "same",
    }
    head = titled.client.head(path, headers=headers)
    got = titled.client.get(path, headers=headers)

    assert head.data == b""
    assert dict(head.headers) == dict(got.headers)
    assert got.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("path", ["/openapi.json", SCRIPT])
def test_static_files_are_compressed_and_have_an_etag(grocery_service: Service, path: str) -> None:
    """The OpenAPI document and the script are compressed, and answered with 304 on request."""
    whole = grocery_service.get(path, None)
    compressed = grocery_service.get(path, None, **{"Accept-Encoding": "gzip"})
    again = grocery_service.get(path, None, **{"If-None-Match": compressed.headers["ETag"]})

    assert plain(compressed) == whole.data
    assert len(compressed.data) * 3 < len(whole.data)
    assert vary(compressed) == vary(whole) == {"Accept-Encoding"}
    assert (again.status_code, again.data) == (304, b"")


def test_metrics_are_not_compressed(grocery_service: Service) -> None:
    """Metrics of any length are sent uncompressed."""
    for number in range(100):
        metrics.count_answer(f"slate-{number}", None)
    reply = grocery_service.get("/metrics", **{"Accept-Encoding": "gzip"})

    assert len(reply.data) > WORTH_BYTES
    assert "Content-Encoding" not in reply.headers
