"""The data folder of the served benchmark: two complete shops of different size.

It is made once and reused. Requests ask about customers with consent and recent events, and about
customers outside the model with purchase histories. The large shop has a second model version of
equal size with renamed items, so that a response shows its version.
"""

import hashlib
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np

from recsvc.config import Settings, models_root
from recsvc.domain.api_keys import ALL_SCOPES, KeyKind
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.customers.recent_events import MAX_EVENTS, RecentKind, encode
from recsvc.domain.offers.stored_offer import NewOffer
from recsvc.domain.values.ids import CustomerId, ItemId, ShopName
from recsvc.model.artifact import manifest as manifests
from recsvc.model.artifact import npy
from recsvc.model.artifact.format import ITEM_IDS, MANIFEST_FILE, Array, file_of
from recsvc.model.artifact.manifest import ArrayEntry
from recsvc.model.artifact.versions import Versions, version_name
from recsvc.model.publish import ManifestFacts, publish
from recsvc.model.registry.loader import read_manifest
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.consents.consents import ImportedConsent
from recsvc.wiring.stores import Stores, open_stores
from tests.bench.synthetic import (
    REMEMBERED,
    SKEW,
    artifact,
    catalogue,
    offers,
    stored_history,
)

NOTE = "bench-2.json"
CUSTOMERS_SEEN = 20_000
CUSTOMERS_OUTSIDE = 2_000  # for each size of a history
KINDS = [RecentKind(letter) for letter in "vvvvvvvvvvvvvccccrpp"]
OTHER_NAMES = b"jtem"  # in place of `item`, which sorts the same
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Shop:
    """The facts about a shop that the load needs."""

    name: ShopName
    key: str
    customers: int
    items: int
    versions: list[str]

    @property
    def customers_seen(self) -> int:
        return min(self.customers, CUSTOMERS_SEEN)


def outside(size: int, number: int | str) -> str:
    """Return the id of a customer outside the model who has a history of `size` items."""
    return f"of{size}-{number}"


def prepared(folder: Path, sizes: dict[ShopName, tuple[int, int]]) -> dict[ShopName, Shop]:
    """Return the folder's shops, and make missing ones; sizes: customers, items."""
    note = folder / NOTE
    if note.exists():
        found = msgspec.json.decode(note.read_bytes(), type=dict[ShopName, Shop])
        if {name: (shop.customers, shop.items) for name, shop in found.items()} == sizes:
            return found
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{folder} holds something else; name an empty folder with --data-dir")
    settings = Settings(data_dir=folder)
    with open_stores(settings) as stores:
        made = {name: _filled(stores, settings, name, *size) for name, size in sizes.items()}
    note.write_bytes(msgspec.json.encode(made))
    return made


def _filled(stores: Stores, settings: Settings, name: ShopName, customers: int, items: int) -> Shop:
    facts = ManifestFacts(stores.secret.fingerprint(), seed=0)
    versions = Versions(models_root(settings), name)
    model = artifact(stores.hasher(name), customers, items)
    version = publish(versions, model, facts, now=datetime.now(UTC))
    stores.catalogue.put_many(name, catalogue(items))
    stores.offers.put_many(name, (NewOffer(offer, None) for offer in offers(items)))
    key = stores.api_keys.create(KeyKind.SECRET, name, ALL_SCOPES).text
    shop = Shop(name, key, customers, items, [version, _twin(versions, version)])
    stores.consents.import_many(name, _consents(stores, shop))
    _store_events(stores, shop)
    _store_histories(stores, shop)
    return shop


def _consents(stores: Stores, shop: Shop) -> Iterator[ImportedConsent]:
    """Yield a grant of every purpose for each customer with events or a history."""
    hasher, at_us = stores.hasher(shop.name), time.time_ns() // 1000 - 1_000_000
    customers = [f"c{number}" for number in range(shop.customers_seen)]
    customers += [
        outside(size, f"c{number}") for size in REMEMBERED for number in range(CUSTOMERS_OUTSIDE)
    ]
    for customer in customers:
        key = hasher.key_of(CustomerId(customer))
        yield from (ImportedConsent(key, purpose, True, at_us) for purpose in Purpose)


def _store_events(stores: Stores, shop: Shop) -> None:
    """Store each customer's latest events as the service does, the newest first."""
    chance, now, hasher = random.Random(0), int(time.time()), stores.hasher(shop.name)
    for first in range(0, shop.customers_seen, CHUNK):
        pipeline = stores.connections.writes.pipeline(transaction=False)
        for number in range(first, min(first + CHUNK, shop.customers_seen)):
            key = redis_keys.recent(shop.name, hasher.key_of(CustomerId(f"c{number}")))
            events = [
                encode(chance.choice(KINDS), now - 3600 * age, _some_item(chance, shop.items))
                for age in reversed(range(MAX_EVENTS))
            ]
            pipeline.lpush(key, *events)
            pipeline.expire(key, redis_keys.RECENT_SECONDS)
        pipeline.execute()


def _store_histories(stores: Stores, shop: Shop) -> None:
    """Store the histories of customers outside the model."""
    chance, hasher = np.random.default_rng(1), stores.hasher(shop.name)
    for size in REMEMBERED:
        pipeline = stores.connections.writes.pipeline(transaction=False)
        for number in range(CUSTOMERS_OUTSIDE):
            customer = CustomerId(outside(size, f"c{number}"))
            key = redis_keys.purchases(shop.name, hasher.key_of(customer))
            pipeline.set(key, stored_history(chance, shop.items, size))
        pipeline.execute()


def _some_item(chance: random.Random, items: int) -> ItemId:
    return ItemId(f"item-{int(items * chance.random() ** (1 / (1 - SKEW))):07d}")


def _twin(versions: Versions, version: str) -> str:
    """Add a version of the same lists with renamed items; return its name.

    Its other files are hard links: loading a version reads samples of them.
    """
    folder = versions.folder(version)
    manifest = read_manifest(folder)
    made = datetime.now(UTC) + timedelta(milliseconds=1)
    header, content = npy.encode(_renamed(folder))
    digest = hashlib.sha256(header + content).hexdigest()
    name = version_name(made, digest)
    twin = versions.home / name
    twin.mkdir()
    for file in folder.iterdir():
        if file.name not in (MANIFEST_FILE, file_of(ITEM_IDS.name)):
            os.link(file, twin / file.name)
    (twin / file_of(ITEM_IDS.name)).write_bytes(header + content)
    entry = manifest.arrays[ITEM_IDS.name]
    arrays = manifest.arrays | {ITEM_IDS.name: ArrayEntry(digest, entry.dtype, entry.shape)}
    changed = msgspec.structs.replace(manifest, version=name, arrays=arrays)
    (twin / MANIFEST_FILE).write_bytes(manifests.encode(changed))
    return name


def _renamed(folder: Path) -> Array:
    ids = np.load(folder / file_of(ITEM_IDS.name))
    return np.array([OTHER_NAMES + text[len(OTHER_NAMES) :] for text in ids.tolist()], ids.dtype)
