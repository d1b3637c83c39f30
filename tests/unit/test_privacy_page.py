"""The inventory of docs/privacy.md agrees with the code: no key is missing or made up."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_group

from recsvc.cli.main import app as service
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.customers.personal_data_keys import KEPT, PERSONAL_DATA_KEYS
from training.cli import app as trainer

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "privacy.md").read_text()
INVENTORY = PAGE.partition("## Inventory: the store")[2].partition("## Inventory: files")[0]
ROW = re.compile(r"^\| `(\w+)` \|([^|]+)\|[^|]*\|([^|]*)\|", re.MULTILINE)
ROWS = {name: (holds.strip(), by.strip()) for name, holds, by in ROW.findall(INVENTORY)}
# These read names or make patterns; they name no key.
OTHERS = {"any_key", "any_customer", "customer_of", "shop_of"}
PROGRAMS = {"recsvc": get_group(service), "recsvc-train": get_group(trainer)}
COMMANDS = [quoted.split() for quoted in re.findall(r"`(recsvc(?:-train)? [^`]+)`", PAGE)]
FUNCTIONS = {
    name: function
    for name, function in inspect.getmembers(redis_keys, inspect.isfunction)
    if function.__module__ == redis_keys.__name__
}
OWN = {
    function
    for name, function in FUNCTIONS.items()
    if name not in OTHERS and CustomerKey in inspect.get_annotations(function).values()
}


def test_the_inventory_has_one_row_for_each_kind_of_key() -> None:
    """A new key needs a row with its personal data, its lifetime and its erasure."""
    assert set(ROWS) == set(FUNCTIONS) - OTHERS


def test_a_customers_key_is_erased_or_kept_on_purpose() -> None:
    """Each key function that takes a customer is in the list of erased or of kept keys."""
    erased = {holding.key for holding in PERSONAL_DATA_KEYS}

    assert erased | set(KEPT) == OWN
    assert not erased & set(KEPT)


def test_the_inventory_names_the_erasure_of_personal_data() -> None:
    """Each erased key says so, and each row with personal data says what ends it."""
    erased = {holding.key.__name__ for holding in PERSONAL_DATA_KEYS}

    assert {name for name in erased if "erasure" not in ROWS[name][1]} == set()
    assert {
        name for name, (holds, by) in ROWS.items() if "nothing" not in holds and not by
    } == set()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_of_the_page_exists(words: list[str]) -> None:
    """Commands and options of the page exist; words in capitals are placeholders."""
    program: Any = PROGRAMS[words[0]]
    for word in words[1:]:
        program = getattr(program, "commands", {}).get(word, program)
    options = {option for each in program.params for option in each.opts}

    assert not hasattr(program, "commands"), "a command group without its command"
    assert {word for word in words if word.startswith("--")} <= options


def test_the_readme_links_to_the_page() -> None:
    """The README links to the page, so that a reader finds it."""
    assert "(docs/privacy.md)" in (ROOT / "README.md").read_text()
