"""The route that orders the items of a search result or a category page."""

from typing import Annotated

from flask import Response
from msgspec import Meta

from recsvc.domain.values.ids import IdText, ItemId, checked_ids
from recsvc.usecases.recommend.given_items import MAX_GIVEN, GivenItems
from recsvc.web.http.rendering import private_json
from recsvc.web.http.route import Call, Route
from recsvc.web.routes.pages import ACCESS, FilterFields, authorize
from recsvc.web.routes.recommendations import Recommendation, private_list


class RankingBody(FilterFields, forbid_unknown_fields=True, kw_only=True):
    """The items to order, and the customer if known. `n`: at most so many in the answer."""

    items: Annotated[list[IdText], Meta(max_length=MAX_GIVEN)]
    customer_id: IdText | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_GIVEN)] = MAX_GIVEN

    def given_items(self) -> GivenItems:
        excluded = set(self.excluded())
        items = list(map(ItemId, checked_ids(self.items, "items")))
        if excluded:
            items = [item for item in items if item not in excluded]
        return GivenItems(items, self.n, self.filters(), self.catalogue_fields())


def rank_items(call: Call) -> Response:
    body = call.read_body_first(RankingBody)
    given = body.given_items()
    context = authorize(call, body.customer_id)
    answer = call.services.recommender.order_items(context, given, denied=call.denies_personal_use)
    return private_json(private_list(answer, context))


ROUTES = (
    Route(
        "POST",
        "/v1/rankings",
        rank_items,
        "The given items in the order of a customer's interest, or by popularity",
        ACCESS,
        Recommendation,
        body=RankingBody,
        remark="Orders a search result or a category page. Items that are not available or do not "
        "pass the filters are left out. Items that neither the model nor the catalogue knows come "
        "last, with the reason `unknown_item`, unless there is a filter. Equal items keep the "
        "order of the request.",
        uses_write_timeout=False,
        name="rank_items",
        tag="recommendations",
    ),
)
