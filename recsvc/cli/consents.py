"""`recsvc consents`: show, grant, withdraw and import consents, and list their history."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from recsvc.cli import consent_policy
from recsvc.cli.consent_import import import_consents
from recsvc.cli.options import (
    DEFAULT_SHOP,
    AsJson,
    DataDir,
    Shop,
    checked_purposes,
    id_of,
    known_shop,
    settings_of,
    shop_of,
)
from recsvc.cli.output import print_json, print_table, say_unknown
from recsvc.domain.consent.consent import NO_CONSENT, ConsentRecord, ConsentStatus, Purpose
from recsvc.domain.consent.hash_chain import HistoryRow
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import CustomerId
from recsvc.domain.values.labels import LABEL_RULE, checked_label
from recsvc.domain.values.timestamps import rfc3339
from recsvc.wiring.stores import Stores, open_stores

SOURCE = "command line"
CHANGE_COLUMNS = (
    "n",
    "at",
    "kind",
    "subject",
    "word",
    "said_at",
    "policy_version",
    "source",
    "actor",
)

Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")]
Purposes = Annotated[
    list[str], typer.Argument(metavar="PURPOSE...", help=f"One or more of {', '.join(Purpose)}.")
]
PolicyVersion = Annotated[
    str | None, typer.Option(help=f"The version of the accepted policy: {LABEL_RULE}.")
]

app = typer.Typer(
    help="Show, grant, withdraw and import consents; show their history and policy.",
    no_args_is_help=True,
)
app.add_typer(consent_policy.app, name="policy")
app.command("import")(import_consents)


@app.command()
def show(
    customer: Customer,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the customer's consent for every purpose."""
    with open_stores(settings_of(data_dir), durable=False) as stores:
        record = stores.consents.read(known_shop(stores, shop), _key(stores, shop, customer))
        status = _status(stores, shop, record)
    _print(status, as_json)
    if record == NO_CONSENT:
        say_unknown(customer, shop, "no consent statement of the customer applies")


@app.command()
def grant(
    customer: Customer,
    purposes: Purposes,
    policy_version: PolicyVersion = None,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Grant purposes for a customer."""
    label = checked_label(policy_version, "--policy-version")
    status = _write(
        customer, dict.fromkeys(checked_purposes(purposes), True), label, shop, data_dir
    )
    _print(status, as_json)


@app.command()
def withdraw(
    customer: Customer,
    purposes: Purposes,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw purposes for a customer; effective immediately.

    The output shows the latest statement. A withdrawal has no policy version.
    """
    status = _write(
        customer, dict.fromkeys(checked_purposes(purposes), False), None, shop, data_dir
    )
    _print(status, as_json)


@app.command()
def history(
    customer: Customer,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show every change of the customer's consents and flags, newest last."""
    with open_stores(settings_of(data_dir), durable=False) as stores:
        known_shop(stores, shop)
        key = _key(stores, shop, customer)
        found = [_change_row(row) for row in stores.history.all_rows_of(shop_of(shop), key)]
    if as_json:
        print_json(found)
    else:
        print_table(CHANGE_COLUMNS, [[row[name] for name in CHANGE_COLUMNS] for row in found])
    if not found:
        say_unknown(customer, shop, "no change of the customer's consents and flags is stored")


def _write(
    customer: str,
    changes: Mapping[Purpose, bool],
    policy_version: str | None,
    shop: str,
    data_dir: Path | None,
) -> ConsentStatus:
    with open_stores(settings_of(data_dir)) as stores:
        if not any(changes.values()):  # a grant may begin a shop
            known_shop(stores, shop)
        key = _key(stores, shop, customer)
        record = stores.consents.write(shop_of(shop), key, changes, policy_version, SOURCE)
        return _status(stores, shop, record)


def _status(stores: Stores, shop: str, record: ConsentRecord) -> ConsentStatus:
    return stores.policy_clock.status(record, stores.policy.get(shop_of(shop)))


def _key(stores: Stores, shop: str, customer: str) -> CustomerKey:
    customer_id = CustomerId(id_of(customer, "CUSTOMER"))
    return stores.hasher(shop_of(shop)).key_of(customer_id)


def _print(status: ConsentStatus, as_json: bool) -> None:
    rows = [_row(status, purpose) for purpose in Purpose]
    if as_json:
        print_json({row["purpose"]: row for row in rows})
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows])


def _row(status: ConsentStatus, purpose: Purpose) -> dict[str, str | bool | None]:
    consent = status.record.purposes.get(purpose)
    expires_at_us = status.expires_at_us(purpose)
    return {
        "purpose": str(purpose),
        "state": str(status.state(purpose)),
        "permitted": status.permits(purpose),
        "at": rfc3339(consent.at_us) if consent else None,
        "expires_at": None if expires_at_us is None else rfc3339(expires_at_us),
        "policy_version": consent.policy_version if consent else None,
        "source": consent.source if consent else None,
    }


def _change_row(row: HistoryRow) -> dict[str, object]:
    said_at = None if row.said_at is None else rfc3339(row.said_at)
    shown = {name: getattr(row, name) for name in CHANGE_COLUMNS}
    return shown | {"at": rfc3339(row.at), "said_at": said_at}
