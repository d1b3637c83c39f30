"""Format numbers: which versions a reader loads, and which it refuses without a final rejection."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, ItemSlate, Slate
from recsvc.model.artifact.format import (
    MAJOR,
    MINOR,
    NEIGHBOURS,
    POPULAR,
    SLATES,
    TOP_LISTS,
    parse_format,
)
from recsvc.model.artifact.rejection import Rejection
from recsvc.model.registry.loader import load, read_manifest
from tests.model_builders import (
    FINGERPRINT,
    SHOP,
    add_array,
    admitted,
    customer,
    drop_arrays,
    edit_manifest,
    replace_array,
)
from tests.unit.model.refusals import refusal

NEWER_MINOR = f"{MAJOR}.{MINOR + 1}"
OPTIONAL_SLATES = {
    slate: [array.name for array in spec.arrays()]
    for slate, spec in {**SLATES, **NEIGHBOURS, **TOP_LISTS}.items()
    if spec is not POPULAR
}
ALL_SLATES: list[Slate] = [*CustomerSlate, *ItemSlate, *AnonymousSlate]


@pytest.mark.parametrize("number", [1, "1.0", f"{MAJOR}.{MINOR}", NEWER_MINOR])
def test_a_format_of_the_same_major_loads(folder: Path, number: int | str) -> None:
    """A reader accepts its own major: the integer of old releases, older minors, newer minors."""
    edit_manifest(folder, format=number)

    assert load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=True).manifest.format == number


@pytest.mark.parametrize("number", [0, 2, "0.9", "2.0", "10.1"])
def test_another_major_is_refused(folder: Path, number: int | str) -> None:
    """A reader refuses every other major, whatever else the manifest contains."""
    edit_manifest(folder, format=number, something_new=1)
    rejected = refusal(folder)

    major, minor = parse_format(number)
    assert rejected.code == "model_format_unknown"
    assert rejected.detail == (
        f"format {major}.{minor} is not known here; this release reads format {MAJOR}.x"
    )


@pytest.mark.parametrize("number", ["", "1", "1.1.1", "1.x", "-1.1", "١.١", " 1.1", 1.1, None])
def test_a_malformed_format_is_refused(folder: Path, number: object) -> None:
    """A format that is neither an integer nor "major.minor" is a damaged manifest."""
    edit_manifest(folder, format=number)
    rejected = refusal(folder)

    assert rejected.detail.startswith("the manifest cannot be read: ")
    assert rejected.code == "model_rejected"


def test_a_published_version_has_the_current_format(folder: Path) -> None:
    """A new version is published as "major.minor"."""
    assert read_manifest(folder).format == "1.2"


@pytest.mark.parametrize("number", [1, "1.0", f"{MAJOR}.{MINOR}"])
@pytest.mark.parametrize("slate", list(CustomerSlate))
def test_a_version_without_a_customer_slate_loads(
    folder: Path, slate: CustomerSlate, number: int | str
) -> None:
    """A model that lacks one slate still has the lists of the others."""
    drop_arrays(folder, *(spec.name for spec in SLATES[slate].arrays()))
    edit_manifest(folder, format=number)
    model = load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=True)
    known = admitted(customer(1))

    assert [each for each in CustomerSlate if not model.has_slate(each)] == [slate]
    assert model.customer_slate(known, slate) is None
    assert all(model.customer_slate(known, each) for each in CustomerSlate if each is not slate)
    assert set(model.bought(known)) == {0}


@pytest.mark.parametrize("number", [1, "1.0", f"{MAJOR}.{MINOR}"])
@pytest.mark.parametrize("slate", list(OPTIONAL_SLATES))
def test_a_version_without_a_slate_loads(folder: Path, slate: Slate, number: int | str) -> None:
    """Every slate but `popular` can be newer than a published version."""
    drop_arrays(folder, *OPTIONAL_SLATES[slate])
    edit_manifest(folder, format=number)
    model = load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=True)

    assert [each for each in ALL_SLATES if not model.has_slate(each)] == [slate]


@pytest.mark.parametrize("slate", list(ItemSlate))
def test_an_item_slate_without_arrays_has_no_neighbours(folder: Path, slate: ItemSlate) -> None:
    """The model returns empty lists and arrays for the slate, and all arrays for the others."""
    drop_arrays(folder, *OPTIONAL_SLATES[slate])
    model = load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=True)

    assert {each: len(model.neighbours(each, 0)) > 0 for each in ItemSlate} == {
        each: each is not slate for each in ItemSlate
    }
    assert [len(array) for array in model.neighbour_arrays(slate)] == [1, 0, 0]
    assert len(list(model.arrays())) == 1 + 5 * len(CustomerSlate) + 9 + 3 * (len(ItemSlate) - 1)


def test_a_version_without_trending_has_no_trending_items(folder: Path) -> None:
    """The popular items of the model are as before."""
    drop_arrays(folder, *OPTIONAL_SLATES[AnonymousSlate.TRENDING])
    model = load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=True)

    assert len(model.trending()) == 0
    assert model.popular().items.tolist() == [3, 2, 1, 0]


def test_a_version_without_popular_is_refused(folder: Path) -> None:
    """Every fallback is filled from the popular items, so their arrays are required."""
    drop_arrays(folder, *(array.name for array in POPULAR.arrays()))

    assert refusal(folder).detail == (
        "missing array in the manifest: popular_items, popular_scores"
    )


@pytest.mark.parametrize("array", [name for names in OPTIONAL_SLATES.values() for name in names])
@pytest.mark.parametrize("number", [1, f"{MAJOR}.{MINOR}"])
def test_a_slate_with_some_of_its_arrays_is_refused(
    folder: Path, array: str, number: int | str
) -> None:
    """A half-missing slate is damage, in every format."""
    drop_arrays(folder, array)
    edit_manifest(folder, format=number)

    assert refusal(folder).detail == f"missing array: {array}"


def test_an_unknown_array_of_a_newer_minor_is_ignored(folder: Path, tmp_path: Path) -> None:
    """A rolled-back service loads a version whose release added arrays."""
    replaced = shutil.copytree(folder, tmp_path / "same" / folder.name)
    for each in (folder, replaced):
        add_array(each, "for_tonight_items", np.zeros(3, np.int32))
    edit_manifest(folder, format=NEWER_MINOR)

    assert load(folder, shop=SHOP, fingerprint=FINGERPRINT, full=True).version == folder.name
    assert refusal(replaced).detail == "unexpected array in the manifest: for_tonight_items"


def test_a_file_that_a_newer_manifest_does_not_name_is_refused(folder: Path) -> None:
    """The manifest of a newer minor lists every file of its version."""
    edit_manifest(folder, format=NEWER_MINOR)
    np.save(folder / "for_tonight_items.npy", np.zeros(3, np.int32))

    assert refusal(folder).detail == "unexpected file: for_tonight_items.npy"


def test_an_unknown_value_of_a_newer_minor_is_no_final_rejection(folder: Path) -> None:
    """This release refuses a reason code that it does not know; a newer release decides itself."""
    replace_array(folder, "for_you_reasons", np.array([2, 99, 1], np.uint8), forge=True)
    assert refusal(folder).code == "model_rejected"

    edit_manifest(folder, format=NEWER_MINOR)
    rejected = refusal(folder)

    assert rejected.detail == "for_you_reasons: an unknown reason"
    assert not Rejection(folder.name, rejected.code, rejected.detail).is_final


def test_an_unknown_manifest_member_of_a_newer_minor_is_no_final_rejection(folder: Path) -> None:
    """A manifest member needs a new major; a release that forgot it is not rejected finally."""
    edit_manifest(folder, format=NEWER_MINOR, parent="none")

    assert refusal(folder).code == "model_format_unknown"
