"""Judging of item slates: past windows choose the candidate, a later window judges the choice.

Selection takes a History and sees nothing after its end. In a run, the newest past window judges
and the older ones choose. In an evaluation all past windows choose and the holdout judges.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recsvc.domain.catalogue.slates import ItemSlate
from training.concurrency import each
from training.dataset.history import History
from training.dataset.windows import Window, plan_windows
from training.item_slates.list_choice import choose_lists, slate_results
from training.item_slates.list_shares import shares_of
from training.item_slates.maker import ItemData, ItemLists, ItemSlateMaker, WindowFigures
from training.metrics.item_slate_results import ItemSlateResults, ListChoice
from training.settings import TrainingSettings

_NamedFigures = tuple[str, WindowFigures]


@dataclass(frozen=True, slots=True)
class ItemSlates:
    """The published lists and the results of every item slate."""

    lists: Mapping[ItemSlate, ItemLists]
    results: Mapping[str, ItemSlateResults]


def fit_item_slates(
    makers: Sequence[ItemSlateMaker],
    data: ItemData,
    settings: TrainingSettings,
    holdout: History | None = None,
) -> ItemSlates:
    """Choose, judge and fit the lists of every item slate. `holdout`: later purchases that judge
    instead of the newest past window, in the rows of the shop's interactions.
    """

    def fit(maker: ItemSlateMaker) -> tuple[ItemLists, ItemSlateResults]:
        choice, chosen_on, judged_on = _judged(maker, data, settings, holdout)
        published = maker.publish(choice.winner, data, settings)
        shares = shares_of(published, data)
        return published, slate_results(maker.candidates, choice, chosen_on, judged_on, shares)

    slates = [maker.slate for maker in makers]
    fitted = dict(zip(slates, each(fit, makers), strict=True))
    return ItemSlates(
        {slate: lists for slate, (lists, _) in fitted.items()},
        {str(slate): results for slate, (_, results) in fitted.items()},
    )


def _judged(
    maker: ItemSlateMaker, data: ItemData, settings: TrainingSettings, holdout: History | None
) -> tuple[ListChoice, list[_NamedFigures], _NamedFigures | None]:
    history = data.interactions.history
    wanted = maker.choosing_windows + (holdout is None)  # the newest judges without a holdout
    plan = plan_windows(history, settings.horizon_days, wanted, 0)
    windows = [
        (_name(window, data), figures)
        for place, window in enumerate(plan.windows)
        if (figures := _on_window(maker, window, place, data, settings, judges=holdout is None))
    ]
    if holdout is not None:
        judged = maker.figures(history, holdout, data, settings, settings.seed, judging=True)
        judged_on = ("the holdout", judged) if judged else None
    else:
        judged_on = windows.pop(0) if len(windows) > 1 else None
    return choose_lists(maker.candidates, [found for _, found in windows]), windows, judged_on


def _on_window(
    maker: ItemSlateMaker,
    window: Window,
    place: int,
    data: ItemData,
    settings: TrainingSettings,
    *,
    judges: bool,
) -> WindowFigures:
    """Measure one window; if a past window judges, that is the newest."""
    history = data.interactions.history
    later = history.between(window.start, window.end)
    known, seed, judging = window.known(history), settings.seed + place + 1, judges and not place
    return maker.figures(known, later, data, settings, seed, judging=judging)


def _name(window: Window, data: ItemData) -> str:
    interactions = data.interactions
    return f"{interactions.day_text(window.start)} to {interactions.day_text(window.end)}"
