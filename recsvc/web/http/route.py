"""What a route declares, and what its view is given.

A `Route` cannot be written without saying who reaches it, and the OpenAPI document is made
from nothing else. A view gets a `Call`: this request, with the services behind it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Request, Response, request

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

    `access` None: open to everybody, on purpose; `key_is_optional`: it says more to those who
    have the access. `query` None: whatever the query says is ignored, as those who probe and
    scrape expect. `status` is that of the answer, `also` are others that follow from nothing else
    that is declared here. `body` is what the document says of a body, or of each of its lines;
    `body_is_optional`: nothing has to be said in it, and none says `{}`. `gives_way`: refused while
    the worker is overloaded; what must be heard even then names itself. `keeps_deadline`: answers
    with less, or tells of it, rather than wait for a slow store; other trips take their time.
    `remark` is for the document alone. `name` is the
    operation's id in the document and the label of its metrics; `tag` groups operations in the
    document. Both are given and never derived, so that a moved view keeps them.
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
    gives_way: bool = True
    keeps_deadline: bool = False
    status: int = 200
    also: tuple[int, ...] = ()
    remark: str = ""
    name: str = field(kw_only=True)
    tag: str = field(kw_only=True)

    @property
    def is_for_browsers(self) -> bool:
        """Whether a publishable key reaches it."""
        return self.access is not None and self.access.browser is not BrowserAccess.NOTHING

    def bound(self, services: Services) -> Callable[..., Response]:
        """Return the view as Flask calls it."""
        view, access, must_be_heard = self.view, self.access, not self.gives_way
        takes_no_query, takes_body = self.query is NOTHING, self.body is not None
        body_kind, is_patient = self.body_kind, not self.keeps_deadline
        body_is_optional = self.body_is_optional

        def call(**path: str) -> Response:
            this = Call(
                services,
                access,
                request,
                must_be_heard=must_be_heard,
                is_patient=is_patient,
                has_body=not (body_is_optional and is_bodiless(request)),
            )
            if takes_no_query and this.query:
                NOTHING.read(this.query)
            if takes_body and this.has_body:
                check_headers(request, body_kind)
            return delivered(view(this, **path), request)

        return services.places.holding_one(call) if self.gives_way else call


class Call:
    """One request on its way through a view."""

    __slots__ = (
        "_access",
        "_is_in",
        "_is_patient",
        "_must_be_heard",
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
        must_be_heard: bool = False,
        is_patient: bool = False,
        has_body: bool = True,
    ) -> None:
        """`has_body`: False where none was sent, and none has to be."""
        self.services = services
        self.request = request
        self._access = access
        self._must_be_heard = must_be_heard
        self._is_patient = is_patient
        self._is_in = False
        self.has_body = has_body

    @property
    def query(self) -> str:
        """The raw query string."""
        return str(self.request.environ.get("QUERY_STRING", ""))

    @property
    def denies_personal_use(self) -> bool:
        """Whether the request asks that nothing of its answer be personal, and that counts."""
        return self._sends_privacy_control and self.services.settings.gpc == "all"

    @property
    def denies_offers(self) -> bool:
        """Whether the request asks that at least no offer be personal, and that counts."""
        return self._sends_privacy_control and self.services.settings.gpc != "off"

    @property
    def _sends_privacy_control(self) -> bool:
        """Whether the browser sends Global Privacy Control.

        A header that is sent twice reaches us as one, joined with commas: one 1 is enough.
        """
        signal: str = self.request.environ.get("HTTP_SEC_GPC", "")
        return "1" in map(str.strip, signal.split(","))

    @property
    def has_key(self) -> bool:
        return "HTTP_AUTHORIZATION" in self.request.environ

    def enter(
        self, customer: CustomerId | None = None, *, for_offers: bool = False
    ) -> RequestContext:
        """Make the request's one trip, and let it in or raise.

        `for_offers`: with what a decision on offers must know of the customer.
        """
        if self._access is None:
            raise TypeError("a route that is open to everybody has nobody to let in")
        visit = self.services.entrance.enter(
            self._credentials(),
            self._access,
            customer,
            must_be_heard=self._must_be_heard,
            for_offers=for_offers,
            is_patient=self._is_patient,
        )
        if visit.met_unreadable_consent:
            metrics.count_unreadable_consent()
        self._is_in = True
        return visit

    def enter_for(self, customer_id: str, *, for_offers: bool = False) -> RequestContext:
        """Let in a request about the customer in its path."""
        customer = CustomerId(self._path_id(customer_id, "customer_id"))
        return self.enter(customer, for_offers=for_offers)

    def let_in_for(self, visit: RequestContext, customers: Iterable[CustomerId]) -> None:
        """Raise unless the visitor may also speak of these customers, whom the body names."""
        if self._access is None:
            raise TypeError("a route that is open to everybody has nobody to let in")
        credentials = self._credentials()
        named = set(customers)
        for customer in named:
            self.services.entrance.authorize(visit.key, credentials, self._access, customer)
        if not visit.key.is_secret:  # there is one at most: the token's
            for customer in named:
                self.services.entrance.count_for(visit, customer)

    def read_body(self, shape: type[T], kind: BodyKind = JSON_BODY) -> T:
        """Return the body as a `shape`. Only a request that was let in may keep us waiting."""
        if not self._is_in:
            raise TypeError("the body is read once the request has been let in")
        return read_body(self.request, shape, kind) if self.has_body else convert({}, shape)

    def read_lines(self, kind: BodyKind = NDJSON_BODY) -> list[bytes]:
        """Return the lines of a body of NDJSON, under the same condition."""
        if not self._is_in:
            raise TypeError("the body is read once the request has been let in")
        return read_lines(self.request, kind)

    def read_body_first(self, shape: type[T]) -> T:
        """Return the body of a request whose customer stands in it, before its one trip.

        Only a key that this worker knows may keep us waiting; for any other the store is asked.
        """
        if not self.services.entrance.recognises(self._credentials()):
            self.enter()
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

    def token_customer(self, visit: RequestContext) -> CustomerId | None:
        """Return whose things alone the visitor may touch; None: anybody's."""
        customer = self.services.entrance.token_customer(visit.key, self._credentials())
        if customer is not None:
            self.services.entrance.count_for(visit, customer)
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
