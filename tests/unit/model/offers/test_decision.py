"""The decision on offers: step by step, on shops with answers known by construction."""

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
from tests.offer_builders import NOON_US, Shelf, buyer, columns, decision, offer, offered, weighted


def test_what_a_customer_spends_on_comes_first() -> None:
    """The offer on what is bought beats one on something else, however popular that is."""
    offers = [offer("popular", 11), offer("mine", 1)]

    assert offered(offers, buyer({1: 5.0})) == ["mine", "popular"]


def test_money_counts_and_not_how_many_items() -> None:
    """Ten spent on one item outweigh two on two items."""
    offers = [offer("one", 1), offer("two", 2, 3)]

    assert offered(offers, buyer({1: 10.0, 2: 1.0, 3: 1.0})) == ["one", "two"]


def test_the_narrower_of_two_offers_is_nearer() -> None:
    """An offer on all of the shop covers what is bought as well, and says less."""
    offers = [offer("all"), offer("narrow", 1), offer("wide", 1, 2, 3, 4)]

    assert offered(offers, buyer({1: 5.0})) == ["narrow", "wide", "all"]


def test_who_bought_nothing_that_is_covered_is_judged_by_category() -> None:
    """Item 4 is of the category of item 1; item 11 is more popular."""
    offers = [offer("popular", 11), offer("category", 4)]

    assert offered(offers, buyer({1: 5.0})) == ["category", "popular"]


def test_a_stranger_gets_what_is_popular() -> None:
    """Without any purchase there is nothing else to go by."""
    assert offered([offer("rare", 1), offer("popular", 11)], buyer()) == ["popular", "rare"]


def test_what_a_model_expects_counts_behind_what_was_bought() -> None:
    """Candidates say something of offers on what was never bought."""
    offers = [offer("bought", 1), offer("expected", 2), offer("other", 11)]
    facts = buyer({1: 5.0}, expected=weighted({2: 5.0}))

    assert offered(offers, facts) == ["bought", "expected", "other"]


def test_items_of_a_newer_catalogue_say_nothing() -> None:
    """A row that the columns do not have yet is passed over."""
    facts = buyer({1: 5.0, 10_000: 9.0})

    assert offered([offer("popular", 11), offer("mine", 1)], facts) == ["mine", "popular"]


@pytest.mark.parametrize("better", [{"margin": 3.0}, {"weight": 3.0}, {"value": 3.0}])
def test_of_equally_likely_offers_the_worthier_comes_first(better: dict[str, float]) -> None:
    """What it is worth to the shop, the shop's weight; then what it is worth to the customer."""
    offers = [offer("a", 1, margin=1.0, value=1.0), offer("b", 1, **{"margin": 1.0, **better})]

    assert offered(offers, buyer({1: 5.0})) == ["b", "a"]


def test_equals_are_in_the_order_of_their_ids() -> None:
    """The same question has the same answer, in whatever order the offers were made."""
    offers = [offer("b", 1), offer("a", 1), offer("c", 1)]

    assert offered(offers, buyer({1: 5.0})) == ["a", "b", "c"]


def test_an_offer_that_has_done_better_comes_first() -> None:
    """Of two that are equally near, the one that others accepted."""
    offers = [offer("a", 1), offer("b", 1)]
    shown = {OfferId("a"): 1000, OfferId("b"): 1000}
    counters = OfferCounters(shown=shown, accepted={OfferId("a"): 10, OfferId("b"): 100})

    assert offered(offers, buyer({1: 5.0}), counters=counters) == ["b", "a"]


def test_rates_are_between_nothing_and_certainty_whatever_was_counted() -> None:
    """Without a showing, without an acceptance, and with more of these than of those."""
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


def test_exploring_is_off_unless_a_generator_is_handed_in() -> None:
    """With one, what hardly anybody has seen is tried; with the same seed, the same again."""
    offers = [offer(f"{number:03}", 1) for number in range(40)]
    facts = buyer({1: 5.0})
    plain = offered(offers, facts)
    drawn = [offered(offers, facts, generator=np.random.default_rng(seed)) for seed in (1, 1, 2)]

    assert plain == offered(offers, facts)
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_the_reason_names_what_the_customer_buys_most() -> None:
    """In words that the customer may see."""
    choice = decision([offer("o", 1, 2, 3)], buyer({1: 2.0, 3: 9.0})).choices[0]

    assert (choice.reason, choice.item) == (OfferReason.YOU_BUY, 3)
    assert reason_text(choice.reason, "Coffee") == "Because you often buy Coffee"


def test_every_reason_has_words() -> None:
    """With a title and without."""
    assert all(reason_text(reason) and reason_text(reason, "Tea") for reason in OfferReason)


@pytest.mark.parametrize(
    ("said", "facts", "step"),
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
def test_each_step_refuses_and_says_so(
    said: dict[str, Any], facts: dict[str, Any], step: VerdictStep
) -> None:
    """The offer is not offered, its explanation names the step, and it alone refuses."""
    offers = [offer("o", 1, **said), offer("other", 11)]
    who = buyer({1: 5.0}, **facts)
    ids = OfferId("o")
    counters = OfferCounters(shown={ids: 7}, redeemed={ids: 3}, codes_left={ids: 0})
    made, request = columns(*offers), DecisionRequest(NOON_US, channel="web")
    found = decide(made, performance_of(made, counters), who, request)
    told = {each.offer_id: each for each in explain(made, found, who, request)}

    assert [choice.offer_id for choice in found.choices] == ["other"]
    assert (told[ids].verdict, told[ids].step) == (Verdict.REFUSED, step)
    assert told[OfferId("other")].verdict is Verdict.OFFERED


def test_a_cap_that_is_not_reached_lets_through() -> None:
    """One below each limit, and one code."""
    caps = Caps(PeriodCap(2), PeriodCap(3), total_shown=7, total_redeemed=4)
    made = offer("o", 1, caps=caps, codes=("A",))
    ids = OfferId("o")
    facts = buyer({1: 5.0}, redeemed={ids: 1}, shown={ids: 2})
    counters = OfferCounters({ids: 6}, {}, {ids: 3}, {ids: 1})

    assert offered([made], facts, counters=counters) == ["o"]


def test_of_an_exclusive_group_the_best_is_offered() -> None:
    """The others are refused for it, and what is in no group stays."""
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


def test_a_fallback_is_offered_when_nothing_else_is() -> None:
    """Not beside others, however near it is, and never when it is refused itself."""
    spare = offer("spare", 1, fallback=True)
    over = offer("over", 1, fallback=True, ends_at_us=NOON_US)

    assert offered([spare, offer("other", 11)], buyer({1: 9.0})) == ["other"]
    assert offered([spare, over, offer("email", channels=("email",))], buyer(), channel="web") == [
        "spare"
    ]
    assert offered([over], buyer()) == []


def test_a_channel_that_no_offer_names_gets_what_is_for_every_channel() -> None:
    """An offer without channels is for all of them; without a channel asked, all are right."""
    offers = [offer("any"), offer("web", channels=("web",))]

    assert offered(offers, channel="kiosk") == ["any"]
    assert offered(offers) == ["any", "web"]


def test_without_consent_nothing_personal_is_offered() -> None:
    """No eligibility and no codes, by priority, value and id."""
    offers = [
        offer("coded", codes=("A",), priority=9),
        offer("chosen", eligibility=Eligibility(min_orders=0), priority=9),
        offer("b", value=5.0),
        offer("a", value=5.0),
        offer("dear", value=9.0),
        offer("first", priority=1),
    ]
    counters = OfferCounters(codes_left={OfferId("coded"): 1})

    assert offered(offers, None, counters=counters) == ["first", "dear", "a", "b"]


def test_what_offers_cover_is_looked_up_once() -> None:
    """New columns take over what old ones know of the same offers and goods."""
    goods = Shelf()
    kept, gone = offer("kept", 1, 2), offer("gone", 3)
    before = columns_of([kept, gone], goods)
    after = columns_of([offer("new", 4), kept], goods, before)

    assert after.covered[after.rows[OfferId("kept")]] is before.covered[before.rows[kept.offer_id]]
    assert after.covered[after.rows[OfferId("new")]].tolist() == [4]
    assert OfferId("gone") not in after.rows


def test_offers_cover_items_categories_and_brands() -> None:
    """Together, each item once; what nobody knows of covers nothing."""
    made = columns(
        offer("o", 0, 3, 99, categories=("c0",), brands=("b1", "none such")), offer("all")
    )

    assert made.covered[made.rows[OfferId("o")]].tolist() == [0, 1, 3, 5, 6, 7, 9, 11]


def test_a_shop_without_offers_or_items_offers_nothing() -> None:
    """Nothing is divided by nothing."""
    empty = columns_of([], Shelf(0))
    bare = columns_of([offer("all"), offer("one", 1)], Shelf(0))
    request = DecisionRequest(NOON_US)

    for made, expected in ((empty, []), (bare, ["all", "one"])):
        for facts in (None, CustomerFacts()):
            found = decide(made, performance_of(made, OfferCounters()), facts, request)
            assert [choice.offer_id for choice in found.choices] == expected


def test_a_higher_priority_comes_first_whatever_the_others_are_worth() -> None:
    """Priorities are tiers; and a tier that fills the answer leaves no place."""
    offers = [offer("near", 1, margin=99.0), offer("far", 11, priority=1)]

    assert offered(offers, buyer({1: 5.0})) == ["far", "near"]
    assert offered(offers, buyer({1: 5.0}), n=1) == ["far"]


def test_the_first_step_that_refuses_is_told() -> None:
    """Of an offer that is over, for another channel and used up, that it is over."""
    made = columns(offer("o", ends_at_us=NOON_US, channels=("email",), caps=Caps(total_shown=1)))
    facts, request = buyer(), DecisionRequest(NOON_US, channel="web")
    performance = performance_of(made, OfferCounters(shown={OfferId("o"): 1}))
    found = explain(made, decide(made, performance, facts, request), facts, request)

    assert [each.step for each in found] == [VerdictStep.WINDOW]


def test_what_was_bought_for_nothing_is_no_reason() -> None:
    """An item on which nothing was spent says nothing of what the customer often buys."""
    choices = decision([offer("gift", 1), offer("paid", 2)], buyer({1: 0.0, 2: 5.0})).choices
    reasons = {choice.offer_id: choice.reason for choice in choices}

    assert reasons == {"paid": OfferReason.YOU_BUY, "gift": OfferReason.POPULAR}


def test_of_other_goods_what_offers_cover_is_looked_up_anew() -> None:
    """A new catalogue has other rows."""
    made = offer("o", 1, 13)
    before = columns_of([made], Shelf(12))
    after = columns_of([made], Shelf(14), before)

    assert before.covered[0].tolist() == [1]
    assert after.covered[0].tolist() == [1, 13]
