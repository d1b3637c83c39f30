"""The lists of items in words: the verdict of each slate, its candidates and its coverage.

The report and the terminal take their verdict from `verdict_sentence`.
"""

from dataclasses import dataclass

from training.metrics.item_slate_results import CaseMean, ItemSlateResults, ListCandidate
from training.report.names import slate_meaning, slate_title
from training.report.numbers import MINUS, Interval, figure, interval, mean_of, percent, relative
from training.report.words import capital, certainty, comparison, is_sure

COLUMNS = ("MRR", "hit@10", "MRR − published", "hit@10 − published")

_CASES = {
    "similar": "Each case is the next new purchase of a customer in the category of an item that "
    "the customer had bought; the item's list is to contain it.",
    "bought_together": "Each case is an order of three items or more, of which one is hidden; the "
    "other items' lists, added up, are to contain it among all items.",
}
_SOURCES = {
    "behaviour": "from purchases",
    "content": "with items of like content",
    "global": "filled up with best sellers",
}
_CATEGORY_ITEMS = {
    "similar": "with items of the own category",
    "bought_together": "with items of complementary categories",
}


@dataclass(frozen=True, slots=True)
class CandidateLine:
    """One candidate as text; `cells` has one text for each column of the section."""

    title: str
    published: bool
    baseline: bool
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemSlateSection:
    """The page's content for one slate of items.

    `lines` has no candidate without a figure; `columns` has those of COLUMNS only if a candidate
    was measured where nothing was chosen.
    """

    title: str
    meaning: str
    published: str
    sure: bool
    verdict: str
    reason: str
    cases: str
    columns: tuple[str, ...]
    lines: tuple[CandidateLine, ...]
    coverage: str


def section(slate: str, found: ItemSlateResults) -> ItemSlateSection:
    published = found.candidate(found.choice.winner)
    gain = gain_over_baseline(found)
    return ItemSlateSection(
        title=slate_title(slate),
        meaning=slate_meaning(slate),
        published=capital(published.title) if published else found.choice.winner,
        sure=gain is not None and gain.mean > 0 and is_sure(gain),
        verdict=verdict_sentence(found),
        reason=capital(found.choice.reason),
        cases=_cases_sentence(slate, found),
        columns=(
            *(COLUMNS if _has_verdict_figures(found) else ()),
            *(f"MRR, {window}" for window in found.chosen_on),
        ),
        lines=tuple(_line(each, found) for each in found.candidates if _is_measured(each)),
        coverage=_coverage_sentence(slate, found),
    )


def gain_over_baseline(found: ItemSlateResults) -> Interval | None:
    """Return the published MRR minus the best other baseline's, as a share of the latter, where
    nothing was chosen; None if it was not measured.
    """
    base = found.best_baseline()
    if base is None or base.mrr is None or found.judged_on is None:
        return None
    gain = relative(interval(base.versus_winner), base.mrr.mean)
    return None if gain is None else gain.times(-1)


def verdict_sentence(found: ItemSlateResults) -> str:
    """Compare the published lists with the best baseline on the window that did not choose."""
    base, gain = found.best_baseline(), gain_over_baseline(found)
    if found.judged_on is None:
        return "Not judged: no window was left that did not choose."
    if base is None or gain is None:
        return f"Not compared with a baseline on {found.judged_on}."
    better = comparison(gain.mean)
    return (
        f"On {found.judged_on}, by which nothing was chosen, {better} than {base.title} "
        f"(MRR); {certainty(gain)}."
    )


def _coverage_sentence(slate: str, found: ItemSlateResults) -> str:
    shares = found.shares
    words = {**_SOURCES, "category": _CATEGORY_ITEMS.get(slate, "with items of categories")}
    parts = [
        f"{percent(each.items, 1)} of items ({percent(each.sales, 1)} by sales) "
        f"{words.get(each.source, each.source)}"
        for each in shares.coverage
    ]
    sentences = [f"Lists of ten: {'; '.join(parts)}."] if parts else []
    if shares.own_category is not None:
        own = percent(shares.own_category, 0)
        sentences.append(f"{own} of listed items are of the list's own category, by sales.")
    if shares.distinct is not None:
        sentences.append(f"All lists together have {percent(shares.distinct, 0)} different items.")
    return " ".join(sentences)


def _cases_sentence(slate: str, found: ItemSlateResults) -> str:
    cases = next((each.mrr.cases for each in found.candidates if each.mrr), None)
    counted = f" {cases:,} cases on {found.judged_on}." if cases is not None else ""
    return f"{_CASES.get(slate, '')}{counted}".strip()


def _has_verdict_figures(found: ItemSlateResults) -> bool:
    """Return whether a candidate was measured on the window that did not choose."""
    return any(each.mrr is not None for each in found.candidates)


def _is_measured(candidate: ListCandidate) -> bool:
    return candidate.mrr is not None or bool(candidate.windows)


def _line(candidate: ListCandidate, found: ItemSlateResults) -> CandidateLine:
    cells = (
        (
            figure(mean_of(candidate.mrr), 4),
            figure(mean_of(candidate.hit), 4),
            _difference(candidate.versus_winner),
            _difference(candidate.hit_versus_winner),
        )
        if _has_verdict_figures(found)
        else ()
    )
    windows = [figure(mean_of(window), 4) for window in candidate.windows]
    windows += ["–"] * (len(found.chosen_on) - len(windows))
    return CandidateLine(
        capital(candidate.title),
        candidate.name == found.choice.winner,
        candidate.baseline,
        (*cells, *windows),
    )


def _difference(found: CaseMean | None) -> str:
    if found is None:
        return "–"
    return f"{figure(found.mean, 4)} ± {figure(found.error, 4)}".replace("-", MINUS)
