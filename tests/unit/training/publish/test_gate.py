"""The gate: what keeps the model in use, and what the operator may accept."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.results_builders import journey
from training.errors import NotPublishable
from training.publish.gate import Candidate, GateVerdict, Objection, judge
from training.publish.model_summary import (
    Chosen,
    Competitor,
    MetricValue,
    ModelSummary,
    Name,
    Size,
    Slate,
)

LEVEL = 0.2  # NDCG@10 of popularity


def slate(lead: float, error: float = 0.002, *, judged: bool = True) -> Slate:
    """Make a published ranking that is ahead of popularity by `lead`, a share of its NDCG."""
    ahead = MetricValue(-lead * LEVEL, error, 3000)
    windows = tuple(MetricValue(LEVEL, 0.001, 1000) for _ in range(3))
    ranker = Competitor(Name("ranker"), windows, None)
    popularity = Competitor(Name("popularity"), windows, ahead)
    return Slate(Chosen("ranker", judged=judged), (ranker, popularity))


def standing(
    *, judged: bool = True, slates: Mapping[str, Slate] | None = None, **size: Any
) -> ModelSummary:
    usual = {"customers": 1000, "items": 400, "lines": 50_000, "horizon_days": 28.0}
    return ModelSummary(
        judged=judged,
        reason="judged" if judged else "too little history to judge",
        data=Size(**{**usual, **size}),
        slates=dict(slates or {"for_you": slate(1.0)}),
    )


def verdict(
    new: ModelSummary, used: ModelSummary, *, without: tuple[int, int] = (0, 0)
) -> GateVerdict:
    return judge(Candidate(new, without[0]), Candidate(used, without[1]))


def test_an_equal_model_meets_no_objection() -> None:
    """Two runs on the same rows."""
    assert verdict(standing(), standing()) == GateVerdict()


@pytest.mark.parametrize(
    ("name", "before"), [("customers", 1000), ("items", 400), ("lines", 50_000)]
)
def test_less_than_half_of_anything_is_a_collapse(name: str, before: int) -> None:
    """Both figures are said; exactly half is none."""
    half = before // 2
    fallen = verdict(standing(**{name: half - 1}), standing())

    assert list(fallen.objections) == [Objection.COLLAPSE]
    assert f"{name} fell from {before:,} to {half - 1:,}" in fallen.objections[Objection.COLLAPSE]
    assert verdict(standing(**{name: half}), standing()) == GateVerdict()


@given(grown=st.integers(1000, 10**9))
def test_growth_is_never_refused(grown: int) -> None:
    """However great."""
    assert verdict(standing(customers=grown, lines=grown * 50), standing()).objections == {}


def test_a_collapse_by_withdrawals_says_what_the_model_in_use_still_holds() -> None:
    """Refusing must not look as if it protected who has withdrawn."""
    words = verdict(standing(customers=10), standing(), without=(990, 0)).objections
    nobody = verdict(standing(customers=10), standing(), without=(5, 5)).objections

    assert "990 customers do not consent to training (0 before)" in words[Objection.COLLAPSE]
    assert "only a new one is without them" in words[Objection.COLLAPSE]
    assert "consent" not in nobody[Objection.COLLAPSE]


def test_a_judged_model_is_not_replaced_by_one_that_could_not_be_judged() -> None:
    """The other way round, and unjudged after unjudged, are fine."""
    refused = verdict(standing(judged=False), standing())

    assert list(refused.objections) == [Objection.TOO_LITTLE_HISTORY]
    assert verdict(standing(), standing(judged=False)).objections == {}
    assert verdict(standing(judged=False), standing(judged=False)).objections == {}


@pytest.mark.parametrize(
    ("before", "now", "refused"),
    [(1.6, 1.5, False), (1.6, 0.9, False), (1.6, 0.6, True), (1.6, 0.0, True), (0.02, 0.0, False)],
)
def test_most_of_the_lead_over_popularity_may_not_be_lost(
    before: float, now: float, refused: bool
) -> None:
    """Half of it, and by more than chance; a lead that was chance cannot be lost."""
    found = verdict(
        standing(slates={"for_you": slate(now)}), standing(slates={"for_you": slate(before)})
    )

    assert (Objection.WORSE_RANKING in found.objections) is refused


def test_a_lost_lead_that_may_be_chance_is_no_objection() -> None:
    """The same loss with few customers."""
    used = standing(slates={"for_you": slate(1.0)})

    assert verdict(standing(slates={"for_you": slate(0.3)}), used).objections
    assert not verdict(standing(slates={"for_you": slate(0.3, error=0.03)}), used).objections


def test_popularity_itself_has_no_lead() -> None:
    """It is published where nothing personal predicts anything: scrambled customers."""
    windows = (MetricValue(LEVEL, 0.001, 1000),)
    itself = Slate(
        Chosen("popularity", judged=True), (Competitor(Name("popularity"), windows, None),)
    )
    found = verdict(standing(slates={"for_you": itself}), standing())

    assert "for_you is +0% ± 0% ahead of popularity" in found.objections[Objection.WORSE_RANKING]


def test_only_windows_that_the_winner_was_judged_on_count() -> None:
    """The oldest window may have had nothing to learn from."""
    ranker = Competitor(Name("ranker"), (MetricValue(0.3, 0.01, 100), None), None)
    windows = (MetricValue(0.1, 0.01, 100), MetricValue(0.5, 0.01, 100))
    popularity = Competitor(Name("popularity"), windows, MetricValue(-0.2, 0.01, 100))
    lead = Slate(Chosen("ranker", judged=True), (ranker, popularity)).lead()

    assert lead is not None
    assert lead.ratio == pytest.approx(2.0)


@pytest.mark.parametrize(
    "one",
    [
        slate(1.0, judged=False),
        Slate(Chosen("ranker", judged=True)),
        Slate(
            Chosen("ranker", judged=True),
            (
                Competitor(Name("ranker"), (MetricValue(0.0, None, 1),), None),
                Competitor(
                    Name("popularity"), (MetricValue(0.0, None, 1),), MetricValue(0.0, None, 1)
                ),
            ),
        ),
    ],
    ids=["not judged", "no figures", "nothing found"],
)
def test_a_slate_without_a_lead_is_not_compared(one: Slate) -> None:
    """On either side."""
    assert one.lead() is None
    assert verdict(standing(slates={"for_you": one}), standing()).objections == {}
    assert verdict(standing(), standing(slates={"for_you": one})).objections == {}


def test_rankings_of_windows_of_another_length_are_not_compared() -> None:
    """Predicting a week is another task than predicting a month; the size still is the size."""
    week = standing(horizon_days=7.0, customers=10, slates={"for_you": slate(0.0)})
    found = verdict(week, standing())

    assert list(found.objections) == [Objection.COLLAPSE]
    assert found.not_compared is not None
    assert "28 days long and these 7" in found.not_compared


def test_a_refusal_names_what_to_accept() -> None:
    """All of it, or what is left of it."""
    found = GateVerdict({Objection.COLLAPSE: "it shrank", Objection.WORSE_RANKING: "it is worse"})
    with pytest.raises(NotPublishable, match="--accept collapse --accept worse_ranking") as both:
        found.refuse([])
    with pytest.raises(NotPublishable, match=r"it is worse.*--accept worse_ranking") as one:
        found.refuse([Objection.COLLAPSE])

    assert (both.value.exit_code, both.value.code) == (3, "collapse")
    assert "it shrank" not in str(one.value)


def test_what_is_accepted_is_kept() -> None:
    """In the manifest: what was objected and overruled, and what was accepted in advance."""
    found = GateVerdict({Objection.COLLAPSE: "it shrank"})
    accepted = [Objection.WORSE_RANKING, Objection.COLLAPSE]
    found.refuse(accepted)

    assert found.as_json(accepted) == {
        "accepted": {"collapse": "it shrank"},
        "asked_to_accept": ["collapse", "worse_ranking"],
        "not_compared": None,
    }


def test_findings_are_read_as_they_are_written() -> None:
    """The standing of a model is what its manifest's metrics say."""
    whole = journey()
    read = msgspec.convert(whole.as_json(), ModelSummary)
    unjudged_slates = replace(whole, slates={})

    assert read.data.customers == whole.data.customers
    assert set(read.slates) == {"for_you", "discover", "buy_again"}
    assert msgspec.convert(unjudged_slates.as_json(), ModelSummary).slates == {}
