"""compose.yaml starts Valkey with the settings that docs/operations.md requires."""

import re
from pathlib import Path

import pytest

from recsvc.stores.client.durability import REQUIRED, REQUIRED_FOR_ERASURE

ROOT = Path(__file__).parent.parent.parent
COMPOSE = (ROOT / "compose.yaml").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
FLAGS = {
    name: value.strip('"')
    for name, value in re.findall(r"^ +--([a-z-]+), (\"[^\"]*\"|\w+),$", COMPOSE, re.MULTILINE)
}
SETTINGS = REQUIRED | REQUIRED_FOR_ERASURE


@pytest.mark.parametrize("name", SETTINGS)
def test_the_valkey_of_compose_has_every_required_setting(name: str) -> None:
    """compose.yaml sets what durability and erasure require, and the page names the setting."""
    assert FLAGS[name] == SETTINGS[name]
    assert f"`{name} " + (SETTINGS[name] or '""') + "`" in OPERATIONS


def test_the_valkey_of_compose_has_a_memory_limit() -> None:
    """Without `maxmemory` the store would never refuse events, so consent had no reserve."""
    assert FLAGS["maxmemory"]
