"""The data of one customer in a version, read without ranking or consent."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from recsvc.domain.catalogue.slates import CustomerSlate, ReasonCode
from recsvc.domain.errors import ModelRejected
from recsvc.model.artifact.format import ALL_ARRAYS, SLATES, Array
from recsvc.model.registry.customer_rows import (
    StoredEntry,
    StoredPurchases,
    StoredVersion,
    open_stored,
)
from recsvc.model.registry.loader import open_version
from tests.model_builders import FINGERPRINT, SHOP, customer, large_shop, published

OF_CUSTOMERS = {"customers", *(spec.entries for spec in SLATES.values()), "bought_entries"}


def held(folder: Path) -> StoredVersion:
    return open_stored(folder, shop=SHOP, fingerprint=FINGERPRINT)


class RecordingArrays(Mapping[str, Array]):
    """Arrays that record which of them were read."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.arrays = arrays
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Array:
        self.read.add(name)
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


def test_lists_and_purchases_are_read_unchanged(tmp_path: Path) -> None:
    """Entries name the item of their reason; unknown values are None."""
    version = held(published(tmp_path))
    rows = [version.row(customer(number)) for number in (1, 2)]

    assert rows == [0, 1]
    assert version.lists(0) == {
        CustomerSlate.FOR_YOU: [
            StoredEntry("banana", 0.9, ReasonCode.BECAUSE_YOU_BOUGHT, "apple"),
            StoredEntry("apple", 0.5, ReasonCode.BUY_AGAIN_DUE, None),
        ],
        CustomerSlate.DISCOVER: [
            StoredEntry("banana", 0.9, ReasonCode.BECAUSE_YOU_BOUGHT, "apple")
        ],
        CustomerSlate.BUY_AGAIN: [StoredEntry("apple", 0.5, ReasonCode.BUY_AGAIN_DUE, None)],
    }
    assert version.purchases(1) == StoredPurchases([("cherry", 1.0)], 1, None, 20_010.0, 20_010.0)


def test_every_array_of_customers_is_exported(tmp_path: Path) -> None:
    """The export reads every array of the format that has a customer dimension."""
    folder = published(tmp_path)
    parts = open_version(folder, shop=SHOP, fingerprint=FINGERPRINT, small_bytes=0)
    watched = RecordingArrays(parts[1])
    version = StoredVersion(parts[0], watched)
    row = version.row(customer(1))
    assert row is not None
    version.lists(row)
    version.purchases(row)

    expected = {name for name, spec in ALL_ARRAYS.items() if spec.dimension in OF_CUSTOMERS}
    assert expected == watched.read - {"item_ids"}


@pytest.mark.parametrize("number", [0, 3, 2**127])
def test_an_unknown_customer_has_no_row(tmp_path: Path, number: int) -> None:
    """A key before, between or after the known keys has no row."""
    assert held(published(tmp_path)).row(customer(number)) is None


def test_every_customer_of_many_is_found(tmp_path: Path) -> None:
    """Every key is found at its own row, including keys that end in zero bytes."""
    version = held(published(tmp_path, large_shop(customers=1_000, items=10)))

    found = [version.row(customer(number)) for number in range(1, 1_002)]

    assert found == [*range(1_000), None]


def test_a_version_without_purchases_returns_none(tmp_path: Path) -> None:
    """Older versions have no arrays of purchases."""
    version = held(published(tmp_path, large_shop(customers=10, items=10)))

    assert version.purchases(0) is None


def test_a_version_of_another_secret_is_not_read(tmp_path: Path) -> None:
    """A version of another secret has other customer keys, so it is refused."""
    with pytest.raises(ModelRejected, match="another secret"):
        open_stored(published(tmp_path), shop=SHOP, fingerprint="f" * 16)
