"""Lines of an import of consents."""

from typing import Any

from recsvc.domain.consent.consent import DAY_US
from recsvc.domain.values.timestamps import rfc3339
from tests.consents import now_us
from tests.contract.grocery import ANNA


def line(
    granted: bool, days_ago: float = 1, customer: str = ANNA, **more: object
) -> dict[str, Any]:
    at = rfc3339(now_us() - int(days_ago * DAY_US))
    return {"customer_id": customer, "purposes": {"email": granted}, "at": at, **more}
