"""Convert the store's counters for decisions. Pure."""

from collections.abc import Mapping

from recsvc.domain.offers.stored_offer import OfferState, StoredOffer
from recsvc.domain.values.ids import OfferId
from recsvc.model.offers.inputs import OfferCounters
from recsvc.model.ranking.live_items import NEVER


def counters_of(offers: Mapping[OfferId, StoredOffer], now_us: int) -> OfferCounters:
    """Return the counters. An ended hold counts as free before the store removes it."""
    states = {offer_id: each.state for offer_id, each in offers.items()}
    return OfferCounters(
        shown={offer_id: state.shown for offer_id, state in states.items()},
        accepted={offer_id: state.accepted for offer_id, state in states.items()},
        taken={
            offer_id: state.taken - _ended_holds(state, now_us)
            for offer_id, state in states.items()
        },
        codes_left={
            offer_id: state.codes_left + _ended_holds(state, now_us)
            for offer_id, state in states.items()
            if state.has_codes
        },
    )


def next_hold_end_us(offers: Mapping[OfferId, StoredOffer], now_us: int) -> int:
    """Return when the next hold of an exhausted offer ends."""
    ends = (
        each.state.first_hold_end_us
        for each in offers.values()
        if each.state.is_exhausted and each.state.first_hold_end_us is not None
    )
    return min((end for end in ends if end > now_us), default=int(NEVER))


def _ended_holds(state: OfferState, now_us: int) -> int:
    """Count the ended holds: all of them after the first end. A claim checks each exactly."""
    ended = state.first_hold_end_us is not None and state.first_hold_end_us <= now_us
    return state.taken - state.redeemed if state.is_exhausted and ended else 0
