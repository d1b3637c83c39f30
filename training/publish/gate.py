"""What must not replace the model in use, whatever its arrays are like. Pure.

A shop's first model is never refused: a short history must be able to start. Each objection can
be accepted by the operator, by its name.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import hypot
from typing import Any

from training.errors import NotPublishable
from training.publish.model_summary import Lead, ModelSummary, Slate

# Purchases pile up, so all of these grow from run to run. A shop that forgets its oldest orders
# loses some; only a lost file, a wrong filter or an id column of another kind takes half.
_LEAST_KEPT = 0.5

# Of the lead over popularity. Seasons move it; purchases that are filed under wrong customers
# end it, for then nothing that is personal predicts anything.
_LEAST_LEAD = 0.5
_ERRORS_APART = 2.0  # standard errors of the difference: less is chance
_SAME_HORIZON = 1.1  # a window of another length is another task


class Objection(StrEnum):
    TOO_LITTLE_HISTORY = "too_little_history"
    COLLAPSE = "collapse"
    WORSE_RANKING = "worse_ranking"


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """`objections` are the words for each; `not_compared` says why something was not looked at."""

    objections: Mapping[Objection, str] = field(default_factory=dict)
    not_compared: str | None = None

    def refuse(self, accepted: Collection[Objection]) -> None:
        """Raise NotPublishable unless the operator has accepted every objection."""
        standing = [each for each in self.objections if each not in accepted]
        if not standing:
            return
        words = "; ".join(self.objections[each] for each in standing)
        flags = " ".join(f"--accept {each}" for each in standing)
        raise NotPublishable(
            f"the model in use stays: {words}. If this is how the shop is now, run again with "
            f"{flags}",
            code=str(standing[0]),
        )

    def as_json(self, accepted: Collection[Objection]) -> dict[str, Any]:
        """Return what the manifest keeps; a published model has accepted objections only."""
        return {
            "accepted": {str(each): words for each, words in self.objections.items()},
            "asked_to_accept": sorted(str(each) for each in accepted),
            "not_compared": self.not_compared,
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model and how many customers its training had to leave out for want of consent."""

    standing: ModelSummary
    without_consent: int


def judge(new: Candidate, used: Candidate) -> GateVerdict:
    """Compare a new model with the one in use."""
    found = {
        Objection.TOO_LITTLE_HISTORY: _unjudged(new.standing, used.standing),
        Objection.COLLAPSE: _collapsed(new, used),
    }
    if not _same_horizon(new.standing, used.standing):
        return GateVerdict(
            {each: words for each, words in found.items() if words},
            "rankings, for the windows of the model in use are "
            f"{used.standing.data.horizon_days:.3g} days long and these "
            f"{new.standing.data.horizon_days:.3g}",
        )
    found[Objection.WORSE_RANKING] = _worse(new.standing, used.standing)
    return GateVerdict({each: words for each, words in found.items() if words})


def _unjudged(new: ModelSummary, used: ModelSummary) -> str | None:
    """Keep a model that was judged from being replaced by one that could not be."""
    if new.judged or not used.judged:
        return None
    return f"{new.reason}, and the model in use was judged"


def _collapsed(new: Candidate, used: Candidate) -> str | None:
    """Say what fell to a small part of what the model in use was learned from."""
    now, before = new.standing.data, used.standing.data
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
    """Withdrawals are no fault, and the model in use has not heard of them: say so."""
    if new.without_consent <= used.without_consent:
        return ""
    return (
        f"; {new.without_consent:,} customers do not consent to training "
        f"({used.without_consent:,} before), and the model in use still holds what it learned from "
        "those who have withdrawn since: only a new one is without them"
    )


def _same_horizon(new: ModelSummary, used: ModelSummary) -> bool:
    shorter, longer = sorted([new.data.horizon_days, used.data.horizon_days])
    return longer <= _SAME_HORIZON * shorter


def _worse(new: ModelSummary, used: ModelSummary) -> str | None:
    """Say which slates lost most of their lead over popularity."""
    lost = [
        words
        for name in new.slates
        if name in used.slates
        for words in _lost_lead(name, new.slates[name], used.slates[name])
    ]
    return "; ".join(lost) or None


def _lost_lead(name: str, new: Slate, used: Slate) -> list[str]:
    now, before = new.lead(), used.lead()
    if now is None or before is None or not _clearly_below(now, before):
        return []
    return [
        f"{name} is {now.ratio:+.0%} ± {now.error:.0%} ahead of popularity on past windows, "
        f"and the model in use was {before.ratio:+.0%} ± {before.error:.0%}"
    ]


def _clearly_below(now: Lead, before: Lead) -> bool:
    missing = _LEAST_LEAD * before.ratio - now.ratio
    return missing > _ERRORS_APART * hypot(now.error, _LEAST_LEAD * before.error)
