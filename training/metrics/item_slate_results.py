"""Results of the lists of items ("similar", "bought_together"), as plain values.

A case is one question of a window, such as an order with one item hidden. Each candidate ranks the
whole catalogue for each case. MRR is the mean of 1 / rank of the wanted item, hit@10 the share of
cases that have it among the first ten. Differences are paired by case; standard errors are by
customer, since cases of one customer are alike.

item_slates, by slate ("similar", "bought_together")
├── choice       the published candidate, and the reason as text
├── chosen_on    the past windows that chose it, newest first
├── judged_on    the window that did not choose, or the holdout
├── candidates   every candidate and baseline, best first
└── shares       of the published lists: coverage by source, own category, distinctness
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CaseMean:
    """A mean over cases, and its standard error by customer."""

    mean: float
    error: float
    cases: int


@dataclass(frozen=True, slots=True)
class ListChoice:
    """`judged` is false if no past window had enough cases; then the winner is the default.

    `gain` is the MRR of the best candidate minus the best baseline's, pooled over the windows that
    chose.
    """

    winner: str
    judged: bool
    reason: str
    best_baseline: str | None = None
    gain: CaseMean | None = None


@dataclass(frozen=True, slots=True)
class ListCandidate:
    """One way to make the lists. A baseline is a way in common use.

    `windows` are MRRs in the order of `chosen_on`. The rest is measured on the window `judged_on`:
    `versus_winner` is the MRR minus the published candidate's (null for that candidate),
    `hit_versus_winner` the same of hit@10.
    """

    name: str
    title: str
    baseline: bool
    windows: tuple[CaseMean, ...] = ()
    mrr: CaseMean | None = None
    hit: CaseMean | None = None
    versus_winner: CaseMean | None = None
    hit_versus_winner: CaseMean | None = None


@dataclass(frozen=True, slots=True)
class SourceShare:
    """Shares of the items and of the sales whose list of ten comes from one source.

    `source` is the weakest source among the first ten of a list: "behaviour", then "content",
    then "category", then "global", which fills a list that has fewer than ten items of its own.
    """

    source: str
    items: float
    sales: float


@dataclass(frozen=True, slots=True)
class ListShares:
    """Properties of the published lists, of which the first ten items count.

    `own_category` is the share of listed items of the list's own category, weighted by sales.
    `distinct` is the number of different items in all lists / the number of items with a list.
    """

    coverage: tuple[SourceShare, ...] = ()
    own_category: float | None = None
    distinct: float | None = None


@dataclass(frozen=True, slots=True)
class ItemSlateResults:
    """`judged_on` is null if no window was left that did not choose."""

    choice: ListChoice
    chosen_on: tuple[str, ...] = ()
    judged_on: str | None = None
    candidates: tuple[ListCandidate, ...] = ()
    shares: ListShares = ListShares()

    def candidate(self, name: str) -> ListCandidate | None:
        return next((each for each in self.candidates if each.name == name), None)

    def best_baseline(self) -> ListCandidate | None:
        """Return the best baseline of the window that did not choose, without the winner."""
        found = [
            each
            for each in self.candidates
            if each.baseline and each.mrr and each.name != self.choice.winner
        ]
        return max(found, key=lambda each: each.mrr.mean if each.mrr else 0.0, default=None)
