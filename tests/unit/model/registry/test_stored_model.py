"""A stored model, published by the release before format 1.1, is loaded and answers as before."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, ItemSlate
from recsvc.domain.values.ids import ItemId
from recsvc.model.artifact.versions import Versions
from recsvc.model.registry.loader import load, read_manifest
from recsvc.usecases.recommend.recommend import RecommendationService
from tests.model_builders import FINGERPRINT, SHOP, customer
from tests.unit.usecases.recommend.test_recommend import (
    GRANTED,
    NoTrends,
    OneModel,
    WholeCatalogue,
    context,
)

STORED = Path(__file__).parents[1] / "stored_model"


@pytest.fixture(scope="module")
def folder() -> Path:
    versions = Versions(STORED, SHOP)
    current = versions.current()
    assert current is not None
    return versions.folder(current)


def answers_of(service: RecommendationService) -> dict[str, object]:
    """Return every list of the fruit shop, under the names of the stored answers."""
    anonymous = context(None, None)
    answers = {
        f"customer {number} {slate}": service.recommend_for(
            context(customer(number), GRANTED), slate, ListQuery(4)
        )
        for number in (1, 2, 3)
        for slate in CustomerSlate
    }
    for item in ("apple", "banana", "cherry", "damson"):
        for slate in ItemSlate:
            found = service.neighbours_of(anonymous, ItemId(item), slate, ListQuery(4))
            answers[f"item {item} {slate}"] = found
    for kind in AnonymousSlate:
        answers[f"anonymous {kind}"] = service.anonymous_list(anonymous, kind, ListQuery(4))
    return {name: msgspec.to_builtins(answer) for name, answer in answers.items()}


def comparable(answer: Any) -> Any:
    """Return the answer without what is newer than the stored ones."""
    items = [{name: item[name] for name in ("item_id", "reason")} for item in answer["items"]]
    fallback = answer["fallback"]
    newer = {"items": items, "fallback": None if fallback == "unknown_item" else fallback}
    return {name: value for name, value in answer.items() if name != "personalized"} | newer


def test_the_stored_manifest_has_the_integer_format(folder: Path) -> None:
    """The stored manifest was written before minor formats existed."""
    assert read_manifest(folder).format == 1


def test_the_stored_model_answers_the_same_lists(folder: Path) -> None:
    """The loaded model returns the items, reasons and fallbacks of the earlier release.

    Scores of places, the fallback `unknown_item` and the rule for `personalized` (the answer
    differs from the anonymous one) are newer than the stored answers.
    """
    model = load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=True)
    service = RecommendationService(OneModel(model), WholeCatalogue(), NoTrends(), lambda: 0)

    expected = json.loads((STORED / "expected_answers.json").read_bytes())
    found = answers_of(service)
    assert {name: comparable(found[name]) for name in expected} == {
        name: comparable(answer) for name, answer in expected.items()
    }
