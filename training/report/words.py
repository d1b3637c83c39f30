"""Sentences of the report, without statistical terms. Pure: results in, texts out."""

from collections.abc import Mapping

from training.metrics.estimates import Estimate, Mean
from training.metrics.results import (
    Anonymity,
    PopularList,
    ReasonCounts,
    Results,
    SlateOnHoldout,
)
from training.metrics.search_results import SearchedConstant, SearchedSlate
from training.metrics.warm_start_results import WarmPath, WarmStart
from training.report.names import slate_title
from training.report.numbers import (
    MINUS,
    NARROW,
    Interval,
    clean,
    count,
    day,
    figure,
    interval,
    known,
    number,
    percent,
    signed,
)

_MANY_TIMES = 1.5  # from here on "2.3 times" says more than "130 %"


def comparison(share: float) -> str:
    """Return "3.1 % better", "0.4 % worse" or "no better"."""
    size = percent(abs(share))
    if not size.strip(f"0.{NARROW}%"):
        return "no better"
    return f"{size} better" if share > 0 else f"{size} worse"


def compared(share: float) -> str:
    """Return the words before a contender's name: "2.3 times as good as", "12 % better than"."""
    if share + 1 >= _MANY_TIMES:
        return f"{share + 1:.1f} times as good as"
    return f"{comparison(share)} than"


def certainty(gain: Interval) -> str:
    """Return the 95 % interval, or that the difference may be chance."""
    if gain.low is None or gain.high is None or gain.low == gain.high:
        return "the certainty is unknown"
    ends = f"{signed(gain.low)} and {signed(gain.high)}"
    if is_sure(gain):
        return f"with 95{NARROW}% certainty between {ends}"
    return f"this may be chance (with 95{NARROW}% certainty between {ends})"


def is_sure(gain: Interval) -> bool:
    if gain.low is None or gain.high is None or gain.low == gain.high:
        return False
    return gain.low > 0 or gain.high < 0


def in_short(gain: Interval) -> str:
    return f"with 95{NARROW}% certainty" if is_sure(gain) else "which may be chance"


def lead(results: Results) -> str:
    data = results.data
    period = f", {day(data.first)} to {day(data.last)}" if data.first and data.last else ""
    return (
        f"Learned from {count(data.lines)} purchase lines of {count(data.customers)} customers"
        f"{period}. This page shows for each slate which model {published(results)}, how good its "
        f"lists are, and how certain this is."
    )


def published(results: Results) -> str:
    """Return "is published" for a run; an evaluation publishes nothing."""
    return "is published" if results.holdout is None else "would be published"


def holdout_sentence(results: Results) -> str:
    held = results.holdout
    if held is None and not any(window.judged for window in results.windows):
        return "There is no holdout."
    if held is None:
        return (
            "There is no holdout: the models were compared on past windows, and the chosen ones "
            "were then trained on all purchases."
        )
    source = "The purchases of the holdout file" if held.given else "The last part of the purchases"
    period = f" ({day(held.start)} to {day(held.end)})" if held.start and held.end else ""
    return (
        f"{source}{period}: {count(held.lines)} lines of {count(held.customers)} customers are "
        f"the holdout; every model ranks the whole catalogue for them. They were used neither for "
        f"training nor for the choice. Left out: {count(held.customers_unknown)} customers without "
        f"earlier purchases and {count(held.lines_unknown)} lines of unknown customers or items."
    )


def windows_sentence(results: Results) -> str:
    judged = sum(window.judged for window in results.windows)
    others = len(results.windows) - judged
    if not results.windows:
        return "The history is too short for a past window."
    learned = (
        f" {_times(others, 'earlier window').capitalize()} trained rankers only." if others else ""
    )
    return f"Models were compared on {_times(judged, 'past window')}.{learned}"


def constants_sentence(results: Results) -> str:
    """Describe the constants that a past window changed; empty if none was searched."""
    if not results.constants:
        return ""
    changed = [each for each in results.constants if each.chosen != each.values[0].value]
    if not changed:
        return "Constants of the base models: the defaults; no other value was clearly better."
    return (
        "Constants of the base models that a past window chose: "
        + "; ".join(
            f"{each.name.replace('_', ' ')} {each.chosen} instead of {each.values[0].value} "
            f"({_gain_of(each)})"
            for each in changed
        )
        + "."
    )


def _gain_of(constant: SearchedConstant) -> str:
    gain = next(each.gain for each in constant.values if each.value == constant.chosen)
    return f"NDCG@10 of {slate_title(constant.slate)} {gain.mean:+.4f} ± {gain.error:.4f}"


def tuning_sentence(results: Results) -> str:
    """Describe the result of a settings search; empty without a search."""
    found = results.tuning
    if found is None:
        return ""
    if not found.slates:
        return "Not tuned: the history is too short to compare settings."
    trials = max(searched.trials for searched in found.slates.values())
    each = "; ".join(
        f"{slate_title(slate)}: {_searched_words(searched)}"
        for slate, searched in found.slates.items()
    )
    return (
        f"Tuned: {_times(trials, 'trial')} in {number(found.minutes, 1)} minutes. Gain of the "
        f"ranker's NDCG@10 over the default settings, on past windows and for customers that the "
        f"search did not use: {each}."
    )


def _searched_words(searched: SearchedSlate) -> str:
    gain = searched.gain
    if gain is None:
        return "no trial was better, the defaults are kept"
    found = f"{number(gain.mean, 4)} ± {figure(gain.error, 4)}"
    return found if searched.changed else f"{found}, not clearly better: the defaults are kept"


def _times(number: int, noun: str) -> str:
    return f"one {noun}" if number == 1 else f"{count(number)} {noun}s"


def slate_on_holdout_sentence(held: SlateOnHoldout) -> str:
    if not held.customers:
        return "No customer bought an item that this slate shows."
    found = (
        f"{count(held.customers)} customers bought items that this slate shows, "
        f"{figure(held.relevant_per_customer, 1)} per customer."
    )
    if known(held.candidate_recall) is None:
        return found
    share = percent(held.candidate_recall, 0)
    return (
        f"{found} {share} of these items are candidates of a learned ranker; it cannot list the "
        f"others."
    )


def reasons_sentence(reasons: Mapping[str, ReasonCounts]) -> str:
    named = sum(counts.named for counts in reasons.values())
    own = sum(counts.named_in_history for counts in reasons.values())
    if not named:
        return "No reason names an item that the customer bought."
    share = percent(own / named, 0 if own == named else 3)
    return (
        f"{count(named)} reasons name an item (“because you bought …”); in {share} of them the "
        f"customer bought it."
    )


def warm_sentence(warm: WarmStart) -> str:
    """Describe the lists of customers whose first purchases come after training."""
    first = next((path for path in warm.paths if path.history.mean > 0), None)
    start = f"{count(warm.customers)} customers were left out of training; orders were added later."
    if warm.listed is not None:
        start = (
            f"{count(warm.customers)} of {count(warm.listed)} listed customers have purchases and "
            f"were left out of training; orders were added later."
        )
    if first is None:
        return start
    orders = first.orders
    after = "With all orders" if orders is None else f"With {_times(orders, 'order')}"
    parts = [f"{start} {after} known, their lists are"]
    if first.popularity.mean > 0:
        parts.append(f"{compared(first.history.mean / first.popularity.mean - 1)} best sellers")
    if warm.known and warm.known.mean > 0:
        joint = ", and reach" if len(parts) > 1 else "at"
        share = percent(first.history.mean / warm.known.mean, 0)
        parts[-1] += joint if joint.startswith(",") else f" {joint}"
        parts.append(f"{share} of the chosen model's quality after training on them")
    return " ".join([*parts[:-1], f"{parts[-1]}.", *map(_ratios, warm.paths)])


def _ratios(path: WarmPath) -> str:
    """Describe one path beside best sellers and the same customers trained."""
    of = [(path.of_popularity, "of best sellers"), (path.of_known, "of their trained lists")]
    ratios = [
        f"{ratio.mean:.2f} ± {ratio.error:.2f} {base}"
        for ratio, base in of
        if ratio is not None and known(ratio.mean) is not None
    ]
    return f"{orders_told(path).capitalize()}: {', '.join(ratios) or '–'}."


def orders_told(path: WarmPath) -> str:
    if path.orders is None:
        return "all orders of 180 days told"
    return f"latest {_times(path.orders, 'order')} told"


def spread(value: Mean | Estimate | None, digits: int) -> str:
    """Return the 95 % interval as text, or an empty text."""
    between = interval(value)
    if between is None or between.low is None or between.high is None:
        return ""
    return f"{between.low:.{digits}f}–{between.high:.{digits}f}"


def capital(text: str) -> str:
    text = clean(text)
    return text[:1].upper() + text[1:]


def popular_sentence(found: PopularList) -> str:
    """Compare the list for all visitors as ranked and as served."""
    change = f"{found.difference.mean:+.4f} ± {figure(found.difference.error, 4)}"
    return (
        f"Popular items on {found.judged_on}: NDCG@10 {figure(found.ranked.mean, 4)} as ranked, "
        f"{figure(found.served.mean, 4)} as served with at most two items of a category among the "
        f"first five ({change.replace('-', MINUS)})."
    )


def anonymity_sentence(found: Anonymity) -> str:
    """Describe the items and pairs that anonymous lists leave out."""
    if found.k <= 1:
        return "Anonymous lists may show items that a single customer bought (--k-anonymity 1)."
    return (
        f"Anonymous lists leave out {count(found.items_left_out)} items and "
        f"{count(found.together_pairs_left_out)} pairs of items bought together, because fewer "
        f"than {found.k} customers bought them. {count(found.similar_pairs_by_content)} listed "
        f"pairs of similar items are scored without the purchases of their fewer than {found.k} "
        f"common customers."
    )
