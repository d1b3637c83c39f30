"""Every customer slate has one rule, and no other module of the trainer decides by slate."""

import ast
from pathlib import Path

import numpy as np
import pytest

import training
from recsvc.domain.catalogue.slates import CustomerSlate
from training.dataset import slate_rules
from training.dataset.slate_rules import RULES, Shows, SlateRule, slates_showing
from training.metrics.model import Family
from training.ranking.lambdarank import TUNED, VARIANTS
from training.recommenders.registry import BASE_MODELS, competing
from training.report.names import slate_meaning

RULES_FILE = Path(slate_rules.__file__)


@pytest.mark.parametrize("slate", CustomerSlate)
def test_every_slate_has_a_rule_and_a_title(slate: CustomerSlate) -> None:
    """A new slate without a rule or without a title in the report fails here."""

    assert RULES[slate].slate is slate
    assert slate_meaning(slate)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.slate)
def test_a_rule_names_models_that_exist(rule: SlateRule) -> None:
    """Families, variants and the default model of a rule exist, and the default competes."""

    assert rule.competing_families <= set(Family)
    assert set(rule.variants) <= set(VARIANTS)
    assert TUNED.model.name in rule.variants
    assert rule.default_model in competing(rule.slate)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.slate)
def test_a_slate_has_a_base_model_to_compare_with(rule: SlateRule) -> None:
    """At least one base model of each competing family exists."""

    assert {BASE_MODELS[name].family for name in competing(rule.slate)} == rule.competing_families


@pytest.mark.parametrize(
    ("shows", "marked"),
    [
        (Shows.ALL, [True, True]),
        (Shows.UNSEEN, [False, True]),
        (Shows.OWNED, [True, False]),
    ],
)
def test_a_rule_marks_the_items_to_show(shows: Shows, marked: list[bool]) -> None:
    """A slate shows all items, only items new to the customer, or only the customer's own."""
    owned = np.array([True, False])

    for slate in slates_showing(shows):
        assert marked == RULES[slate].shown(owned).tolist()


def test_new_items_can_be_ranked_without_repeat_purchases() -> None:
    """A shop without repeat purchases ranks unseen items, so one slate must show them."""

    assert slates_showing(Shows.UNSEEN)


def test_no_other_module_decides_by_slate() -> None:
    """Only the rules name a member of `CustomerSlate`; other modules look up the rule."""
    folder = Path(str(training.__file__)).parent
    offenders = [
        f"{file.relative_to(folder)}:{line}"
        for file in sorted(folder.rglob("*.py"))
        if file != RULES_FILE
        for line in _lines_naming_a_slate(file.read_text(encoding="utf-8"))
    ]

    assert offenders == []


def test_a_module_that_names_a_slate_is_found() -> None:
    """The search for offenders finds members by attribute, by value and by name."""
    source = (
        "if slate is CustomerSlate.DISCOVER: pass\n"
        "if slate == 'buy_again': pass\n"
        "LIMITS = {CustomerSlate('for_you'): 3}\n"
        "slates = list(CustomerSlate)\n"
    )

    assert _lines_naming_a_slate(source) == [1, 2, 3]


def _lines_naming_a_slate(source: str) -> list[int]:
    """Return the lines that compare with, index by or construct a member of `CustomerSlate`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="CustomerSlate"), attr=name):
                found |= {node.lineno} if name in CustomerSlate.__members__ else set()
            case ast.Compare():
                found |= {node.lineno for each in ast.walk(node) if _is_slate_value(each)}
            case ast.Call(func=ast.Name(id="CustomerSlate")):
                found.add(node.lineno)
    return sorted(found)


def _is_slate_value(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in set(map(str, CustomerSlate))
