"""The headline of a slate: the published model, its gain over the best base model, and
certainty.
"""

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
    """The headline of one slate: `number`, its meaning, and sentences."""

    slate: str
    title: str
    published: str
    number: str
    meaning: str
    sure: bool  # significantly better
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
    """Return the number, its meaning, and whether it is significantly better.

    A result on the holdout takes precedence over past windows, on which the choice was made.
    """
    choice = found.choice
    contender = _best_base_model(choice.winner, held) if held else None
    base_wins = choice.winner == choice.best_simple
    which = "next best base model" if base_wins else "best base model"
    if contender and contender.gain.mean < 0:
        return _worse_on_holdout(contender)
    if contender:
        meaning = f"than the {which} ({contender.title}) on the holdout, {in_short(contender.gain)}"
        return comparison(contender.gain.mean), meaning, is_sure(contender.gain)
    if not choice.judged:
        return "Not compared", "too little history to compare models", False
    if gain and choice.best_simple and not base_wins:
        base = title_of(choice.best_simple, models)
        meaning = f"than the {which} ({base}) on past windows, {in_short(gain)}"
        return comparison(gain.mean), meaning, is_sure(gain)
    if base_wins:
        return "Base model", "no learned model is clearly better on past windows", True
    return "Chosen", choice.reason, False


def _choice_sentence(
    found: SlateResults, models: Mapping[str, Model], gain: Interval | None
) -> str:
    """Return the reason why this model is chosen."""
    choice = found.choice
    if not choice.judged:
        return f"Default model, chosen without a comparison: {choice.reason}."
    if choice.best_simple is None or gain is None:
        return f"{capital(choice.reason)}."
    base = title_of(choice.best_simple, models)
    if choice.winner != choice.best_simple:
        return f"On past windows {comparison(gain.mean)} than {base}; {certainty(gain)}."
    learned = title_of(choice.best_learned, models) if choice.best_learned else "learned model"
    return (
        f"The best learned model ({learned}) is not chosen: on past windows it is "
        f"{comparison(gain.mean)} than {base}; {certainty(gain)}."
    )


def _gain_on_windows(found: SlateResults) -> Interval | None:
    """Return the gain of learned over base, as a share of the base model's NDCG.

    It is the published model's gain if that is a learned one, else the best learned model's.
    """
    choice = found.choice
    base = next((each for each in found.models if each.model.name == choice.best_simple), None)
    if base is None:
        return None
    behind = interval(base.versus_winner) if choice.winner != choice.best_simple else None
    gain = behind.times(-1) if behind else interval(choice.gain)
    return relative(gain, mean_of(pooled(base.windows)))


@dataclass(frozen=True, slots=True)
class Contender:
    """A base model compared with the published one; `gain` is the published model's, as a share."""

    title: str
    gain: Interval


def _best_base_model(
    winner: str, held: SlateOnHoldout, family: Family | None = None
) -> Contender | None:
    """Return the holdout's best base model other than the published one."""
    contenders = [
        (each.metrics[MAIN_METRIC].mean, each)
        for each in held.models
        if each.model.name != winner and not is_learned(each.model) and MAIN_METRIC in each.metrics
        if family in (None, each.model.family) and each.versus_winner
        if each.metrics[MAIN_METRIC].mean > 0
    ]
    if not contenders:
        return None
    mean, best = max(contenders, key=lambda contender: (contender[0], contender[1].model.name))
    behind = relative(interval(best.versus_winner), mean)
    gain = behind.times(-1) if behind else None
    return Contender(best.model.title, gain) if gain else None


def _worse_on_holdout(contender: Contender) -> tuple[str, str, bool]:
    """Return the headline if a base model was better on the holdout."""
    if not is_sure(contender.gain):
        worse = f"{comparison(contender.gain.mean)}, {in_short(contender.gain)}"
        return "No clear difference", f"from {contender.title} on the holdout: {worse}", False
    reached = percent(1 + contender.gain.mean)
    meaning = (
        f"on the holdout it reached {reached} of the NDCG of {contender.title}, "
        f"{in_short(contender.gain)}; models are chosen on past windows, never on the holdout"
    )
    return "Not the best", meaning, False


def _holdout_sentences(winner: str, held: SlateOnHoldout) -> Iterable[str]:
    if not held.customers:
        yield "No customer of the holdout bought an item that this slate shows."
        return
    contender = _best_base_model(winner, held)
    if contender:
        better = comparison(contender.gain.mean)
        yield f"On the holdout {better} than {contender.title}; {certainty(contender.gain)}."
    best_sellers = _best_base_model(winner, held, Family.POPULARITY)
    if best_sellers and best_sellers.title != (contender and contender.title):
        yield f"{capital(compared(best_sellers.gain.mean))} showing best sellers to all customers."
    own = next((each for each in held.models if each.model.name == winner), None)
    hits = interval(own.metrics.get(_HIT_RATE)) if own else None
    if hits:
        yield (
            f"{hits.mean * 100:.0f} of 100 customers bought at least one of the "
            f"{MAIN_K} items of their list."
        )
