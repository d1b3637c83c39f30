"""`serve` and `demo` speak once the service answers."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from recsvc.cli.when_ready import when_ready

REFUSALS = 2


class Starting(BaseHTTPRequestHandler):
    """Answers 503 to the first requests, as a service does while it starts."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200 if len(self.asked) > REFUSALS else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    Starting.asked = []
    with HTTPServer(("127.0.0.1", 0), Starting) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - what `--host` may be
def test_the_action_follows_the_first_good_answer(port: int, host: str) -> None:
    """Refusals do not count; the action runs once, after the first 200."""
    seen: list[int] = []
    done = threading.Event()

    def then() -> None:
        seen.append(len(Starting.asked))
        done.set()

    when_ready(host, port, "/livez", then)

    assert done.wait(30)
    assert (seen, set(Starting.asked)) == ([REFUSALS + 1], {"/livez"})
