"""`recsvc customers`: export, erase and merge customers, for the operator."""

import sys
from typing import Annotated, Any

import msgspec
import typer

from recsvc.cli.options import DEFAULT_SHOP, AsJson, DataDir, Shop, id_of, known_shop, settings_of
from recsvc.cli.output import print_json, print_table, print_text, say, say_unknown
from recsvc.domain.consent.consent import NO_CONSENT
from recsvc.domain.customers.privacy import RewriteState
from recsvc.domain.customers.profile import NO_FLAGGED_PROFILE
from recsvc.domain.errors import BadRequest
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import CustomerId, ShopName
from recsvc.stores.consents.change_writer import COMMAND_LINE
from recsvc.web.routes.export import export_json
from recsvc.web.routes.privacy import merge_of, receipt_of
from recsvc.wiring.stores import Stores, open_stores

REWRITE_WAIT_SECONDS = 600.0

Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")]

app = typer.Typer(help="Export, erase and merge customers.", no_args_is_help=True)


@app.command()
def export(
    customer: Customer,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    _as_json: AsJson = False,
) -> None:
    """Print all data of a customer as one JSON document."""
    with open_stores(settings_of(data_dir), durable=False) as stores:
        name, key = _shop_and_key(stores, shop, customer, "CUSTOMER")
        record = stores.consents.read(name, key)
        status = stores.policy_clock.status(record, stores.policy.get(name))
        data = stores.privacy.export(name, key, record)
        document = b"".join(export_json(customer, status, data))
    print_text(document.decode())
    if record == NO_CONSENT and data.profile == NO_FLAGGED_PROFILE and not _entries(document):
        say_unknown(customer, name, "no data of the customer is stored")


@app.command()
def erase(
    customer: Customer,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Erase a customer permanently, and print the receipt."""
    with open_stores(settings_of(data_dir)) as stores:
        name, key = _shop_and_key(stores, shop, customer, "CUSTOMER")
        if not yes:
            _confirm("Erase this customer permanently?", "erases")
        receipt = stores.privacy.erase(name, key, COMMAND_LINE)
        _finish_rewrite(stores, name, receipt.rewrite.state)
    _print(receipt_of(receipt), as_json)


@app.command()
def merge(
    customer: Customer,
    into: Annotated[str, typer.Option(help="The id of the same person that remains.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Merge a customer into another id of the same person; a refusal of either wins."""
    with open_stores(settings_of(data_dir)) as stores:
        name, key = _shop_and_key(stores, shop, customer, "CUSTOMER")
        _, remaining = _shop_and_key(stores, shop, into, "--into")
        if key == remaining:
            raise BadRequest("--into names the customer to be merged; name another one")
        if not yes:
            _confirm("Merge this customer, and erase the first id permanently?", "merges")
        receipt = stores.privacy.merge(name, key, remaining, COMMAND_LINE)
        _finish_rewrite(stores, name, receipt.rewrite.state)
    _print(merge_of(into, receipt), as_json)


def _shop_and_key(
    stores: Stores, shop: str, customer: str, argument: str
) -> tuple[ShopName, CustomerKey]:
    name = known_shop(stores, shop)
    return name, stores.hasher(name).key_of(CustomerId(id_of(customer, argument)))


def _entries(document: bytes) -> list[dict[str, Any]]:
    """Return the entries of all lists of an export that have a value."""
    sections = msgspec.json.decode(document, type=dict[str, Any]).values()
    lists = (section for section in sections if isinstance(section, list))
    return [entry for section in lists for entry in section if any(entry.values())]


def _confirm(question: str, verb: str) -> None:
    if not sys.stdin.isatty():
        raise BadRequest(f"the confirmation needs a terminal; --yes {verb} without it")
    if not typer.confirm(question, err=True):
        raise BadRequest("nothing was changed")


def _finish_rewrite(stores: Stores, shop: ShopName, state: RewriteState) -> None:
    """Wait for the rewrite, since an embedded server may stop when the command ends."""
    if state is RewriteState.STARTED and not stores.rewrite.wait(shop, REWRITE_WAIT_SECONDS):
        say("the append-only file is still being rewritten")


def _print(receipt: msgspec.Struct, as_json: bool) -> None:
    fields = msgspec.to_builtins(receipt)
    if as_json:
        print_json(fields)
    else:
        print_table(["field", "value"], [[name, _text(value)] for name, value in fields.items()])


def _text(value: object) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {each}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return "never" if value is None else str(value)
