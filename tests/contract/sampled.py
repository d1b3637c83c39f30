"""A request for any route, made from nothing but what the route declares."""

import json
import re
from typing import Any

from msgspec import inspect

from recsvc.web.http.route import Route

ABOUT = "customer_id"
ITEM = "item-00"


def path_of(route: Route, customer: str) -> str:
    """Fill in the path: the customer's id, an item that there is, and `a` for anything else."""
    known = {ABOUT: customer, "item_id": ITEM}
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: known.get(match[1]) or "a", route.path)


def body_of(route: Route, customer: str | None) -> bytes | None:
    """Return a small body of the route's kind that names the customer wherever it can."""
    if route.body is None:
        return None
    sent = sample(inspect.type_info(route.body), customer)
    return json.dumps(sent).encode()


def names_customer(route: Route) -> bool:
    """Whether a request is about a customer, by its path or its body."""
    if ABOUT in route.path:
        return True
    return route.body is not None and b'"customer_id"' in (body_of(route, "somebody") or b"")


def sample(kind: Any, customer: str | None) -> Any:
    """Return a value of the type: what is required, and `customer_id` where there is one."""
    if isinstance(kind, inspect.Metadata):
        return sample(kind.type, customer)
    if isinstance(kind, inspect.StructType):
        return {
            field.encode_name: customer
            if field.encode_name == ABOUT
            else sample(field.type, customer)
            for field in kind.fields
            if field.required or (field.encode_name == ABOUT and customer is not None)
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
