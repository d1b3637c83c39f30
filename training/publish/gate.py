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
from training.publish.model_summary import HasLead, Lead, ModelSummary

# Least share of the current model's customers, items and lines. They grow from run to run; deleting
# old orders removes a few. Only a missing file, a wrong filter or a wrong id column removes half.
_LEAST_KEPT = 0.5

# Least share of the current model's lead over popularity. Seasons change the lead. Purchases under
# wrong customer ids end it, because then no personal model predicts anything.
_LEAST_LEAD = 0.5
# The same for windows of another length, where a list's lead differs in size: only its end counts.
_LEAST_LEAD_OF_OTHER_WINDOWS = 0.2
_ERRORS_APART = 2.0  # standard errors of the difference; a smaller one may be chance
_SAME_HORIZON = 1.1  # ratio of window lengths


class Objection(StrEnum):
    TOO_LITTLE_HISTORY = "too_little_history"
    COLLAPSE = "collapse"
    WORSE_RANKING = "worse_ranking"


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """`objections`: each objection to publication, with its text. `not_compared`: the reason why a
    comparison was left out.
    """

    objections: Mapping[Objection, str] = field(default_factory=dict)
    not_compared: str | None = None

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
            "not_compared": self.not_compared,
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model's summary, and the number of customers left out of its training for lack of
    consent.
    """

    summary: ModelSummary
    without_consent: int


def compare_models(new: Candidate, used: Candidate) -> GateVerdict:
    """Compare a new model with the current one."""
    same = _same_horizon(new.summary, used.summary)
    found = {
        Objection.TOO_LITTLE_HISTORY: _not_evaluated(new.summary, used.summary),
        Objection.COLLAPSE: _collapsed(new, used),
        Objection.WORSE_RANKING: _worse(
            new.summary, used.summary, _LEAST_LEAD if same else _LEAST_LEAD_OF_OTHER_WINDOWS
        ),
    }
    left_out = [
        *([] if same else [_other_windows(new.summary, used.summary)]),
        *_without_lead(new.summary, used.summary),
    ]
    return GateVerdict(
        {each: text for each, text in found.items() if text}, "; ".join(left_out) or None
    )


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


def _same_horizon(new: ModelSummary, used: ModelSummary) -> bool:
    shorter, longer = sorted([new.data.horizon_days, used.data.horizon_days])
    return longer <= _SAME_HORIZON * shorter


def _other_windows(new: ModelSummary, used: ModelSummary) -> str:
    return (
        f"rankings, except for the loss of more than {1 - _LEAST_LEAD_OF_OTHER_WINDOWS:.0%} of "
        f"their lead, because the windows of the current model are {used.data.horizon_days:.3g} "
        f"days long and these {new.data.horizon_days:.3g}"
    )


def _leads(model: ModelSummary) -> dict[str, Lead | None]:
    slates: Mapping[str, HasLead] = {**model.slates, **model.item_slates}
    return {name: slate.lead() for name, slate in slates.items()}


def _without_lead(new: ModelSummary, used: ModelSummary) -> list[str]:
    """Name the slates whose lead over popularity only the current model's metrics tell."""
    now = _leads(new)
    lost = [name for name, lead in _leads(used).items() if lead and now.get(name) is None]
    if not lost or not new.judged:  # the latter is an objection of its own
        return []
    return [f"{', '.join(lost)}, because the new model's lead over popularity is unknown"]


def _worse(new: ModelSummary, used: ModelSummary, least_lead: float) -> str | None:
    """Return an objection if a slate keeps less than `least_lead` of its lead over popularity."""
    now, before = _leads(new), _leads(used)
    lost = [
        f"{name} is {mine.ratio:+.0%} ± {mine.error:.0%} ahead of popularity on past windows, "
        f"and the current model was {theirs.ratio:+.0%} ± {theirs.error:.0%}"
        for name, mine in now.items()
        if mine and (theirs := before.get(name)) and _clearly_below(mine, theirs, least_lead)
    ]
    return "; ".join(lost) or None


def _clearly_below(now: Lead, before: Lead, least_lead: float) -> bool:
    missing = least_lead * before.ratio - now.ratio
    return missing > _ERRORS_APART * hypot(now.error, least_lead * before.error)
