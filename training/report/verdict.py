"""The headline of a slate: what is published, how much better it is than what, and how sure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from training.metrics.model import Family, Model
from training.metrics.results import MAIN_K, MAIN_METRIC, SlateOnHoldout, SlateResults
from training.report.names import is_learned, slate_title, title_of
from training.report.numbers import Interval, interval, mean_of, percent, pooled, relative
from training.report.words import capital, certainty, compared, comparison, in_short, is_sure

_HIT_RATE = f"hit_rate@{MAIN_K}"


@dataclass(frozen=True, slots=True)
class VerdictSection:
    """The headline of one slate: `number` and what it means, then sentences."""

    slate: str
    title: str
    published: str
    number: str
    meaning: str
    sure: bool  # better, and not by chance
    sentences: tuple[str, ...]


def verdict(slate: str, found: SlateResults, held: SlateOnHoldout | None) -> VerdictSection:
    models = models_of(found, held)
    winner = models.get(found.choice.winner)
    gain = _gain_on_windows(found)
    number, meaning, sure = _big_number(found, held, models, gain)
    sentences = [_choice_sentence(found, models, gain)]
    if held:
        sentences += _holdout_sentences(found.choice.winner, held)
    return VerdictSection(
        slate=slate,
        title=slate_title(slate),
        published=winner.title if winner else title_of(found.choice.winner, models),
        number=number,
        meaning=meaning,
        sure=sure,
        sentences=tuple(each for each in sentences if each),
    )


def models_of(found: SlateResults, held: SlateOnHoldout | None) -> dict[str, Model]:
    models = {each.model.name: each.model for each in found.models}
    return models | ({each.model.name: each.model for each in held.models} if held else {})


def _big_number(
    found: SlateResults,
    held: SlateOnHoldout | None,
    models: Mapping[str, Model],
    gain: Interval | None,
) -> tuple[str, str, bool]:
    """Return the number, its meaning and whether it is surely better.

    What the holdout says goes before what the choice was made by.
    """
    choice = found.choice
    rival = _simple_rival(choice.winner, held) if held else None
    simple_wins = choice.winner == choice.best_simple
    which = "next best simple model" if simple_wins else "best simple model"
    if rival and rival.gain.mean < 0:
        return _beaten(rival)
    if rival:
        meaning = f"than the {which} ({rival.title}) on the holdout, {in_short(rival.gain)}"
        return comparison(rival.gain.mean), meaning, is_sure(rival.gain)
    if not choice.judged:
        return "Not judged", "too little to compare models on", False
    if gain and choice.best_simple and not simple_wins:
        simple = title_of(choice.best_simple, models)
        meaning = f"than the {which} ({simple}) on past windows, {in_short(gain)}"
        return comparison(gain.mean), meaning, is_sure(gain)
    if simple_wins:
        return "Simple wins", "no learned model clearly does better on past windows", True
    return "Chosen", choice.reason, False


def _choice_sentence(
    found: SlateResults, models: Mapping[str, Model], gain: Interval | None
) -> str:
    """Say why this model is chosen."""
    choice = found.choice
    if not choice.judged:
        return f"Chosen without a comparison, as a sound default: {choice.reason}."
    if choice.best_simple is None or gain is None:
        return f"{capital(choice.reason)}."
    simple = title_of(choice.best_simple, models)
    if choice.winner != choice.best_simple:
        return f"On past windows {comparison(gain.mean)} than {simple}; {certainty(gain)}."
    learned = title_of(choice.best_learned, models) if choice.best_learned else "learned model"
    return (
        f"The best learned model ({learned}) is not chosen: on past windows it is "
        f"{comparison(gain.mean)} than {simple}; {certainty(gain)}."
    )


def _gain_on_windows(found: SlateResults) -> Interval | None:
    """Return learned over simple, as a share of the simple one's NDCG.

    Where a learned model is published, it is that one's gain; else the best learned one's.
    """
    choice = found.choice
    simple = next((each for each in found.models if each.model.name == choice.best_simple), None)
    if simple is None:
        return None
    behind = interval(simple.versus_winner) if choice.winner != choice.best_simple else None
    gain = behind.times(-1) if behind else interval(choice.gain)
    return relative(gain, mean_of(pooled(simple.windows)))


@dataclass(frozen=True, slots=True)
class Rival:
    """A simple model beside the published one; `gain` is the published one's, as a share."""

    title: str
    gain: Interval


def _simple_rival(winner: str, held: SlateOnHoldout, family: Family | None = None) -> Rival | None:
    """Return the best simple model of the holdout that is not published itself."""
    rivals = [
        (each.metrics[MAIN_METRIC].mean, each)
        for each in held.models
        if each.model.name != winner and not is_learned(each.model) and MAIN_METRIC in each.metrics
        if family in (None, each.model.family) and each.versus_winner
        if each.metrics[MAIN_METRIC].mean > 0
    ]
    if not rivals:
        return None
    mean, best = max(rivals, key=lambda rival: (rival[0], rival[1].model.name))
    behind = relative(interval(best.versus_winner), mean)
    gain = behind.times(-1) if behind else None
    return Rival(best.model.title, gain) if gain else None


def _beaten(rival: Rival) -> tuple[str, str, bool]:
    """Say that a simple model did better, and why it was not chosen all the same."""
    if not is_sure(rival.gain):
        worse = f"{comparison(rival.gain.mean)}, {in_short(rival.gain)}"
        return "No clear difference", f"from {rival.title} on the holdout: {worse}", False
    reached = percent(1 + rival.gain.mean)
    meaning = (
        f"on the holdout it reached {reached} of what {rival.title} did, {in_short(rival.gain)}; "
        f"models are chosen on past windows, never on the holdout"
    )
    return "Not the best", meaning, False


def _holdout_sentences(winner: str, held: SlateOnHoldout) -> Iterable[str]:
    if not held.customers:
        yield "Nobody in the holdout had anything to find for this slate."
        return
    rival = _simple_rival(winner, held)
    if rival:
        better = comparison(rival.gain.mean)
        yield f"On the holdout {better} than {rival.title}; {certainty(rival.gain)}."
    best_sellers = _simple_rival(winner, held, Family.POPULARITY)
    if best_sellers and best_sellers.title != (rival and rival.title):
        yield f"{capital(compared(best_sellers.gain.mean))} showing everybody the best sellers."
    own = next((each for each in held.models if each.model.name == winner), None)
    hits = interval(own.metrics.get(_HIT_RATE)) if own else None
    if hits:
        yield (
            f"{hits.mean * 100:.0f} of 100 customers bought at least one of the "
            f"{MAIN_K} items that it would have shown them."
        )
