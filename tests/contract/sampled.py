"""Sample requests for any route, built from the route's declaration."""

import json
import re
from typing import Any

from msgspec import inspect

from recsvc.web.http.route import Route

CUSTOMER_FIELD = "customer_id"
ITEM = "item-00"


def path_of(route: Route, customer: str) -> str:
    """Fill in the path: the customer's id, an existing item, and `a` for other variables."""
    known = {CUSTOMER_FIELD: customer, "item_id": ITEM}
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: known.get(match[1]) or "a", route.path)


def body_of(route: Route, customer: str | None) -> bytes | None:
    """Return a small body of the route's kind, with the customer's id in each field for it."""
    if route.body is None:
        return None
    sent = sample(inspect.type_info(route.body), customer)
    return json.dumps(sent).encode()


def names_customer(route: Route) -> bool:
    """Return True if the path or the body of a request names a customer."""
    if CUSTOMER_FIELD in route.path:
        return True
    return route.body is not None and b'"customer_id"' in (body_of(route, "anna") or b"")


def sample(kind: Any, customer: str | None) -> Any:
    """Return a value of the type: the required fields, and `customer_id` where it exists."""
    if isinstance(kind, inspect.Metadata):
        return sample(kind.type, customer)
    if isinstance(kind, inspect.StructType):
        return {
            field.encode_name: customer
            if field.encode_name == CUSTOMER_FIELD
            else sample(field.type, customer)
            for field in kind.fields
            if field.required or (field.encode_name == CUSTOMER_FIELD and customer is not None)
        }
    if isinstance(kind, inspect.UnionType):
        return sample(kind.types[0], customer)
    if isinstance(kind, inspect.LiteralType):
        return kind.values[0]
    if isinstance(kind, inspect.EnumType):
        return next(iter(kind.cls)).value
    if isinstance(kind, inspect.ListType):
        return [sample(kind.item_type, customer)] if (kind.min_length or _is_struct(kind)) else []
    return _PLAIN.get(type(kind), {})


def _is_struct(kind: inspect.ListType) -> bool:
    inner = kind.item_type
    return isinstance(
        inner.type if isinstance(inner, inspect.Metadata) else inner, inspect.StructType
    )


_PLAIN: dict[type, Any] = {
    inspect.StrType: "a",
    inspect.IntType: 1,
    inspect.FloatType: 1.0,
    inspect.BoolType: True,
}
