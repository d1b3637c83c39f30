"""Price filters need a currency where the catalogue has prices in several."""

from recsvc.domain.catalogue.list_query import Filters
from recsvc.domain.errors import BadRequest, FieldError
from recsvc.model.ranking.live_items import LiveItems


def require_currency(filters: Filters, live_items: LiveItems, where: str = "") -> None:
    """Refuse a price filter that does not say which of several currencies it means.

    `where` is the path of the object that has the field `currency`.
    """
    if filters.currency is not None or not filters.has_prices:
        return
    currencies = live_items.columns.priced_currencies
    if len(currencies) > 1:
        field = f"{where}currency"
        fault = (
            f"is required with a price filter: the catalogue has prices in {', '.join(currencies)}"
        )
        raise BadRequest(
            f"{field} {fault}", code="currency_required", errors=[FieldError(field, fault)]
        )
