"""The lists of items in words: verdict, table and coverage."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from tests.unit.training.results_builders import journey
from training.cli_output import print_item_slates
from training.metrics.item_slate_results import (
    CaseMean,
    ItemSlateResults,
    ListCandidate,
    ListChoice,
    ListShares,
    SourceShare,
)
from training.report.item_lists import section, verdict_sentence
from training.report.page import render


def found(error: float = 0.002, judged_on: str | None = "April") -> ItemSlateResults:
    """Make lists whose published MRR is .060 where EASE has .050 and cosine .045."""

    def mean(value: float) -> CaseMean:
        return CaseMean(value, error, 2000)

    ease = ListCandidate(
        "ease", "EASE on orders", True, (), mean(0.05), mean(0.1), mean(-0.01), mean(-0.02)
    )
    cosine = ListCandidate(
        "cosine", "cosine", True, (), mean(0.045), mean(0.09), mean(-0.015), mean(-0.03)
    )
    own = ListCandidate("mixture", "mixture", False, (mean(0.07),), mean(0.06), mean(0.12))
    return ItemSlateResults(
        ListChoice("mixture", judged=True, reason="clearly better than best sellers"),
        chosen_on=("March",),
        judged_on=judged_on,
        candidates=(own, ease, cosine),
        shares=ListShares((SourceShare("behaviour", 0.25, 0.75),), 0.5, 0.1),
    )


def test_the_verdict_compares_with_the_best_baseline_where_nothing_was_chosen() -> None:
    sentence = verdict_sentence(found())

    assert sentence.startswith(
        "On April, by which nothing was chosen, 20.0\u00a0% better than EASE"
    )
    assert "with 95\u00a0% certainty between +12.2\u00a0% and +27.8\u00a0%" in sentence


def test_a_wide_interval_may_be_chance() -> None:
    """The card is not sure, and the sentence says why."""
    made = section("bought_together", found(error=0.02))

    assert not made.sure
    assert "this may be chance" in made.verdict


def test_without_a_judging_window_nothing_is_claimed() -> None:
    made = section("bought_together", found(judged_on=None))

    assert made.verdict == "Not judged: no window was left that did not choose."
    assert not made.sure


def test_page_and_terminal_have_one_verdict_and_every_candidate() -> None:
    results = replace(journey(), item_slates={"bought_together": found()})
    written = StringIO()
    print_item_slates(Console(file=written, width=200, highlight=False), results)
    page, terminal = render(results), written.getvalue()

    for text in (verdict_sentence(found()), "EASE on orders", "−0.0100 ± 0.0020", "0.0700"):
        assert text in page
        assert text in terminal
    assert "25.0\u00a0% of items (75.0\u00a0% by sales) from purchases" in page


def test_items_of_a_category_are_named_by_slate() -> None:
    """In `similar` they are of the own category, elsewhere of complementary ones."""
    results = replace(found(), shares=ListShares((SourceShare("category", 1.0, 1.0),)))

    assert "with items of the own category" in section("similar", results).coverage
    together = section("bought_together", results).coverage
    assert "with items of complementary categories" in together


def terminal(found: ItemSlateResults) -> str:
    """Return what the terminal shows of `bought_together`."""
    written = StringIO()
    results = replace(journey(), item_slates={"bought_together": found})
    print_item_slates(Console(file=written, width=200, highlight=False), results)
    return written.getvalue()


def test_candidates_without_a_figure_are_not_listed() -> None:
    """Lists that were not judged have a verdict and no table of dashes."""
    unmeasured = tuple(
        ListCandidate(each.name, each.title, each.baseline) for each in found().candidates
    )
    choice = ListChoice("mixture", judged=False, reason="too few cases to judge by")
    shown = terminal(replace(found(), choice=choice, judged_on=None, candidates=unmeasured))

    assert section("bought_together", replace(found(), candidates=unmeasured)).lines == ()
    assert "bought_together: Mixture: Too few cases to judge by. Not judged" in shown
    assert "25.0\u00a0% of items" in shown
    assert "–" not in shown


def test_past_windows_alone_have_their_own_columns() -> None:
    """Without a window that did not choose, the table has the figures of the past windows alone."""
    chosen_only = tuple(
        ListCandidate(each.name, each.title, each.baseline, (CaseMean(0.07, 0.01, 50),))
        for each in found().candidates
    )
    shown = terminal(replace(found(), judged_on=None, candidates=chosen_only))

    assert "MRR, March" in shown
    assert "hit@10" not in shown
    assert "–" not in shown
