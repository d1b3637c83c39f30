"""The publication gate: objections to replacing the current model with a new one. Pure.

The first model of a shop is always published, so that a shop with a short history can start. An
operator can accept each objection by its name.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import hypot
from typing import Any

from training.errors import NotPublishable
from training.publish.model_summary import Lead, ModelSummary

# Least share of the current model's customers, items and lines. They grow from run to run; deleting
# old orders removes a few. Only a missing file, a wrong filter or a wrong id column removes half.
_LEAST_KEPT = 0.5

# Least share of the current model's lead over popularity. Seasons change the lead. Purchases under
# wrong customer ids end it, because then no personal model predicts anything.
_LEAST_LEAD = 0.5
# The same for windows of another length, where a list's lead differs in size: only its end counts.
_LEAST_LEAD_OF_OTHER_WINDOWS = 0.2
_ERRORS_APART = 2.0  # standard errors of the difference; a smaller one may be chance


class Objection(StrEnum):
    TOO_LITTLE_HISTORY = "too_little_history"
    COLLAPSE = "collapse"
    WORSE_RANKING = "worse_ranking"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """`objections`: each objection to publication, with its text. `not_compared`: each comparison
    that was left out, with the reason.
    """

    objections: Mapping[Objection, str] = field(default_factory=dict)
    not_compared: tuple[str, ...] = ()

    def refuse(self, accepted: Collection[Objection]) -> None:
        """Raise NotPublishable unless the operator accepted every objection."""
        remaining = [each for each in self.objections if each not in accepted]
        if not remaining:
            return
        text = "; ".join(self.objections[each] for each in remaining)
        flags = " ".join(f"--accept {each}" for each in remaining)
        raise NotPublishable(
            f"the current model is kept: {text}. If these figures are correct, run again with "
            f"{flags}",
            code=str(remaining[0]),
        )

    def as_json(self, accepted: Collection[Objection]) -> dict[str, Any]:
        """Return the manifest's entry. In a published model, all objections were accepted."""
        return {
            "accepted": {str(each): text for each, text in self.objections.items()},
            "asked_to_accept": sorted(str(each) for each in accepted),
            "not_compared": "; ".join(self.not_compared) or None,
        }

    def sentences(self) -> list[str]:
        """Return the text for terminal and report about a model that is published."""
        return [
            *(f"Published despite {each}: {text}." for each, text in self.objections.items()),
            *(f"Not compared with the current model: {each}." for each in self.not_compared),
        ]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model's summary, the number of customers left out of its training for lack of consent, and
    the settings of its past windows (`--horizon`, `--windows`).
    """

    summary: ModelSummary
    without_consent: int
    judging: Mapping[str, float | None] = field(default_factory=dict)


def compare_models(new: Candidate, used: Candidate) -> GateVerdict:
    """Compare a new model with the current one."""
    leads = _compared_leads(new, used)
    found = {
        Objection.TOO_LITTLE_HISTORY: _not_evaluated(new.summary, used.summary),
        Objection.COLLAPSE: _collapsed(new, used),
        Objection.WORSE_RANKING: "; ".join(leads.lost),
        Objection.NOT_COMPARABLE: "; ".join(leads.missing),
    }
    if found[Objection.TOO_LITTLE_HISTORY]:
        found[Objection.NOT_COMPARABLE] = None  # the same objection to each slate
    return GateVerdict({each: text for each, text in found.items() if text}, tuple(leads.noted))


def _not_evaluated(new: ModelSummary, used: ModelSummary) -> str | None:
    """Return an objection if only the current model was evaluated on past windows."""
    if new.judged or not used.judged:
        return None
    return f"{new.reason}, and the current model was compared on past windows"


def _collapsed(new: Candidate, used: Candidate) -> str | None:
    """Return an objection if customers, items or lines fell below _LEAST_KEPT of before."""
    now, before = new.summary.data, used.summary.data
    sizes = [
        ("customers", before.customers, now.customers),
        ("items", before.items, now.items),
        ("lines", before.lines, now.lines),
    ]
    shown_before, shown_now = used.summary.items_shown(), new.summary.items_shown()
    if shown_before is not None and shown_now is not None:
        sizes.append(("items that lists for all visitors may show", shown_before, shown_now))
    fell = [
        f"{name} fell from {was:,} to {is_now:,}"
        for name, was, is_now in sizes
        if is_now < _LEAST_KEPT * was
    ]
    if not fell:
        return None
    return f"{', '.join(fell)} (less than {_LEAST_KEPT:.0%} is a collapse){_withdrawn(new, used)}"


def _withdrawn(new: Candidate, used: Candidate) -> str:
    """Add the number of customers without consent: the current model still contains those who
    withdrew, so keeping it does not protect them.
    """
    if new.without_consent <= used.without_consent:
        return ""
    return (
        f"; {new.without_consent:,} customers do not consent to training "
        f"({used.without_consent:,} before); the current model still contains those who withdrew "
        "since, and only a new model removes them"
    )


@dataclass(frozen=True, slots=True)
class _Leads:
    """Texts about the slates: `lost` their lead; `missing` a figure, although the current model has
    a clear lead; `noted` for the operator without an objection.
    """

    lost: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)


def _compared_leads(new: Candidate, used: Candidate) -> _Leads:
    """Compare the lead of every slate that either model has."""
    found = _Leads()
    mine, theirs = new.summary.lists(), used.summary.lists()
    for name in {**theirs, **mine}:
        if name not in theirs:
            found.noted.append(f"{name}, because the current model has no such lists")
            continue
        before = theirs[name].lead()
        if before is None:
            reason = theirs[name].why_no_lead()
            found.noted.append(f"{name}, because of the current model: {reason}")
            continue
        now = mine[name].lead() if name in mine else None
        if now is None:
            reason = mine[name].why_no_lead() if name in mine else "it has no such lists"
            text = f"{name}, because of the new model: {reason}; {_stated(before, used)}"
            (found.missing if _is_clear(before) else found.noted).append(text)
        elif _clearly_below(now, before):
            found.lost.append(f"{name} is {_ahead(now, new)}, and {_stated(before, used)}")
        elif now.ratio < _LEAST_LEAD * before.ratio and _is_clear(before):
            text = f"{name}: {_ahead(now, new)}, too uncertain a figure; {_stated(before, used)}"
            (found.noted if new.judging == used.judging else found.missing).append(text)
    return found


def _ahead(lead: Lead, model: Candidate) -> str:
    return (
        f"{lead.ratio:+.0%} ± {lead.error:.0%} ahead of popularity on past windows of "
        f"{model.summary.data.horizon_days:.3g} days"
    )


def _stated(lead: Lead, used: Candidate) -> str:
    return f"the current model was {_ahead(lead, used)}"


def _is_clear(lead: Lead) -> bool:
    return lead.ratio > _ERRORS_APART * lead.error


def _clearly_below(now: Lead, before: Lead) -> bool:
    missing = _LEAST_LEAD * before.ratio - now.ratio
    return missing > _ERRORS_APART * hypot(now.error, _LEAST_LEAD * before.error)
