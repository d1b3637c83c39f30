"""How answers are written: JSON by msgspec, and who may keep a copy."""

import msgspec
from flask import Response

JSON = "application/json"
PRIVATE = {"Content-Type": JSON, "Cache-Control": "private, no-store"}


def private_json(body: msgspec.Struct, status: int = 200) -> Response:
    """Return an answer that nobody between us and the caller may keep."""
    return Response(msgspec.json.encode(body), status, headers=PRIVATE)
