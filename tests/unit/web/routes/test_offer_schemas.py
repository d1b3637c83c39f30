"""The document shows the fields of an offer that are read, and no others."""

from collections.abc import Collection

import msgspec
import pytest

from recsvc.domain.offers.eligibility_validation import CAPS, ELIGIBILITY
from recsvc.domain.offers.offer_validation import FIELDS
from recsvc.web.routes.offer_schemas import CapsBody, EligibilityBody, OfferBody


@pytest.mark.parametrize(
    ("shape", "rules"),
    [(OfferBody, {*FIELDS, "offer_id"}), (CapsBody, CAPS), (EligibilityBody, ELIGIBILITY)],
)
def test_shapes_have_the_fields_that_are_read(
    shape: type[msgspec.Struct], rules: Collection[str]
) -> None:
    """Whoever adds a field adds it to both. A body may repeat the id in its path."""
    assert {field.name for field in msgspec.structs.fields(shape)} == set(rules)
