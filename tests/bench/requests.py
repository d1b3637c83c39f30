"""Kinds of requests to the service, encoded before the load sends them."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

HOST = "127.0.0.1"

_BLANK = re.compile(r"\{(customer|item|turn)\}")


@dataclass(frozen=True, slots=True)
class RequestKind:
    """One kind of request. Each `{customer}` and `{item}` is filled with a random one.

    Random customers defeat caches. `{turn}` is a number that is never repeated.
    """

    path: str
    key: str
    customers: int
    items: int
    body: str | None = None
    variety: int = 4096  # different requests in one stretch of load
    connections: int | None = None  # so many at most: what is sent in batches has few senders

    def encoded(self, seed: int = 0) -> Iterator[bytes]:
        chance, turns = random.Random(seed), count()
        fill = {
            "customer": lambda: f"c{chance.randrange(self.customers)}",
            "item": lambda: f"item-{chance.randrange(self.items):07d}",
            "turn": lambda: f"{seed}-{next(turns)}",
        }
        for _ in range(self.variety):
            path = _BLANK.sub(lambda blank: fill[blank[1]](), self.path)
            body = _BLANK.sub(lambda blank: fill[blank[1]](), self.body or "")
            yield self._encode(path, body)

    def _encode(self, path: str, body: str) -> bytes:
        method = "GET" if self.body is None else "POST"
        head = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Authorization: Bearer {self.key}"]
        if self.body is not None:
            head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*head, "", body]).encode()
