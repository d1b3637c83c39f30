"""A model that was published before a slate existed is served."""

import pytest

from recsvc.config import models_root
from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, ItemSlate, Slate
from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.format import NEIGHBOURS, SLATES, TOP_LISTS
from recsvc.model.artifact.versions import Versions
from recsvc.wiring.stores import Stores
from tests.contract.grocery import ANNA, Service, publish_grocery, without
from tests.model_builders import drop_arrays, edit_manifest

URL = "/v1/customers/anna/recommendations?n=4&slate="


def service_without(stores: Stores, shop: ShopName, slate: Slate) -> Service:
    """Serve a model of format 1.0 that has no lists of a slate."""
    version = publish_grocery(stores, shop)
    folder = Versions(models_root(stores.settings), shop).folder(version)
    spec = {**SLATES, **NEIGHBOURS, **TOP_LISTS}[slate]
    drop_arrays(folder, *(array.name for array in spec.arrays()))
    edit_manifest(folder, format="1.0")
    return Service(stores, shop)


def test_a_slate_that_the_model_lacks_answers_popular_items(stores: Stores, shop: ShopName) -> None:
    """The answer equals the anonymous one; a secret key also gets the fallback `no_model`."""
    service = service_without(stores, shop, CustomerSlate.DISCOVER)
    service.consent(ANNA)

    answer = service.get(f"{URL}discover").data
    anonymous = service.get("/v1/recommendations?n=4").data

    assert without(answer, "recommendation_id") == {
        **without(anonymous, "recommendation_id"),
        "fallback": "no_model",
    }


def test_the_other_slates_of_the_model_stay_personal(stores: Stores, shop: ShopName) -> None:
    service = service_without(stores, shop, CustomerSlate.DISCOVER)
    service.consent(ANNA)

    for slate in (CustomerSlate.FOR_YOU, CustomerSlate.BUY_AGAIN):
        answer = service.get(f"{URL}{slate}").json

        assert answer is not None
        assert (answer["slate"], answer["personalized"]) == (slate, True)


def test_a_browser_key_does_not_learn_which_slate_is_missing(
    stores: Stores, shop: ShopName
) -> None:
    """A publishable key receives no fallback."""
    service = service_without(stores, shop, CustomerSlate.DISCOVER)
    service.consent(ANNA)

    answer = service.as_browser(f"{URL}discover", ANNA).json

    assert answer is not None
    assert (answer["slate"], answer["fallback"]) == ("popular", None)


def test_an_export_lists_the_slates_that_the_model_has(stores: Stores, shop: ShopName) -> None:
    """The copy of a customer's model data has no entry for a slate without arrays."""
    service = service_without(stores, shop, CustomerSlate.DISCOVER)
    service.consent(ANNA)

    export = service.get("/v1/customers/anna/export").json

    assert export is not None
    [held] = export["models"]
    assert sorted(held["lists"]) == ["buy_again", "for_you"]


@pytest.mark.parametrize(
    ("slate", "url"),
    [
        (ItemSlate.SIMILAR, "/v1/items/none/recommendations?n=4&slate=similar"),
        (AnonymousSlate.TRENDING, "/v1/recommendations?n=4&slate=trending"),
    ],
)
def test_a_public_slate_that_the_model_lacks_answers_popular_items(
    stores: Stores, shop: ShopName, slate: Slate, url: str
) -> None:
    """The answer equals the popular list; only a secret key gets the fallback `no_model`."""
    service = service_without(stores, shop, slate)

    answer = service.get(url).data
    anonymous = service.get("/v1/recommendations?n=4").data
    public = service.as_browser(url).json

    assert without(answer, "recommendation_id") == {
        **without(anonymous, "recommendation_id"),
        "fallback": "no_model",
    }
    assert public is not None
    assert (public["slate"], public["fallback"]) == ("popular", None)
