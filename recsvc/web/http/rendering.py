"""JSON answers, encoded by msgspec, with their cache headers."""

import msgspec
from flask import Response

JSON = "application/json"
PRIVATE = {"Content-Type": JSON, "Cache-Control": "private, no-store"}


def private_json(body: msgspec.Struct, status: int = 200) -> Response:
    """Return an answer that no cache may store."""
    return Response(msgspec.json.encode(body), status, headers=PRIVATE)
