"""Wait for the service that this process starts, from a thread of its own."""

import http.client
import threading
import time
from collections.abc import Callable

PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.1
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced, not bound


def when_ready(host: str, port: int, path: str, then: Callable[[], None]) -> None:
    """Call `then` as soon as the service answers `path` with 200; `host` is where it listens."""

    def wait() -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if _answers(_ANY_ADDRESS.get(host, host), port, path):
                then()
                return
            time.sleep(PAUSE_SECONDS)

    threading.Thread(target=wait, name="when-ready", daemon=True).start()


def _answers(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
