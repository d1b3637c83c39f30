"""The description of each field in the OpenAPI document.

A field has the description of `Schema.field`, else of its name. A test demands one for each.
"""

from recsvc.web.document.catalogue_texts import CATALOGUE_TEXTS
from recsvc.web.document.customer_texts import CUSTOMER_TEXTS
from recsvc.web.document.offer_texts import OFFER_TEXTS
from recsvc.web.document.operation_texts import OPERATION_TEXTS

FIELD_TEXTS = {**OPERATION_TEXTS, **OFFER_TEXTS, **CUSTOMER_TEXTS, **CATALOGUE_TEXTS}


def field_text(schema: str, field: str) -> str | None:
    """Return the description of a field; None without one."""
    return FIELD_TEXTS.get(f"{schema}.{field}", FIELD_TEXTS.get(field))
