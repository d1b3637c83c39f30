"""Decisions on offers, step by step, on shops with answers known by construction."""

from typing import Any

import numpy as np
import pytest

from recsvc.domain.offers.eligibility import Eligibility
from recsvc.domain.offers.offer import Caps, PeriodCap
from recsvc.domain.offers.verdicts import OfferReason, Verdict, VerdictStep, reason_text
from recsvc.domain.values.ids import OfferId
from recsvc.model.offers.columns import columns_of
from recsvc.model.offers.decision import decide
from recsvc.model.offers.explanation import explain
from recsvc.model.offers.inputs import CustomerFacts, DecisionRequest, OfferCounters
from recsvc.model.offers.performance import performance_of
from tests.offer_builders import NOON_US, Items, buyer, columns, decision, offer, offered


def test_an_offer_on_purchased_items_comes_first() -> None:
    """An offer on a purchased item ranks before one on another item, however popular."""
    offers = [offer("popular", 11), offer("mine", 1)]

    assert offered(offers, buyer({1: 5.0})) == ["mine", "popular"]


def test_affinity_is_by_spend_not_by_number_of_items() -> None:
    """10 spent on one item outweigh 2 spent on two items."""
    offers = [offer("one", 1), offer("two", 2, 3)]

    assert offered(offers, buyer({1: 10.0, 2: 1.0, 3: 1.0})) == ["one", "two"]


def test_a_narrower_offer_ranks_higher() -> None:
    """Of offers that cover the same purchase, one on fewer items ranks higher."""
    offers = [offer("all"), offer("narrow", 1), offer("wide", 1, 2, 3, 4)]

    assert offered(offers, buyer({1: 5.0})) == ["narrow", "wide", "all"]


def test_without_a_covered_purchase_categories_decide() -> None:
    """Item 4 shares the category of the purchased item 1 and ranks before the popular item 11."""
    offers = [offer("popular", 11), offer("category", 4)]

    assert offered(offers, buyer({1: 5.0})) == ["category", "popular"]


def test_without_purchases_popularity_decides() -> None:
    """A customer without purchases gets the offer on the most popular item first."""
    assert offered([offer("rare", 1), offer("popular", 11)], buyer()) == ["popular", "rare"]


def test_items_of_a_newer_catalogue_are_ignored() -> None:
    """A purchased row that the columns do not contain has no effect."""
    facts = buyer({1: 5.0, 10_000: 9.0})

    assert offered([offer("popular", 11), offer("mine", 1)], facts) == ["mine", "popular"]


@pytest.mark.parametrize("better", [{"margin": 3.0}, {"weight": 3.0}, {"value": 3.0}])
def test_of_equally_likely_offers_the_more_valuable_comes_first(better: dict[str, float]) -> None:
    """Margin and weight decide between equally likely offers, then the value to the customer."""
    offers = [offer("a", 1, margin=1.0, value=1.0), offer("b", 1, **{"margin": 1.0, **better})]

    assert offered(offers, buyer({1: 5.0})) == ["b", "a"]


def test_ties_are_ordered_by_id() -> None:
    """Equal offers are ordered by id, independent of their order of creation."""
    offers = [offer("b", 1), offer("a", 1), offer("c", 1)]

    assert offered(offers, buyer({1: 5.0})) == ["a", "b", "c"]


def test_an_offer_with_a_higher_acceptance_rate_comes_first() -> None:
    """Of two offers with equal affinity, the one accepted more often ranks first."""
    offers = [offer("a", 1), offer("b", 1)]
    shown = {OfferId("a"): 1000, OfferId("b"): 1000}
    counters = OfferCounters(shown=shown, accepted={OfferId("a"): 10, OfferId("b"): 100})

    assert offered(offers, buyer({1: 5.0}), counters=counters) == ["b", "a"]


def test_rates_are_strictly_between_0_and_1() -> None:
    """Rates are within 0 and 1, also without impressions and with more acceptances than those."""
    made = columns(offer("a", 1), offer("b", 1), offer("c", 1))
    found = performance_of(
        made,
        OfferCounters(
            shown={OfferId("a"): 10**9, OfferId("b"): 1},
            accepted={OfferId("b"): 10**6, OfferId("deleted"): 5},
        ),
    )

    assert ((found.rate > 0) & (found.rate < 1)).all()
    assert found.rate[1] > found.rate[2] > found.rate[0]


def test_rates_are_drawn_only_with_a_generator() -> None:
    """Without a generator the order is fixed; with one it follows the seed."""
    offers = [offer(f"{number:03}", 1) for number in range(40)]
    facts = buyer({1: 5.0})
    plain = offered(offers, facts)
    drawn = [offered(offers, facts, generator=np.random.default_rng(seed)) for seed in (1, 1, 2)]

    assert plain == offered(offers, facts)
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_the_reason_names_the_item_with_the_most_spend() -> None:
    """The reason of an offer names the covered item with the most spend."""
    choice = decision([offer("o", 1, 2, 3)], buyer({1: 2.0, 3: 9.0})).choices[0]

    assert (choice.reason, choice.item) == (OfferReason.YOU_BUY, 3)
    assert reason_text(choice.reason, "Coffee") == "Because you often buy Coffee"


def test_every_reason_has_a_text() -> None:
    """Every reason has a text with and without a title."""
    assert all(reason_text(reason) and reason_text(reason, "Tea") for reason in OfferReason)


@pytest.mark.parametrize(
    ("fields", "facts", "step"),
    [
        ({"starts_at_us": NOON_US + 1}, {}, VerdictStep.WINDOW),
        ({"ends_at_us": NOON_US}, {}, VerdictStep.WINDOW),
        ({"channels": ("email",)}, {}, VerdictStep.CHANNEL),
        ({"eligibility": Eligibility(min_orders=2)}, {"orders": 1}, VerdictStep.ELIGIBILITY),
        ({}, {"dismissed": {"o"}}, VerdictStep.DISMISSED),
        ({"caps": Caps(per_customer=PeriodCap(2))}, {"redeemed": {"o": 2}}, VerdictStep.REDEEMED),
        ({"caps": Caps(per_customer_shown=PeriodCap(2))}, {"shown": {"o": 2}}, VerdictStep.SHOWN),
        ({"caps": Caps(total_shown=7)}, {}, VerdictStep.TOTAL_SHOWN),
        ({"caps": Caps(total_redeemed=3)}, {}, VerdictStep.TOTAL_REDEEMED),
        ({"codes": ("A",)}, {}, VerdictStep.CODES),
    ],
)
def test_each_step_refuses_and_is_named(
    fields: dict[str, Any], facts: dict[str, Any], step: VerdictStep
) -> None:
    """A refused offer is not chosen, and its explanation names the step."""
    offers = [offer("o", 1, **fields), offer("other", 11)]
    customer = buyer({1: 5.0}, **facts)
    ids = OfferId("o")
    counters = OfferCounters(shown={ids: 7}, taken={ids: 3}, codes_left={ids: 0})
    made, request = columns(*offers), DecisionRequest(NOON_US, channel="web")
    found = decide(made, performance_of(made, counters), customer, request)
    explained = {each.offer_id: each for each in explain(made, found, customer, request)}

    assert [choice.offer_id for choice in found.choices] == ["other"]
    assert (explained[ids].verdict, explained[ids].step) == (Verdict.REFUSED, step)
    assert explained[OfferId("other")].verdict is Verdict.OFFERED


def test_a_cap_that_is_not_reached_permits_the_offer() -> None:
    """One below every cap, and with one code left, the offer is chosen."""
    caps = Caps(PeriodCap(2), PeriodCap(3), total_shown=7, total_redeemed=4)
    made = offer("o", 1, caps=caps, codes=("A",))
    ids = OfferId("o")
    facts = buyer({1: 5.0}, redeemed={ids: 1}, shown={ids: 2})
    counters = OfferCounters({ids: 6}, {}, {ids: 3}, {ids: 1})

    assert offered([made], facts, counters=counters) == ["o"]


def test_of_an_exclusive_group_the_best_is_offered() -> None:
    """Only the best offer of a group is chosen; offers without a group are unaffected."""
    offers = [
        offer("second", 2, exclusive_group="g"),
        offer("best", 1, exclusive_group="g"),
        offer("free", 3),
    ]
    facts, request = buyer({1: 9.0, 2: 5.0, 3: 1.0}), DecisionRequest(NOON_US)
    made = columns(*offers)
    found = decide(made, performance_of(made, OfferCounters()), facts, request)
    steps = {each.offer_id: each.step for each in explain(made, found, facts, request)}

    assert [choice.offer_id for choice in found.choices] == ["best", "free"]
    assert steps == {
        "best": VerdictStep.ARBITRATION,
        "free": VerdictStep.ARBITRATION,
        "second": VerdictStep.EXCLUSIVE_GROUP,
    }


def test_a_fallback_is_offered_only_alone() -> None:
    """A fallback is chosen only if there is no other offer, and not when it is refused itself."""
    spare = offer("spare", 1, fallback=True)
    over = offer("over", 1, fallback=True, ends_at_us=NOON_US)

    assert offered([spare, offer("other", 11)], buyer({1: 9.0})) == ["other"]
    assert offered([spare, over, offer("email", channels=("email",))], buyer(), channel="web") == [
        "spare"
    ]
    assert offered([over], buyer()) == []


def test_an_unnamed_channel_gets_offers_of_every_channel() -> None:
    """An offer without channels is valid in all; a request without a channel gets all offers."""
    offers = [offer("any"), offer("web", channels=("web",))]

    assert offered(offers, channel="kiosk") == ["any"]
    assert offered(offers) == ["any", "web"]


def test_generic_offers_have_no_eligibility_and_no_codes() -> None:
    """Without facts, offers without eligibility and codes are chosen by priority, value and id."""
    offers = [
        offer("coded", codes=("A",), priority=9),
        offer("chosen", eligibility=Eligibility(min_orders=0), priority=9),
        offer("b", value=5.0),
        offer("a", value=5.0),
        offer("valuable", value=9.0),
        offer("first", priority=1),
    ]
    counters = OfferCounters(codes_left={OfferId("coded"): 1})

    assert offered(offers, None, counters=counters) == ["first", "valuable", "a", "b"]


def test_covered_rows_are_reused() -> None:
    """New columns reuse the covered rows of unchanged offers."""
    items = Items()
    kept, gone = offer("kept", 1, 2), offer("gone", 3)
    before = columns_of([kept, gone], items)
    after = columns_of([offer("new", 4), kept], items, before)

    assert after.covered[after.rows[OfferId("kept")]] is before.covered[before.rows[kept.offer_id]]
    assert after.covered[after.rows[OfferId("new")]].tolist() == [4]
    assert OfferId("gone") not in after.rows


def test_offers_cover_items_categories_and_brands() -> None:
    """An offer covers its items, categories and brands together; unknown names cover nothing."""
    made = columns(
        offer("o", 0, 3, 99, categories=("c0",), brands=("b1", "none such")), offer("all")
    )

    assert made.covered[made.rows[OfferId("o")]].tolist() == [0, 1, 3, 5, 6, 7, 9, 11]


def test_a_shop_without_offers_or_items_is_decided() -> None:
    """Empty offers and empty items cause no division by zero."""
    empty = columns_of([], Items(0))
    bare = columns_of([offer("all"), offer("one", 1)], Items(0))
    request = DecisionRequest(NOON_US)

    for made, expected in ((empty, []), (bare, ["all", "one"])):
        for facts in (None, CustomerFacts()):
            found = decide(made, performance_of(made, OfferCounters()), facts, request)
            assert [choice.offer_id for choice in found.choices] == expected


def test_a_higher_priority_comes_before_any_score() -> None:
    """Priority decides before the score, also when only one offer is requested."""
    offers = [offer("near", 1, margin=99.0), offer("far", 11, priority=1)]

    assert offered(offers, buyer({1: 5.0})) == ["far", "near"]
    assert offered(offers, buyer({1: 5.0}), n=1) == ["far"]


def test_the_first_refusing_step_is_reported() -> None:
    """An offer that fails window, channel and cap is refused by the window."""
    made = columns(offer("o", ends_at_us=NOON_US, channels=("email",), caps=Caps(total_shown=1)))
    facts, request = buyer(), DecisionRequest(NOON_US, channel="web")
    performance = performance_of(made, OfferCounters(shown={OfferId("o"): 1}))
    found = explain(made, decide(made, performance, facts, request), facts, request)

    assert [each.step for each in found] == [VerdictStep.WINDOW]


def test_a_free_purchase_is_no_reason() -> None:
    """An item bought at price 0 is not named as often bought."""
    choices = decision([offer("gift", 1), offer("paid", 2)], buyer({1: 0.0, 2: 5.0})).choices
    reasons = {choice.offer_id: choice.reason for choice in choices}

    assert reasons == {"paid": OfferReason.YOU_BUY, "gift": OfferReason.POPULAR}


def test_covered_rows_are_not_reused_for_other_items() -> None:
    """Other items have other rows, so the covered rows are computed again."""
    made = offer("o", 1, 13)
    before = columns_of([made], Items(12))
    after = columns_of([made], Items(14), before)

    assert before.covered[0].tolist() == [1]
    assert after.covered[0].tolist() == [1, 13]
