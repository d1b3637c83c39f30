"""Small models with answers known by construction, and tools that damage a published one."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate, ReasonCode
from recsvc.domain.consent.consent import (
    ConsentPolicy,
    ConsentRecord,
    ConsentStatus,
    Purpose,
    PurposeConsent,
)
from recsvc.domain.consent.gate import Admitted, admit
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.model.artifact.artifact import (
    Artifact,
    CustomersPurchases,
    HistoryScores,
    RankedLists,
    TopList,
    empty_lists,
)
from recsvc.model.artifact.versions import Versions
from recsvc.model.publish import ManifestFacts, publish
from recsvc.model.registry.candidates import Candidates
from recsvc.model.registry.history_arrays import DEFAULT_COEFFICIENTS

SHOP = ShopName("default")
FINGERPRINT = "0123456789abcdef"
FACTS = ManifestFacts(FINGERPRINT, seed=7, metrics={"for_you": {"ndcg": 0.5}})
NOW = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)

Entry = tuple[int, float, ReasonCode, int]  # item row, score, reason, reason's item row or −1


def customer(number: int) -> CustomerKey:
    return CustomerKey(number.to_bytes(16, "big"))


def admitted(key: CustomerKey, purpose: Purpose = Purpose.PERSONALIZATION) -> Admitted:
    """Return the admission that a granted consent gives."""
    granted = ConsentRecord({purpose: PurposeConsent(granted=True, at_us=1)})
    admission = admit(key, ConsentStatus(granted, 1, ConsentPolicy()), purpose)
    assert isinstance(admission, Admitted)
    return admission


def offsets_of(lists: Sequence[Sequence[Any]]) -> np.ndarray:
    return np.cumsum([0, *map(len, lists)])


def reasoned(lists: Sequence[Sequence[Entry]]) -> RankedLists:
    """Return a customer slate from one list of entries per customer."""
    entries = [entry for entries in lists for entry in entries]
    columns = [np.array(column) for column in zip(*entries, strict=True)] or [np.zeros(0)] * 4
    return RankedLists(offsets_of(lists), *columns)


def neighbours(lists: Sequence[Sequence[int]]) -> RankedLists:
    """Return an item slate from one list of item rows per item; scores fall from 1."""
    rows = [row for rows in lists for row in rows]
    scores = [1 / (place + 1) for rows in lists for place in range(len(rows))]
    return RankedLists(offsets_of(lists), np.array(rows, dtype=np.int64), np.array(scores))


def top(*rows: int) -> TopList:
    return TopList(np.array(rows, dtype=np.int64), np.linspace(1, 0.5, len(rows)))


def candidates(*rows: int, reason: ReasonCode = ReasonCode.POPULAR) -> Candidates:
    items = np.array(rows, dtype=np.int32)
    scores = np.linspace(1, 0.5, len(rows), dtype=np.float32)
    return Candidates(items, scores, np.full(len(rows), reason, dtype=np.uint8))


def fruit_shop(first: str = "apple") -> Artifact:
    """Return a model of four items and two customers; the popular order is 3, 2, 1, 0."""
    bought, due = ReasonCode.BECAUSE_YOU_BOUGHT, ReasonCode.BUY_AGAIN_DUE
    slates = {
        CustomerSlate.FOR_YOU: reasoned(
            [[(1, 0.9, bought, 0), (0, 0.5, due, -1)], [(2, 0.7, ReasonCode.TRENDING, -1)]]
        ),
        CustomerSlate.DISCOVER: reasoned([[(1, 0.9, bought, 0)], []]),
        CustomerSlate.BUY_AGAIN: reasoned([[(0, 0.5, due, -1)], []]),
    }
    return Artifact(
        item_ids=[first, "banana", "cherry", "damson"],
        customer_keys=[customer(1), customer(2)],
        slates=slates,
        neighbours={
            ItemSlate.SIMILAR: neighbours([[1, 2], [0], [], [2]]),
            ItemSlate.BOUGHT_TOGETHER: neighbours([[3], [], [], [0]]),
        },
        popular=top(3, 2, 1, 0),
        trending=top(2),
        categories={"stone": top(3, 2), "pome": top(0)},
        intervals=np.array([7, np.nan, 30, 0.5]),
        purchased=CustomersPurchases(
            bought=neighbours([[0, 1], [2]]),
            orders=np.array([3, 1]),
            spent=np.array([9.5, np.nan]),
            first=np.array([20_000.0, 20_010.0]),
            last=np.array([20_020.5, 20_010.0]),
        ),
        history_scores=HistoryScores(
            neighbours([[1, 2], [0], [], [2]]),
            own=np.full(4, -1.0),
            new=np.array([-4.0, -3.5, -3.0, -2.5]),
            coefficients=DEFAULT_COEFFICIENTS,
        ),
    )


def large_shop(customers: int = 50_000, items: int = 40_000) -> Artifact:
    """Return a model so large that a load only samples it: 2 entries for each customer."""
    two_each = RankedLists(
        np.arange(customers + 1) * 2,
        np.arange(customers * 2) % items,
        np.full(customers * 2, 0.5),
        np.full(customers * 2, ReasonCode.POPULAR),
        np.full(customers * 2, -1),
    )
    return Artifact(
        item_ids=[f"{row:06d}" for row in range(items)],
        customer_keys=[customer(number) for number in range(1, customers + 1)],
        slates=dict.fromkeys(CustomerSlate, two_each),
        neighbours={slate: empty_lists(items) for slate in ItemSlate},
        popular=TopList(np.arange(items), np.full(items, 0.5)),
        trending=top(),
    )


def versions_in(root: Path) -> Versions:
    return Versions(root, SHOP)


def published(root: Path, artifact: Artifact | None = None, now: datetime = NOW) -> Path:
    """Publish an artifact and return the folder of its version."""
    versions = versions_in(root)
    return versions.folder(publish(versions, artifact or fruit_shop(), FACTS, now=now))


def edit_manifest(folder: Path, **changes: object) -> None:
    """Overwrite some fields of a published manifest."""
    file = folder / "manifest.json"
    file.write_bytes(msgspec.json.encode(msgspec.json.decode(file.read_bytes()) | changes))


def edit_entry(folder: Path, array: str, changes: Mapping[str, object]) -> None:
    """Overwrite members of one array's entry in a published manifest."""
    arrays = msgspec.json.decode((folder / "manifest.json").read_bytes())["arrays"]
    edit_manifest(folder, arrays=arrays | {array: {**arrays.get(array, {}), **changes}})


def replace_array(folder: Path, name: str, array: np.ndarray, *, forge: bool = False) -> None:
    """Replace an array of a published version. `forge`: also adapt the manifest."""
    file = folder / f"{name}.npy"
    file.unlink()
    np.save(file, array, allow_pickle=True)
    if forge:
        edit_entry(folder, name, entry_of(file, array))


def drop_arrays(folder: Path, *names: str) -> None:
    """Remove arrays from a published version and from its manifest."""
    arrays = msgspec.json.decode((folder / "manifest.json").read_bytes())["arrays"]
    for name in names:
        (folder / f"{name}.npy").unlink()
        del arrays[name]
    edit_manifest(folder, arrays=arrays)


def add_array(folder: Path, name: str, array: np.ndarray) -> None:
    """Add an array to a published version and to its manifest."""
    file = folder / f"{name}.npy"
    np.save(file, array)
    edit_entry(folder, name, entry_of(file, array))


def entry_of(file: Path, array: np.ndarray) -> dict[str, object]:
    """Return the manifest entry of an array's file."""
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"sha256": sha256, "dtype": array.dtype.str, "shape": array.shape}


def flip_last_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 0xFF
    file.write_bytes(content)
