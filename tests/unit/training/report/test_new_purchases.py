"""Purchases since training in the report and on the terminal."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from tests.unit.training.results_builders import journey
from training.cli_output import print_new_purchases
from training.metrics.estimates import Mean
from training.metrics.new_purchases_results import JudgedPurchases, NewPurchasesPath
from training.report.page import render

PATH = NewPurchasesPath(
    7.0, Mean(0.4823, 0.01, 500), Mean(0.4879, 0.01, 500), Mean(0.0056, 0.002, 500)
)


def test_page_and_terminal_have_the_share_and_the_figures() -> None:
    """Both name the share, NDCG@10 with the told purchases, and the paired gain."""
    results = replace(journey(), new_purchases=JudgedPurchases(0.35, {"for_you": (PATH,)}))
    written = StringIO()
    print_new_purchases(Console(file=written, width=200, highlight=False), results)

    for text in ("0.35", "0.4879", "0.0056"):
        assert text in render(results)
        assert text in written.getvalue()
    assert "7.0 days told" in render(results)


def test_a_share_of_zero_is_said_in_words() -> None:
    results = replace(journey(), new_purchases=JudgedPurchases(0.0, {"for_you": (PATH,)}))

    assert "chose the trained lists alone" in render(results)


def test_without_a_judgement_nothing_is_shown() -> None:
    written = StringIO()
    print_new_purchases(Console(file=written), journey())

    assert "Purchases since training" not in render(journey())
    assert written.getvalue() == ""
