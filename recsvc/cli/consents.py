"""`recsvc consents`: show, grant and withdraw the consent of one customer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from recsvc.cli.options import DEFAULT_SHOP, AsJson, DataDir, Shop, settings_of, shop_of
from recsvc.cli.output import print_json, print_table
from recsvc.domain.consent import ConsentRecord, Purpose
from recsvc.domain.errors import BadRequest
from recsvc.domain.identity import CustomerKey
from recsvc.domain.ids import CustomerId, checked_id
from recsvc.domain.labels import LABEL_RULE, checked_label
from recsvc.domain.moments import rfc3339
from recsvc.wiring import Stores, open_stores

SOURCE = "command line"

Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id.")]
Purposes = Annotated[
    list[str], typer.Argument(metavar="PURPOSE...", help=f"Of {', '.join(Purpose)}.")
]
PolicyVersion = Annotated[
    str | None, typer.Option(help=f"The policy that was agreed to: {LABEL_RULE}.")
]

app = typer.Typer(help="Consent of one customer: show, grant, withdraw.", no_args_is_help=True)


@app.command()
def show(
    customer: Customer,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show where the customer stands on every purpose."""
    with open_stores(settings_of(data_dir), durable=False) as stores:
        record = stores.consents.read(shop_of(shop), _key(stores, shop, customer))
    _print(record, as_json)


@app.command()
def grant(
    customer: Customer,
    purposes: Purposes,
    policy_version: PolicyVersion = None,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Record that the customer permits these purposes."""
    label = checked_label(policy_version, "--policy-version")
    record = _write(customer, dict.fromkeys(_checked(purposes), True), label, shop, data_dir)
    _print(record, as_json)


@app.command()
def withdraw(
    customer: Customer,
    purposes: Purposes,
    shop: Shop = DEFAULT_SHOP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Record that the customer no longer permits these purposes; in force at once.

    What is shown is the latest word, and a no is said under no policy: the version that was
    agreed to before is no longer shown.
    """
    record = _write(customer, dict.fromkeys(_checked(purposes), False), None, shop, data_dir)
    _print(record, as_json)


def _write(
    customer: str,
    changes: Mapping[Purpose, bool],
    policy_version: str | None,
    shop: str,
    data_dir: Path | None,
) -> ConsentRecord:
    with open_stores(settings_of(data_dir)) as stores:
        key = _key(stores, shop, customer)
        return stores.consents.write(shop_of(shop), key, changes, policy_version, SOURCE)


def _key(stores: Stores, shop: str, customer: str) -> CustomerKey:
    customer_id = CustomerId(checked_id(customer, "customer"))
    return stores.hasher(shop_of(shop)).key_of(customer_id)


def _checked(names: list[str]) -> list[Purpose]:
    unknown = set(names) - set(map(str, Purpose))
    if unknown:
        raise BadRequest(
            f"no such purpose: {', '.join(sorted(unknown))}; there are {', '.join(Purpose)}"
        )
    return list(map(Purpose, names))


def _print(record: ConsentRecord, as_json: bool) -> None:
    rows = [_row(record, purpose) for purpose in Purpose]
    if as_json:
        print_json({row["purpose"]: row for row in rows})
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows])


def _row(record: ConsentRecord, purpose: Purpose) -> dict[str, str | None]:
    consent = record.purposes.get(purpose)
    return {
        "purpose": str(purpose),
        "state": str(record.state(purpose)),
        "at": rfc3339(consent.at_us) if consent else None,
        "policy_version": consent.policy_version if consent else None,
        "source": consent.source if consent else None,
    }
