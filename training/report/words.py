"""What was found, in sentences that need no statistics to be read. Pure: findings in, texts out."""

from collections.abc import Mapping

from training.metrics.results import (
    Anonymity,
    Estimate,
    Mean,
    ReasonCounts,
    Results,
    SearchedSlate,
    SlateOnHoldout,
    WarmStart,
)
from training.report.names import slate_title
from training.report.numbers import (
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
    """Return what goes before a rival: "2.3 times as good as", "12 % better than"."""
    if share + 1 >= _MANY_TIMES:
        return f"{share + 1:.1f} times as good as"
    return f"{comparison(share)} than"


def certainty(gain: Interval) -> str:
    """Say what 95 % certainty allows, or that it could be chance."""
    if gain.low is None or gain.high is None or gain.low == gain.high:
        return "how sure that is cannot be said"
    ends = f"{signed(gain.low)} and {signed(gain.high)}"
    if is_sure(gain):
        return f"95{NARROW}% sure to be between {ends}"
    return f"that could be chance (95{NARROW}% sure to be between {ends})"


def is_sure(gain: Interval) -> bool:
    if gain.low is None or gain.high is None or gain.low == gain.high:
        return False
    return gain.low > 0 or gain.high < 0


def in_short(gain: Interval) -> str:
    return f"95{NARROW}% sure" if is_sure(gain) else "which may be chance"


def lead(results: Results) -> str:
    data = results.data
    period = f", {day(data.first)} to {day(data.last)}" if data.first and data.last else ""
    return (
        f"Learned from {count(data.lines)} purchase lines of {count(data.customers)} customers"
        f"{period}. Below: which model {published(results)} for each kind of list, how good it "
        f"is, and how sure that is."
    )


def published(results: Results) -> str:
    """Say it of a run; an evaluation, which has a holdout, publishes nothing."""
    return "is published" if results.holdout is None else "would be published"


def holdout_sentence(results: Results) -> str:
    held = results.holdout
    if held is None and not any(window.judged for window in results.windows):
        return "There is no holdout either."
    if held is None:
        return (
            "There is no holdout: the models were compared on past windows, and the best of them "
            "was then trained on everything."
        )
    source = "Purchases given for this test" if held.given else "The last stretch of the purchases"
    period = f" ({day(held.start)} to {day(held.end)})" if held.start and held.end else ""
    return (
        f"{source}{period}: {count(held.lines)} lines of {count(held.customers)} customers are "
        f"judged, every model on the whole catalogue. Nothing was learned from them and nothing "
        f"chosen by them. Not judged: {count(held.customers_unknown)} customers nobody knew and "
        f"{count(held.lines_unknown)} lines of customers or items that were not learned from."
    )


def windows_sentence(results: Results) -> str:
    judged = sum(window.judged for window in results.windows)
    others = len(results.windows) - judged
    if not results.windows:
        return "The history was too short for a single past window."
    learned = f" Rankers learned from {_times(others, 'earlier window')} besides." if others else ""
    return f"Models were compared on {_times(judged, 'past window')}.{learned}"


def tuning_sentence(results: Results) -> str:
    """Say what a search for settings of the rankers came to; nothing where there was none."""
    found = results.tuning
    if found is None:
        return ""
    if not found.slates:
        return "Not tuned: the history is too short to compare settings on."
    trials = max(searched.trials for searched in found.slates.values())
    each = "; ".join(
        f"{slate_title(slate)}: {_searched_words(searched)}"
        for slate, searched in found.slates.items()
    )
    return (
        f"Tuned: {_times(trials, 'trial')} in {number(found.minutes, 1)} minutes. Gain of the "
        f"ranker's NDCG@10 on past windows against the default settings, for customers that the "
        f"search has not seen: {each}."
    )


def _searched_words(searched: SearchedSlate) -> str:
    gain = searched.gain
    if gain is None:
        return "no trial was better, the defaults stand"
    found = f"{number(gain.mean, 4)} ± {figure(gain.error, 4)}"
    return found if searched.changed else f"{found}, not clearly better: the defaults stand"


def _times(number: int, what: str) -> str:
    return f"one {what}" if number == 1 else f"{count(number)} {what}s"


def slate_on_holdout_sentence(held: SlateOnHoldout) -> str:
    if not held.customers:
        return "Nobody had anything to find."
    found = (
        f"{count(held.customers)} customers had something to find, "
        f"{figure(held.relevant_per_customer, 1)} items each."
    )
    if known(held.candidate_recall) is None:
        return found
    share = percent(held.candidate_recall, 0)
    return (
        f"{found} A learned ranker could have shown {share} of it: the rest is not among its "
        f"candidates."
    )


def reasons_sentence(reasons: Mapping[str, ReasonCounts]) -> str:
    named = sum(counts.named for counts in reasons.values())
    own = sum(counts.named_in_history for counts in reasons.values())
    if not named:
        return "No reason names an item of the customer's own."
    share = percent(own / named, 0 if own == named else 3)
    return (
        f"{count(named)} reasons name an item (“because you bought …”); {share} of them name one "
        f"that the customer has bought."
    )


def warm_sentence(warm: WarmStart) -> str:
    """Say what a customer gets who came after training."""
    first = next((path for path in warm.paths if path.neighbours.mean > 0), None)
    start = (
        f"{count(warm.customers)} customers were hidden at training, and their orders given later."
    )
    if first is None:
        return start
    orders = first.orders
    after = "With all orders" if orders is None else f"With {_times(orders, 'order')}"
    parts = [f"{start} {after} known, their lists are"]
    if first.popularity.mean > 0:
        parts.append(f"{compared(first.neighbours.mean / first.popularity.mean - 1)} best sellers")
    if warm.known and warm.known.mean > 0:
        joint = ", and reach" if len(parts) > 1 else "at"
        share = percent(first.neighbours.mean / warm.known.mean, 0)
        parts[-1] += joint if joint.startswith(",") else f" {joint}"
        parts.append(f"{share} of what the chosen model does once trained on them")
    return " ".join(parts) + "."


def spread(value: Mean | Estimate | None, digits: int) -> str:
    """Return the 95 % interval as text, or nothing."""
    between = interval(value)
    if between is None or between.low is None or between.high is None:
        return ""
    return f"{between.low:.{digits}f}–{between.high:.{digits}f}"


def capital(text: str) -> str:
    text = clean(text)
    return text[:1].upper() + text[1:]


def anonymity_sentence(found: Anonymity) -> str:
    """Say what was left out of the lists that are the same for everybody."""
    if found.k <= 1:
        return "Lists that everybody sees hold what a single customer bought (--k-anonymity 1)."
    return (
        f"Of what fewer than {found.k} customers bought, lists that everybody sees leave out "
        f"{count(found.items_left_out)} items, {count(found.similar_pairs_left_out)} pairs of "
        f"similar items and {count(found.together_pairs_left_out)} of items bought together."
    )
