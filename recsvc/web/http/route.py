"""`Route`: the declaration of a route. `Call`: one request, with the services, given to the view.

A `Route` cannot be written without its access, and the OpenAPI document is made from routes and
structs alone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Request, Response
from flask import request as current_request

from recsvc.domain.values.ids import CustomerId, ItemId, OfferId
from recsvc.usecases.access.request_access import (
    BrowserAccess,
    Credentials,
    RequestContext,
    RouteAccess,
    no_such_key,
)
from recsvc.web.http import metrics
from recsvc.web.http.bodies import (
    JSON_BODY,
    NDJSON_BODY,
    BodyKind,
    check_headers,
    convert,
    is_bodiless,
    read_body,
    read_lines,
)
from recsvc.web.http.conditional_responses import delivered
from recsvc.web.http.parameters import QueryShape
from recsvc.web.http.paths import path_id
from recsvc.web.http.services import Services

T = TypeVar("T")

BEARER = "bearer "
NOTHING: QueryShape[dict[str, Any]] = QueryShape((), dict)


@dataclass(frozen=True, slots=True)
class Route:
    """One method at one path.

    `access` None: open without a key, on purpose. `key_is_optional`: a key with the access gets
    more details. `query` None: query parameters are ignored, as probes and scrapers expect.
    `status`: of the answer. `also`: further statuses that no other field implies. `body`: the
    schema of the body, or of each line. `body_is_optional`: a request without a body means `{}`.
    `bypasses_limits`: processed even while the worker is overloaded, and exempt from per-key and
    per-address rate limits. `uses_write_timeout`: wait 2 s for the store instead of
    `RECSVC_READ_TIMEOUT_MS`.
    `takes_idempotency_key` and `remark`: for the document only. `name`: the operation's id in the
    document and the label of its metrics. `tag`: the group of the operation in the document. Name
    and tag are given, never derived, so that a moved view keeps them.
    """

    method: str
    path: str
    view: Callable[..., Response]
    summary: str
    access: RouteAccess | None
    answer: type | None = None
    query: QueryShape[Any] | None = NOTHING
    body: type | None = None
    body_kind: BodyKind = JSON_BODY
    body_is_optional: bool = False
    media_type: str = "application/json"
    key_is_optional: bool = False
    bypasses_limits: bool = False
    uses_write_timeout: bool = True
    status: int = 200
    also: tuple[int, ...] = ()
    takes_idempotency_key: bool = False
    remark: str = ""
    name: str = field(kw_only=True)
    tag: str = field(kw_only=True)

    @property
    def is_for_browsers(self) -> bool:
        """Return True if a publishable key reaches the route."""
        return self.access is not None and self.access.browser is not BrowserAccess.NOTHING

    def bound(self, services: Services) -> Callable[..., Response]:
        """Return the view function for Flask."""
        view, access, bypasses_limits = self.view, self.access, self.bypasses_limits
        takes_no_query, takes_body = self.query is NOTHING, self.body is not None
        body_kind, uses_write_timeout = self.body_kind, self.uses_write_timeout
        body_is_optional = self.body_is_optional

        def call(**path: str) -> Response:
            # Flask's proxy would look the request up at each access.
            request: Request = current_request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - documented
            this = Call(
                services,
                access,
                request,
                bypasses_limits=bypasses_limits,
                uses_write_timeout=uses_write_timeout,
                has_body=not (body_is_optional and is_bodiless(request)),
            )
            if takes_no_query and this.query:
                NOTHING.read(this.query)
            if takes_body and this.has_body:
                check_headers(request, body_kind)
            return delivered(view(this, **path), request)

        return call if self.bypasses_limits else services.concurrency_limit.limited(call)


class Call:
    """One request, as its view sees it."""

    __slots__ = (
        "_access",
        "_bypasses_limits",
        "_is_authorized",
        "_uses_write_timeout",
        "has_body",
        "request",
        "services",
    )

    def __init__(
        self,
        services: Services,
        access: RouteAccess | None,
        request: Request,
        *,
        bypasses_limits: bool = False,
        uses_write_timeout: bool = False,
        has_body: bool = True,
    ) -> None:
        """`has_body`: False if an optional body was not sent."""
        self.services = services
        self.request = request
        self._access = access
        self._bypasses_limits = bypasses_limits
        self._uses_write_timeout = uses_write_timeout
        self._is_authorized = False
        self.has_body = has_body

    @property
    def query(self) -> str:
        """The raw query string."""
        return str(self.request.environ.get("QUERY_STRING", ""))

    @property
    def denies_personal_use(self) -> bool:
        """Return True if the request's privacy signal denies any personal answer."""
        return self._sends_privacy_control and self.services.settings.gpc == "all"

    @property
    def denies_offers(self) -> bool:
        """Return True if the request's privacy signal denies personal offers at least."""
        return self._sends_privacy_control and self.services.settings.gpc != "off"

    @property
    def _sends_privacy_control(self) -> bool:
        """Return True if the browser sends Global Privacy Control.

        The server joins a repeated header with commas; a single 1 is enough.
        """
        signal: str = self.request.environ.get("HTTP_SEC_GPC", "")
        return "1" in map(str.strip, signal.split(","))

    @property
    def has_key(self) -> bool:
        return "HTTP_AUTHORIZATION" in self.request.environ

    def authorize_request(
        self,
        customer: CustomerId | None = None,
        *,
        for_offers: bool = False,
        for_rotation: bool = False,
    ) -> RequestContext:
        """Make the request's Redis read, and authorize the request or raise.

        `for_offers`: also read the customer's offer data; `for_rotation`: the impressions.
        """
        if self._access is None:
            raise TypeError("a route without access has nothing to authorize")
        context = self.services.request_access.authorize(
            self._credentials(),
            self._access,
            customer,
            bypasses_limits=self._bypasses_limits,
            for_offers=for_offers,
            for_rotation=for_rotation,
            uses_write_timeout=self._uses_write_timeout,
        )
        if context.met_unreadable_consent:
            metrics.count_unreadable_consent()
        self._is_authorized = True
        return context

    def authorize_for_customer(
        self, customer_id: str, *, for_offers: bool = False, for_rotation: bool = False
    ) -> RequestContext:
        """Authorize a request about the customer in its path."""
        customer = CustomerId(self._path_id(customer_id, "customer_id"))
        return self.authorize_request(customer, for_offers=for_offers, for_rotation=for_rotation)

    def authorize_customers(self, context: RequestContext, customers: Iterable[CustomerId]) -> None:
        """Raise unless the key may also act for these customers, which the body names."""
        if self._access is None:
            raise TypeError("a route without access has nothing to authorize")
        credentials, request_access = self._credentials(), self.services.request_access
        named = set(customers)
        for customer in named:
            request_access.check_key_allows(context.key, credentials, self._access, customer)
        if not context.key.is_secret:  # one at most: the token's customer
            for customer in named:
                request_access.count_for(context, customer)

    def read_body(self, shape: type[T], kind: BodyKind = JSON_BODY) -> T:
        """Return the body as a `shape`. Only an authorized request may occupy a thread with it."""
        if not self._is_authorized:
            raise TypeError("authorize the request before its body is read")
        return read_body(self.request, shape, kind) if self.has_body else convert({}, shape)

    def read_lines(self, kind: BodyKind = NDJSON_BODY) -> list[bytes]:
        """Return the lines of an NDJSON body of an authorized request."""
        if not self._is_authorized:
            raise TypeError("authorize the request before its body is read")
        return read_lines(self.request, kind)

    def read_body_first(self, shape: type[T]) -> T:
        """Return the body of a request that names its customer there, before the Redis read.

        The body is read at once only for a key in this worker's cache, since a slow body occupies
        a thread; any other key is authorized first.
        """
        if not self.services.request_access.recognises(self._credentials()):
            self.authorize_request()
        return read_body(self.request, shape)

    def item(self, item_id: str) -> ItemId:
        """Return the item in the path."""
        return ItemId(self._path_id(item_id, "item_id"))

    def offer(self, offer_id: str) -> OfferId:
        """Return the offer in the path."""
        return OfferId(self._path_id(offer_id, "offer_id"))

    def claim(self, claim_id: str) -> str:
        """Return the claim in the path."""
        return self._path_id(claim_id, "claim_id")

    def decision(self, decision_id: str) -> str:
        """Return the decision in the path."""
        return self._path_id(decision_id, "decision_id")

    def token_customer(self, context: RequestContext) -> CustomerId | None:
        """Return the only customer whose data the request may touch; None for a secret key."""
        customer = self.services.request_access.token_customer(context.key, self._credentials())
        if customer is not None:
            self.services.request_access.count_for(context, customer)
        return customer

    def _path_id(self, text: str, field: str) -> str:
        return path_id(text, field, self.request.environ["PATH_INFO"])

    def _credentials(self) -> Credentials:
        environ = self.request.environ
        authorization: str = environ.get("HTTP_AUTHORIZATION", "")
        if authorization[: len(BEARER)].lower() != BEARER:
            raise no_such_key()
        return Credentials(
            authorization[len(BEARER) :].strip(" "),
            environ.get("HTTP_X_CUSTOMER_TOKEN"),
            self.services.addresses.of(environ),
        )
