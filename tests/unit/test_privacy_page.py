"""The data inventory is what the code holds: no key is missing, and none is invented."""

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
# They read names, or make patterns, and name no key.
OTHERS = {"any_customer", "customer_of", "shop_of"}
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


def test_every_kind_of_key_has_its_row_and_every_row_its_kind() -> None:
    """Whoever adds a key says what it holds of a person, how long, and what erases it."""
    assert set(ROWS) == set(FUNCTIONS) - OTHERS


def test_a_key_of_the_customers_own_is_erased_or_kept_on_purpose() -> None:
    """A function of `redis_keys` that takes a customer is in one of the two lists."""
    erased = {holding.key for holding in PERSONAL_DATA_KEYS}

    assert erased | set(KEPT) == OWN
    assert not erased & set(KEPT)


def test_the_page_says_that_erasure_removes_what_it_removes() -> None:
    """And nothing that holds something of a person is without a word on what ends it."""
    erased = {holding.key.__name__ for holding in PERSONAL_DATA_KEYS}

    assert {name for name in erased if "erasure" not in ROWS[name][1]} == set()
    assert {
        name for name, (holds, by) in ROWS.items() if "nothing" not in holds and not by
    } == set()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_that_the_page_names_is_there(words: list[str]) -> None:
    """With the options that it names; what stands in capitals is the reader's to fill in."""
    program: Any = PROGRAMS[words[0]]
    for word in words[1:]:
        program = getattr(program, "commands", {}).get(word, program)
    options = {option for each in program.params for option in each.opts}

    assert not hasattr(program, "commands"), "it has verbs, and none of them is named"
    assert {word for word in words if word.startswith("--")} <= options


def test_the_readme_leads_to_the_page() -> None:
    """Nobody finds what nothing links to."""
    assert "(docs/privacy.md)" in (ROOT / "README.md").read_text()
