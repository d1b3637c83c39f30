"""`recsvc offers`: import, list, show and delete offers."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from recsvc.cli.input_files import read_ndjson
from recsvc.cli.options import (
    DEFAULT_SHOP,
    EXAMPLES,
    AsJson,
    DataDir,
    MaxBad,
    Shop,
    check_faults,
    id_of,
    known_shop,
    settings_of,
    shop_of,
)
from recsvc.cli.output import print_json, print_table, say
from recsvc.domain.errors import MissingPrerequisite
from recsvc.domain.offers.offer_validation import offer_as_sent
from recsvc.domain.offers.stored_offer import NewOffer, StoredOffer
from recsvc.domain.values.ids import OfferId
from recsvc.model.ranking.live_items import LiveItems
from recsvc.usecases.offers.offers import warnings_of
from recsvc.web.routes.offers import read_line, view_of
from recsvc.wiring.services import live_items_now
from recsvc.wiring.stores import open_stores

COLUMNS = ("offer_id", "title", "kind", "value", "starts_at", "ends_at", "priority")
COUNTERS = ("shown", "accepted", "taken", "redeemed", "codes_left")

app = typer.Typer(help="Offers: import, list, show, delete.", no_args_is_help=True)

OfferArgument = Annotated[str, typer.Argument(metavar="OFFER", help="Id of the offer.")]


@app.command("import")
def import_offers(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".ndjson, UTF-8.")],
    max_bad: MaxBad = 1.0,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Replace offers from a file; effective immediately."""
    offers, faults = read_ndjson(file, read_line)
    check_faults(file, faults, len(offers), max_bad)
    name = shop_of(shop)
    with open_stores(settings_of(data_dir)) as stores:
        stores.offers.put_many(name, offers)
        warnings = list(_warnings(offers, live_items_now(stores, name)))
    _print_warnings(warnings)
    if as_json:
        print_json({"imported": len(offers), "bad": len(faults), "warnings": warnings})
    else:
        say(f"{len(offers):,} offers imported, {len(faults):,} bad lines left out.")


@app.command("list")
def list_offers(
    shop: Shop = DEFAULT_SHOP, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """List the offers by id, with their counters."""
    with open_stores(settings_of(data_dir), durable=False) as stores:
        name = known_shop(stores, shop)
        found = list(stores.offers.many(name, stores.offers.ids(name)))
    if as_json:
        print_json([view_of(stored) for stored in found])
    else:
        rows, columns = [_row(stored) for stored in found], (*COLUMNS, *COUNTERS)
        print_table(columns, [[row[column] for column in columns] for row in rows])


@app.command("show")
def show_offer(offer: OfferArgument, shop: Shop = DEFAULT_SHOP, data_dir: DataDir = None) -> None:
    """Show one offer and its counters as JSON, without its codes."""
    with open_stores(settings_of(data_dir), durable=False) as stores:
        stored = stores.offers.get(known_shop(stores, shop), _offer(offer))
    if stored is None:
        raise _no_such_offer(offer)
    print_json(view_of(stored))


@app.command("delete")
def delete_offer(offer: OfferArgument, shop: Shop = DEFAULT_SHOP, data_dir: DataDir = None) -> None:
    """Delete an offer, its codes and counters."""
    with open_stores(settings_of(data_dir)) as stores:
        if not stores.offers.delete(known_shop(stores, shop), _offer(offer)):
            raise _no_such_offer(offer)
    say(f"{offer} is deleted.")


def _warnings(offers: Sequence[NewOffer], live_items: LiveItems) -> Iterator[dict[str, str]]:
    for new in offers:
        for fault in warnings_of(new.offer, live_items):
            yield {"offer_id": new.offer.offer_id, "field": fault.field, "detail": fault.detail}


def _print_warnings(warnings: Sequence[dict[str, str]]) -> None:
    for each in warnings[:EXAMPLES]:
        say(": ".join(each.values()))
    if len(warnings) > EXAMPLES:
        say(f"and {len(warnings) - EXAMPLES:,} more warnings; use --json for all of them")


def _offer(text: str) -> OfferId:
    return OfferId(id_of(text, "OFFER"))


def _no_such_offer(offer: str) -> MissingPrerequisite:
    return MissingPrerequisite(f"no offer {offer!r}; recsvc offers list shows all offers")


def _row(stored: StoredOffer) -> dict[str, Any]:
    state = stored.state
    left = state.codes_left if state.has_codes else None
    counted = {name: getattr(state, name) for name in COUNTERS} | {"codes_left": left}
    fields = {name: value for name, value in offer_as_sent(stored.offer).items() if name != "codes"}
    return fields | counted
