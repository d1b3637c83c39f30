"""The exceptions of recsvc. Each maps to one HTTP problem; in a command, each means exit code 2.

RecsvcError
├── BadRequest            400  an invalid parameter, id or body
├── Unauthorized          401  no key, or an invalid one
├── Forbidden             403  a valid key without the scope, or for another customer
├── NotFound              404  no such path or resource
├── MethodNotAllowed      405
├── Conflict              409  the current state of the resource does not allow the request
├── LengthRequired        411  a body of lines without a Content-Length
├── PayloadTooLarge       413
├── UriTooLong            414
├── UnsupportedMedia      415
├── Unprocessable         422  the request contradicts an earlier one
├── Overloaded            429  the worker has reached its limit of concurrent requests
├── RateLimited           429  a key, customer or address exceeds its rate limit
├── StoreUnavailable      503  Redis is unreachable, too slow, or refuses the command
├── NotDurable            503  Redis could lose acknowledged writes
├── MissingPrerequisite        a command needs a key, model or version that does not exist
├── SecretMismatch        500  the data was made under another secret
└── ModelRejected         500  a model version that must not be served

A refusal (no consent, unknown customer) is a value, never an exception.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """A fault of one field: its path, and the fault with the rule."""

    field: str
    detail: str


class RecsvcError(Exception):
    """An error with a machine-readable code and an HTTP status."""

    status = 500
    code = "internal_error"
    title = "Internal error"

    def __init__(
        self, detail: str, *, code: str | None = None, errors: Sequence[FieldError] = ()
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.errors = tuple(errors)


class BadRequest(RecsvcError):
    status = 400
    code = "bad_request"
    title = "Bad request"


class Unauthorized(RecsvcError):
    status = 401
    code = "unauthorized"
    title = "Unauthorized"


class Forbidden(RecsvcError):
    status = 403
    code = "forbidden"
    title = "Forbidden"


class NotFound(RecsvcError):
    status = 404
    code = "not_found"
    title = "Not found"


class MethodNotAllowed(RecsvcError):
    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"


class Conflict(RecsvcError):
    status = 409
    code = "conflict"
    title = "Conflict"


class LengthRequired(RecsvcError):
    status = 411
    code = "length_required"
    title = "Length required"


class PayloadTooLarge(RecsvcError):
    status = 413
    code = "payload_too_large"
    title = "Payload too large"


class UriTooLong(RecsvcError):
    status = 414
    code = "uri_too_long"
    title = "URI too long"


class UnsupportedMedia(RecsvcError):
    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"


class Unprocessable(RecsvcError):
    status = 422
    code = "unprocessable"
    title = "Unprocessable"


class Overloaded(RecsvcError):
    status = 429
    code = "overloaded"
    title = "Too many requests at once"


class RateLimited(RecsvcError):
    """`by`: key, customer or address."""

    status = 429
    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, detail: str, by: str, retry_after_seconds: int) -> None:
        super().__init__(detail)
        self.by = by
        self.retry_after_seconds = retry_after_seconds


class StoreUnavailable(RecsvcError):
    status = 503
    code = "store_unavailable"
    title = "Store unavailable"


class NotDurable(StoreUnavailable):
    code = "not_durable"


class MissingPrerequisite(RecsvcError):
    """Raised by commands only; over HTTP `/readyz` reports it."""

    code = "nothing_there"
    title = "Missing prerequisite"


class SecretMismatch(RecsvcError):
    code = "secret_mismatch"


class ModelRejected(RecsvcError):
    code = "model_rejected"
    title = "Model rejected"
