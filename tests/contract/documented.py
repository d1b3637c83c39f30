"""A client that requires the OpenAPI document to name the status of every response."""

from functools import cache
from typing import Any

from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from recsvc.web.app import all_routes
from recsvc.web.openapi import document

UNDOCUMENTED = {500}  # clients must not rely on internal errors


class DocumentedClient(FlaskClient):
    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        reply = super().open(*args, **kwargs)
        answered, declared = reply.status_code, self._declared(reply)
        assert declared is None or answered in declared | UNDOCUMENTED, (
            f"{reply.request.path} answered {answered}, and the document names {sorted(declared)}"
        )
        return reply

    def _declared(self, reply: TestResponse) -> set[int] | None:
        """Return the statuses documented for the matched route; None if no route matched."""
        if reply.request.method == "OPTIONS" or reply.request.path.startswith("//"):
            return None
        adapter = self.application.url_map.bind_to_environ(reply.request.environ)
        try:
            endpoint, _ = adapter.match()
        except HTTPException:
            return None
        return statuses()[endpoint]


@cache
def statuses() -> dict[str, set[int]]:
    """Return the documented statuses by route name."""
    operations = [
        operation
        for methods in document(all_routes())["paths"].values()
        for operation in methods.values()
    ]
    return {each["operationId"]: {*map(int, each["responses"])} for each in operations}
