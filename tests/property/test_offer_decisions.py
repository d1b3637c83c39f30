"""Properties of every decision on offers, for any offers, customer facts and counters."""

from collections import Counter
from dataclasses import fields, replace
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recsvc.domain.customers.profile import Profile
from recsvc.domain.offers.eligibility import Eligibility
from recsvc.domain.offers.offer import Caps, Kind, Offer, PeriodCap
from recsvc.domain.offers.verdicts import Verdict, VerdictStep
from recsvc.domain.values.ids import OfferId
from recsvc.model.offers.columns import OfferColumns
from recsvc.model.offers.decision import OfferDecision, decide
from recsvc.model.offers.explanation import explain
from recsvc.model.offers.inputs import CustomerFacts, DecisionRequest, OfferCounters
from recsvc.model.offers.performance import performance_of
from tests.offer_builders import NOON_US, buyer, columns
from tests.property.eligibilities import (
    ATTRIBUTE_VALUES,
    CONDITIONS,
    DAYS,
    FEW,
    ITEMS,
    RULES,
    eligibilities,
    is_eligible,
)

IDS = st.sampled_from([OfferId(f"o{number}") for number in range(8)])
AROUND_NOON = st.none() | st.integers(NOON_US - 2, NOON_US + 2)
PERIOD = st.none() | st.builds(PeriodCap, st.integers(1, 3))
CAPS = st.builds(Caps, PERIOD, PERIOD, st.none() | st.integers(1, 3), st.none() | st.integers(1, 3))
OFFERS = st.lists(
    st.builds(
        Offer,
        offer_id=IDS,
        title=st.just("title"),
        kind=st.sampled_from(Kind),
        value=st.none() | st.integers(0, 3).map(float),
        items=ITEMS,
        channels=st.lists(st.sampled_from(["web", "email"]), max_size=1).map(tuple),
        starts_at_us=AROUND_NOON,
        ends_at_us=AROUND_NOON,
        priority=st.integers(0, 2),
        weight=st.sampled_from([0.5, 1.0, 2.0]),
        margin=st.none() | st.integers(0, 5).map(float),
        caps=CAPS,
        codes=st.sampled_from([(), ("A",)]),
        eligibility=st.just(Eligibility()) | eligibilities(),
        exclusive_group=st.sampled_from([None, None, "g", "h"]),
        fallback=st.sampled_from([False, False, True]),
    ),
    max_size=8,
    unique_by=lambda offer: offer.offer_id,
)
COUNTS = st.dictionaries(IDS, FEW, max_size=8)
COUNTERS = st.builds(OfferCounters, COUNTS, COUNTS, COUNTS, COUNTS)
FACTS = st.builds(
    buyer,
    st.dictionaries(st.integers(0, 14), st.floats(0, 100), max_size=5),
    knows_bought=st.booleans(),
    orders=st.none() | FEW,
    spent=st.none() | st.floats(0, 100),
    days_since_last_order=DAYS,
    profile=st.builds(
        Profile,
        attributes=st.dictionaries(st.sampled_from(["tier", "app"]), ATTRIBUTE_VALUES),
        segments=st.lists(st.sampled_from(["vip", "new"]), max_size=2).map(tuple),
        birth_month=st.sampled_from([None, 1, 2]),
        customer_since=st.sampled_from([None, "2025-01-31", "2025-02-01", "2026-01-01"]),
    ),
    dismissed=st.frozensets(IDS, max_size=3),
    redeemed=COUNTS,
    shown=COUNTS,
)
REQUESTS = st.builds(
    DecisionRequest,
    st.integers(NOON_US - 2, NOON_US + 2),
    st.integers(1, 8),
    st.sampled_from([None, "web", "kiosk"]),
)
QUICK = settings(deadline=None, max_examples=60)
SEEDS = st.none() | st.integers(0, 9)


def decided(
    made: OfferColumns,
    counters: OfferCounters,
    facts: CustomerFacts | None,
    request: DecisionRequest,
    seed: int | None = None,
) -> OfferDecision:
    generator = None if seed is None else np.random.default_rng(seed)
    return decide(made, performance_of(made, counters), facts, request, generator)


def is_permitted(
    offer: Offer, counters: OfferCounters, facts: CustomerFacts | None, request: DecisionRequest
) -> bool:
    """Return whether a decision may contain the offer, by the specification."""
    caps, offer_id, now_us = offer.caps, offer.offer_id, request.now_us
    for_all = [
        offer.starts_at_us is None or offer.starts_at_us <= now_us,
        offer.ends_at_us is None or now_us < offer.ends_at_us,
        not offer.channels or request.channel is None or request.channel in offer.channels,
        caps.total_shown is None or counters.shown.get(offer_id, 0) < caps.total_shown,
        caps.total_redeemed is None or counters.taken.get(offer_id, 0) < caps.total_redeemed,
        not offer.codes or counters.codes_left.get(offer_id, 0) > 0,
    ]
    if facts is None:
        return all(for_all) and offer.is_generic
    own = [
        offer_id not in facts.dismissed,
        caps.per_customer is None or facts.redeemed.get(offer_id, 0) < caps.per_customer.limit,
        caps.per_customer_shown is None
        or facts.shown.get(offer_id, 0) < caps.per_customer_shown.limit,
        is_eligible(offer.eligibility, facts, now_us),
    ]
    return all(for_all) and all(own)


def test_every_condition_is_drawn_and_has_a_rule() -> None:
    """The strategy draws each field of `Eligibility`, and the specification decides on each."""
    declared = {each.name for each in fields(Eligibility)}

    assert set(CONDITIONS) == declared
    assert set(RULES) == declared


@QUICK
@given(OFFERS, COUNTERS, st.none() | FACTS, REQUESTS, SEEDS)
def test_exactly_the_permitted_offers_are_candidates(
    offers: list[Offer],
    counters: OfferCounters,
    facts: CustomerFacts | None,
    request: DecisionRequest,
    seed: int | None,
) -> None:
    """Window, channel, eligibility, dismissals and caps alone decide which offers are allowed."""
    made = columns(*offers)
    found = decided(made, counters, facts, request, seed)
    permitted = {
        offer.offer_id for offer in offers if is_permitted(offer, counters, facts, request)
    }
    rows = np.flatnonzero(found.permitted).tolist()

    assert {made.offers[row].offer_id for row in rows} == permitted
    assert {choice.offer_id for choice in found.choices} <= permitted
    assert bool(found.choices) == bool(permitted)


@QUICK
@given(OFFERS, COUNTERS, st.none() | FACTS, REQUESTS, SEEDS)
def test_the_order_of_an_answer_is_valid(
    offers: list[Offer],
    counters: OfferCounters,
    facts: CustomerFacts | None,
    request: DecisionRequest,
    seed: int | None,
) -> None:
    """Priorities descend, groups are exclusive, fallbacks stand alone, and `n` is the maximum."""
    found = decided(columns(*offers), counters, facts, request, seed)
    by_id = {offer.offer_id: offer for offer in offers}
    chosen = [by_id[choice.offer_id] for choice in found.choices]
    groups = Counter(offer.exclusive_group for offer in chosen if offer.exclusive_group)

    assert [-offer.priority for offer in chosen] == sorted(-offer.priority for offer in chosen)
    assert max(groups.values(), default=1) == 1
    assert len({offer.fallback for offer in chosen}) <= 1
    assert len({offer.offer_id for offer in chosen}) == len(chosen) <= request.n


@QUICK
@given(OFFERS, COUNTERS, FACTS, REQUESTS)
def test_a_longer_answer_starts_with_the_shorter_one(
    offers: list[Offer], counters: OfferCounters, facts: CustomerFacts, request: DecisionRequest
) -> None:
    """The best offers do not depend on `n`."""
    made = columns(*offers)
    short = decided(made, counters, facts, request).choices
    long = decided(made, counters, facts, replace(request, n=request.n + 3)).choices

    assert list(long[: len(short)]) == list(short)


@QUICK
@given(OFFERS, COUNTERS, REQUESTS, st.randoms(use_true_random=False))
def test_a_generic_answer_depends_only_on_the_offers(
    offers: list[Offer], counters: OfferCounters, request: DecisionRequest, random: Random
) -> None:
    """The generic order is by priority, value and id, for offers in any order."""
    shuffled = list(offers)
    random.shuffle(shuffled)
    first = decided(columns(*offers), counters, None, request).choices
    second = decided(columns(*shuffled), counters, None, request).choices
    by_id = {offer.offer_id: offer for offer in offers}
    places = [
        (-by_id[each.offer_id].priority, -(by_id[each.offer_id].value or 0), each.offer_id)
        for each in first
    ]

    assert [each.offer_id for each in first] == [each.offer_id for each in second]
    assert places == sorted(places)


@QUICK
@given(OFFERS, COUNTERS, st.none() | FACTS, REQUESTS)
def test_an_explanation_agrees_with_the_decision(
    offers: list[Offer],
    counters: OfferCounters,
    facts: CustomerFacts | None,
    request: DecisionRequest,
) -> None:
    """Each offer is explained once: chosen offers are offered, forbidden ones refused."""
    made = columns(*offers)
    found = decided(made, counters, facts, request)
    explanation = explain(made, found, facts, request)
    chosen = [choice.offer_id for choice in found.choices]
    permitted = {
        offer.offer_id for offer in offers if is_permitted(offer, counters, facts, request)
    }

    assert sorted(each.offer_id for each in explanation) == sorted(
        offer.offer_id for offer in offers
    )
    assert [each.offer_id for each in explanation if each.verdict is Verdict.OFFERED] == chosen
    for each in explanation:
        is_ranked = each.step in (
            VerdictStep.ARBITRATION,
            VerdictStep.FALLBACK,
            VerdictStep.EXCLUSIVE_GROUP,
        )
        assert is_ranked == (each.offer_id in permitted)
        assert (each.condition is not None) == (each.step is VerdictStep.ELIGIBILITY)


@QUICK
@given(OFFERS, COUNTERS, FACTS, REQUESTS)
def test_an_outranked_offer_has_no_higher_worth(
    offers: list[Offer], counters: OfferCounters, facts: CustomerFacts, request: DecisionRequest
) -> None:
    """Within a priority, no outranked offer has a higher worth than a chosen one."""
    made = columns(*offers)
    found = decided(made, counters, facts, request)
    explanation = explain(made, found, facts, request)
    offered = [each for each in explanation if each.verdict is Verdict.OFFERED]
    outranked = [
        each for each in explanation if each.step is VerdictStep.ARBITRATION and each not in offered
    ]

    for loser in outranked:
        for winner in offered:
            same = winner.scores["priority"] == loser.scores["priority"]
            assert not same or winner.scores["worth"] >= loser.scores["worth"]


@QUICK
@given(OFFERS, COUNTERS, FACTS, REQUESTS, st.data())
def test_a_deleted_offer_is_never_chosen(
    offers: list[Offer],
    counters: OfferCounters,
    facts: CustomerFacts,
    request: DecisionRequest,
    data: st.DataObject,
) -> None:
    """Facts and counters of a deleted offer do not bring it back."""
    gone = data.draw(IDS)
    left = columns(*(offer for offer in offers if offer.offer_id != gone))

    assert gone not in {
        choice.offer_id for choice in decided(left, counters, facts, request).choices
    }


@QUICK
@given(OFFERS, COUNTERS, FACTS, REQUESTS)
def test_probabilities_are_probabilities(
    offers: list[Offer], counters: OfferCounters, facts: CustomerFacts, request: DecisionRequest
) -> None:
    """Probabilities are finite and between 0 and 1, for any counters."""
    scores = decided(columns(*offers), counters, facts, request).scores

    assert scores is not None
    assert np.isfinite(scores.worth).all()
    assert ((scores.probability >= 0) & (scores.probability <= 1)).all()
