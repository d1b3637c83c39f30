"""A client that insists that the OpenAPI document names every status that an answer has."""

from functools import cache
from typing import Any

from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from recsvc.web.app import all_routes
from recsvc.web.openapi import document

UNDOCUMENTED = {500}  # nobody is to count on our own faults


class DocumentedClient(FlaskClient):
    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        reply = super().open(*args, **kwargs)
        answered, declared = reply.status_code, self._declared(reply)
        assert declared is None or answered in declared | UNDOCUMENTED, (
            f"{reply.request.path} answered {answered}, and the document names {sorted(declared)}"
        )
        return reply

    def _declared(self, reply: TestResponse) -> set[int] | None:
        """Return the statuses of the route that answered; None where it was none of ours."""
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
    """Return the statuses that the document names, by the name of the route."""
    operations = [
        operation
        for methods in document(all_routes())["paths"].values()
        for operation in methods.values()
    ]
    return {each["operationId"]: {*map(int, each["responses"])} for each in operations}
