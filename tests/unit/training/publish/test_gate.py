"""The gate: objections that keep the current model, and their acceptance by the operator."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.builders import interactions
from tests.unit.training.results_builders import journey
from training.errors import NotPublishable
from training.publish.gate import Candidate, GateVerdict, Objection, compare_models
from training.publish.model_summary import (
    CaseValue,
    Chosen,
    Competitor,
    Hidden,
    ItemSlateSummary,
    ListCompetitor,
    MetricValue,
    ModelSummary,
    Name,
    Size,
    Slate,
)

LEVEL = 0.2  # NDCG@10 of popularity


def slate(lead: float, error: float = 0.002, *, judged: bool = True) -> Slate:
    """Make a published ranking that leads popularity by `lead`, as a share of its NDCG."""
    ahead = MetricValue(-lead * LEVEL, error, 3000)
    windows = tuple(MetricValue(LEVEL, 0.001, 1000) for _ in range(3))
    ranker = Competitor(Name("ranker"), windows, None)
    popularity = Competitor(Name("popularity"), windows, ahead)
    return Slate(Chosen("ranker", judged=judged), (ranker, popularity))


def summary(
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
    new: ModelSummary,
    used: ModelSummary,
    *,
    without: tuple[int, int] = (0, 0),
    windows: tuple[int, int] = (3, 3),
) -> GateVerdict:
    judging = [{"horizon_days": 28.0, "judged_windows": number} for number in windows]
    return compare_models(
        Candidate(new, without[0], judging[0]), Candidate(used, without[1], judging[1])
    )


def test_an_equal_model_is_published() -> None:
    """A model with the same figures as the current one is published."""
    assert verdict(summary(), summary()) == GateVerdict()


@pytest.mark.parametrize(
    ("name", "before"), [("customers", 1000), ("items", 400), ("lines", 50_000)]
)
def test_less_than_half_of_a_count_is_a_collapse(name: str, before: int) -> None:
    """Less than half of the customers, items or lines is a collapse, and the reason gives both
    counts; exactly half is not.
    """
    half = before // 2
    fallen = verdict(summary(**{name: half - 1}), summary())

    assert list(fallen.objections) == [Objection.COLLAPSE]
    assert f"{name} fell from {before:,} to {half - 1:,}" in fallen.objections[Objection.COLLAPSE]
    assert verdict(summary(**{name: half}), summary()) == GateVerdict()


@given(grown=st.integers(1000, 10**9))
def test_growth_is_never_refused(grown: int) -> None:
    """Growth of any size is published."""
    assert verdict(summary(customers=grown, lines=grown * 50), summary()).objections == {}


def test_a_collapse_by_withdrawals_names_the_customers_in_the_current_model() -> None:
    """After withdrawals, the reason says that the current model still contains these customers,
    because refusing does not protect them.
    """
    objections = verdict(summary(customers=10), summary(), without=(990, 0)).objections
    no_withdrawal = verdict(summary(customers=10), summary(), without=(5, 5)).objections

    assert "990 customers do not consent to training (0 before)" in objections[Objection.COLLAPSE]
    assert "only a new model removes them" in objections[Objection.COLLAPSE]
    assert "consent" not in no_withdrawal[Objection.COLLAPSE]


def test_a_compared_model_is_not_replaced_by_one_without_comparison() -> None:
    """A model that was compared on past windows is not replaced by one that was not; every other
    combination is published.
    """
    refused = verdict(summary(judged=False), summary())

    assert list(refused.objections) == [Objection.TOO_LITTLE_HISTORY]
    assert verdict(summary(), summary(judged=False)).objections == {}
    assert verdict(summary(judged=False), summary(judged=False)).objections == {}


@pytest.mark.parametrize(
    ("before", "now", "refused"),
    [(1.6, 1.5, False), (1.6, 0.9, False), (1.6, 0.6, True), (1.6, 0.0, True), (0.02, 0.0, False)],
)
def test_most_of_the_lead_over_popularity_may_not_be_lost(
    before: float, now: float, refused: bool
) -> None:
    """A model is refused if more than half of a significant lead over popularity is lost."""
    found = verdict(
        summary(slates={"for_you": slate(now)}), summary(slates={"for_you": slate(before)})
    )

    assert (Objection.WORSE_RANKING in found.objections) is refused


def test_an_insignificant_loss_of_the_lead_is_published() -> None:
    """The same loss is no reason if few customers make it insignificant."""
    used = summary(slates={"for_you": slate(1.0)})

    assert verdict(summary(slates={"for_you": slate(0.3)}), used).objections
    assert not verdict(summary(slates={"for_you": slate(0.3, error=0.03)}), used).objections


def test_popularity_itself_has_no_lead() -> None:
    """Where popularity itself is published, the lead is zero and a former lead is lost."""
    windows = (MetricValue(LEVEL, 0.001, 1000),)
    itself = Slate(
        Chosen("popularity", judged=True), (Competitor(Name("popularity"), windows, None),)
    )
    found = verdict(summary(slates={"for_you": itself}), summary())

    assert "for_you is +0% ± 0% ahead of popularity" in found.objections[Objection.WORSE_RANKING]


def test_the_lead_uses_only_the_windows_of_the_winner() -> None:
    """The lead uses only windows on which the winner was measured."""
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
def test_a_slate_that_lost_its_figure_is_refused(one: Slate) -> None:
    """A slate without a figure does not replace one with a clear lead; the text says why."""
    assert one.lead() is None
    refused = verdict(summary(slates={"for_you": one}), summary())
    unclear = verdict(
        summary(slates={"for_you": one}), summary(slates={"for_you": slate(0.02, 0.002)})
    )

    assert list(refused.objections) == [Objection.NOT_COMPARABLE]
    assert one.why_no_lead() in refused.objections[Objection.NOT_COMPARABLE]
    assert unclear.objections == {}
    assert one.why_no_lead() in unclear.not_compared[0]


def test_a_slate_is_named_that_the_current_model_cannot_be_compared_by() -> None:
    """A current model without a figure, or without the lists, keeps no new model; this is said."""
    unmeasured = verdict(summary(), summary(slates={"for_you": slate(1.0, judged=False)}))
    absent = verdict(summary(slates={"for_you": slate(1.0), "discover": slate(1.0)}), summary())

    assert unmeasured.objections == {}
    assert "for_you, because of the current model: not measured" in unmeasured.not_compared[0]
    assert absent == GateVerdict(
        not_compared=("discover, because the current model has no such lists",)
    )


def test_a_slate_that_is_no_longer_trained_is_refused() -> None:
    """A new model without a slate that the current model leads in is refused."""
    used = summary(slates={"for_you": slate(1.0), "discover": slate(1.0)})

    assert list(verdict(summary(), used).objections) == [Objection.NOT_COMPARABLE]


def test_rankings_are_compared_whatever_the_length_of_the_windows() -> None:
    """Another --horizon does not switch the comparison off; the text gives both lengths."""
    week = summary(horizon_days=7.0, customers=10, slates={"for_you": slate(0.0)})
    found = verdict(week, summary())

    assert list(found.objections) == [Objection.COLLAPSE, Objection.WORSE_RANKING]
    assert "windows of 7 days" in found.objections[Objection.WORSE_RANKING]
    assert "windows of 28 days" in found.objections[Objection.WORSE_RANKING]


@pytest.mark.parametrize(
    ("windows", "refused"), [((3, 3), False), ((1, 3), True)], ids=["the same", "fewer windows"]
)
def test_settings_that_hide_a_loss_are_refused(windows: tuple[int, int], refused: bool) -> None:
    """A lost lead that may be chance is an objection if settings of judging were changed;
    otherwise it is only named.
    """
    vague = summary(slates={"for_you": slate(0.0, error=0.1)})
    found = verdict(vague, summary(), windows=windows)

    assert (Objection.NOT_COMPARABLE in found.objections) is refused
    assert ("too uncertain" in "".join(found.not_compared)) is not refused


def test_fewer_items_for_all_visitors_are_a_collapse() -> None:
    """A higher --k-anonymity that empties the lists for all visitors is a collapse."""
    used = msgspec.structs.replace(summary(), anonymity=Hidden(5, 0))
    new = msgspec.structs.replace(summary(), anonymity=Hidden(1000, 399))
    older = summary()

    assert "from 400 to 1" in verdict(new, used).objections[Objection.COLLAPSE]
    assert verdict(new, older) == GateVerdict()


def test_repeated_rows_of_an_order_are_one_line() -> None:
    """Five rows of one item and day are one line, so one row in their place is no collapse."""
    rows = interactions([("c", "i", 0.0)] * 5)

    assert len(rows.history.items) == 1
    assert verdict(summary(lines=1), summary(lines=1)) == GateVerdict()
    assert verdict(summary(lines=1), summary(lines=5)).objections


def test_too_little_history_is_one_objection() -> None:
    """Where no window could be measured, no slate repeats it."""
    new = summary(judged=False, slates={"for_you": slate(1.0, judged=False)})

    assert list(verdict(new, summary()).objections) == [Objection.TOO_LITTLE_HISTORY]


def test_a_refusal_names_the_options_that_accept_it() -> None:
    """A refusal names the `--accept` options of all objections that are not yet accepted."""
    found = GateVerdict({Objection.COLLAPSE: "it shrank", Objection.WORSE_RANKING: "it is worse"})
    with pytest.raises(NotPublishable, match="--accept collapse --accept worse_ranking") as both:
        found.refuse([])
    with pytest.raises(NotPublishable, match=r"it is worse.*--accept worse_ranking") as one:
        found.refuse([Objection.COLLAPSE])

    assert (both.value.exit_code, both.value.code) == (3, "collapse")
    assert "it shrank" not in str(one.value)


def test_accepted_reasons_are_recorded() -> None:
    """The manifest records the objections that were overruled and the options that were given."""
    found = GateVerdict({Objection.COLLAPSE: "it shrank"}, ("discover, new", "similar, new"))
    accepted = [Objection.WORSE_RANKING, Objection.COLLAPSE]
    found.refuse(accepted)

    assert found.as_json(accepted) == {
        "accepted": {"collapse": "it shrank"},
        "asked_to_accept": ["collapse", "worse_ranking"],
        "not_compared": "discover, new; similar, new",
    }
    assert GateVerdict().as_json([])["not_compared"] is None
    assert found.sentences()[0] == "Published despite collapse: it shrank."
    assert found.sentences()[2] == "Not compared with the current model: similar, new."


def test_a_summary_is_read_from_written_metrics() -> None:
    """The summary is read from metrics as they are written to the manifest."""
    whole = journey()
    read = msgspec.convert(whole.as_json(), ModelSummary)
    unjudged_slates = replace(whole, slates={})

    assert read.data.customers == whole.data.customers
    assert set(read.slates) == {"for_you", "discover", "buy_again"}
    assert msgspec.convert(unjudged_slates.as_json(), ModelSummary).slates == {}


def item_lists(lead: float, error: float = 0.002) -> ItemSlateSummary:
    """Make published item lists that lead best sellers by `lead`, as a share of their MRR."""
    popular = ListCompetitor("popular", CaseValue(LEVEL, 0.001), CaseValue(-lead * LEVEL, error))
    return ItemSlateSummary(Chosen("cosine", judged=True), (ListCompetitor("cosine"), popular))


@pytest.mark.parametrize(("now", "refused"), [(1.5, False), (0.6, True), (0.9, False)])
def test_item_lists_may_not_lose_most_of_their_lead(now: float, refused: bool) -> None:
    """Worse lists of items are an objection like worse rankings."""
    used = msgspec.structs.replace(summary(), item_slates={"bought_together": item_lists(1.6)})
    new = msgspec.structs.replace(summary(), item_slates={"bought_together": item_lists(now)})

    assert (Objection.WORSE_RANKING in verdict(new, used).objections) is refused


def test_item_lists_of_an_older_release_are_not_compared() -> None:
    """A current model without judged item lists keeps no new one out, and the run says so."""
    new = msgspec.structs.replace(summary(), item_slates={"bought_together": item_lists(0.0)})
    found = verdict(new, summary())

    assert found.objections == {}
    assert found.not_compared[0].startswith("bought_together")


def test_item_lists_without_a_figure_are_refused() -> None:
    """A training without the categories that the current model was judged with is refused."""
    without = ItemSlateSummary(
        Chosen("cosine", judged=True),
        (ListCompetitor("cosine", CaseValue(0.1, 0.01)), ListCompetitor("popular_in_category")),
    )
    used = msgspec.structs.replace(summary(), item_slates={"similar": item_lists(1.6)})
    new = msgspec.structs.replace(summary(), item_slates={"similar": without})

    text = verdict(new, used).objections[Objection.NOT_COMPARABLE]
    assert "without categories" in text
