"""`recsvc customers`: export, erase and merge by the operator."""

import json
from typing import Any

import pytest

from recsvc.domain.consent.consent import Purpose
from recsvc.domain.customers.profile import Profile
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import CustomerId
from recsvc.stores.customers.profiles import NewProfile
from tests.contract.cli.test_commands import SHOP, Shell, shell
from tests.contract.grocery import publish_grocery

__all__ = ["shell"]

GRANTED = {Purpose.EMAIL: True}


def known(shell: Shell, customer: str) -> CustomerKey:
    """Write data of a customer."""
    key = shell.stores.hasher(SHOP).key_of(CustomerId(customer))
    shell.stores.consents.write(SHOP, key, GRANTED)
    return key


def test_export_prints_one_document(shell: Shell) -> None:
    """The document equals the export over HTTP."""
    known(shell, "eve")

    found: Any = json.loads(shell.run("customers", "export", "eve").stdout)

    assert found["customer_id"] == "eve"
    assert found["consents"]["purposes"]["email"]["state"] == "granted"
    assert [row["subject"] for row in found["history"]] == ["email"]


def test_export_prints_the_rows_of_models(shell: Shell) -> None:
    """The document holds the customer's rows of each model, and after an erasure the versions
    alone.
    """
    version = publish_grocery(shell.stores, SHOP)
    known: Any = json.loads(shell.run("customers", "export", "bert").stdout)
    shell.run("customers", "erase", "bert", "--yes")
    erased: Any = json.loads(shell.run("customers", "export", "bert").stdout)

    (held,) = known["models"]
    assert [item["item_id"] for item in held["lists"]["for_you"]] == ["item-11"]
    assert held["bought"] == [{"item_id": "item-10", "weight": 1.0}]
    assert [each.keys() for each in erased["models"]] == [
        {"version", "created_at", "holds_until_deleted"}
    ]
    assert erased["models"][0]["version"] == held["version"] == version


@pytest.mark.parametrize(
    ("command", "fact"),
    [
        (("customers", "export"), "no data of the customer is stored"),
        (("consents", "show"), "no consent statement of the customer applies"),
        (("consents", "history"), "no change of the customer's consents and flags is stored"),
    ],
)
def test_an_unknown_customer_is_reported(shell: Shell, command: tuple[str, str], fact: str) -> None:
    """The document on stdout stays as it is, the command succeeds, and stderr says that the shop
    knows nothing of the customer; of a known customer it says nothing.
    """
    known(shell, "kim")
    unknown, of_known = shell.run(*command, "nobody", "--json"), shell.run(*command, "kim")

    assert unknown.stderr == f"CUSTOMER 'nobody': unknown to shop {SHOP}; {fact}\n"
    json.loads(unknown.stdout)
    assert of_known.stderr == ""


@pytest.mark.parametrize("command", [("customers", "export"), ("consents", "history")])
def test_an_erased_customer_is_not_unknown(shell: Shell, command: tuple[str, str]) -> None:
    """The history of an erased customer remains, so the commands have something to show."""
    known(shell, "leo")
    shell.run("customers", "erase", "leo", "--yes")

    assert shell.run(*command, "leo").stderr == ""


def test_a_profile_alone_is_data(shell: Shell) -> None:
    """The export of a customer with a profile and without consents is not reported as empty."""
    key = shell.stores.hasher(SHOP).key_of(CustomerId("mia"))
    shell.stores.profiles.put_many(SHOP, [NewProfile(key, Profile(segments=("vip",)), {})])

    assert shell.run("customers", "export", "mia").stderr == ""


def test_erase_prints_the_receipt(shell: Shell) -> None:
    """The command prints the receipt, and the customer is unknown afterwards."""
    key = known(shell, "finn")

    receipt = shell.json("customers", "erase", "finn", "--yes")

    assert receipt["customer"] == key.hex()
    assert receipt["removed"]["purposes"] == 1
    assert shell.stores.consents.read(SHOP, key).is_empty


def test_erase_asks_for_confirmation(shell: Shell) -> None:
    """Without a terminal the command requires --yes."""
    key = known(shell, "gwen")

    assert "--yes" in shell.refusal("customers", "erase", "gwen")
    assert not shell.stores.consents.read(SHOP, key).is_empty


def test_the_receipt_is_a_table_without_json(shell: Shell) -> None:
    """The table has every part of the receipt."""
    known(shell, "hugo")

    shown = shell.run("customers", "erase", "hugo", "--yes").stdout

    assert "purposes: 1" in shown
    assert "never" in shown


def test_merge_names_the_remaining_customer(shell: Shell) -> None:
    """A second merge is refused, since the merged customer is erased."""
    gone = known(shell, "ida-guest")
    known(shell, "ida")

    receipt = shell.json("customers", "merge", "ida-guest", "--into", "ida", "--yes")

    assert receipt["into"] == "ida"
    assert shell.stores.consents.read(SHOP, gone).is_empty
    again = shell.refusal("customers", "merge", "ida-guest", "--into", "ida", "--yes")
    assert "erased or merged" in again


def test_a_merge_asks_and_names_what_ended(shell: Shell) -> None:
    """Without a terminal the command needs --yes; the receipt has the purposes that ended."""
    known(shell, "ida-guest")
    known(shell, "ida")
    asked = shell.refusal("customers", "merge", "ida-guest", "--into", "ida")
    unknown = shell.json("customers", "merge", "stranger", "--into", "ida", "--yes")

    assert "--yes merges without it" in asked
    assert (unknown["was_known"], unknown["ended_purposes"]) == (False, [])
