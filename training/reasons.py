"""Why an item is in a customer's list. A reason that names an item names one of their own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsvc.domain.slates import ReasonCode
from training.interactions import Rows
from training.ranking import NOTHING, Flags, Top
from training.recommenders.neighbour_lists import NeighbourLists


@dataclass(frozen=True, slots=True)
class Reasons:
    codes: NDArray[np.uint8]  # (rows, k) ReasonCode
    items: Rows  # (rows, k) the row of the item that the reason names, or −1


def explain(top: Top, own: Flags, neighbours: NeighbourLists) -> Reasons:
    """Name for each listed item the closest item that the customer has bought.

    What they have bought before is due again; what is close to nothing of theirs is popular.
    `own` (rows, items) is what each customer has bought.
    """
    rows = np.arange(len(top.items))[:, None]
    listed = np.maximum(top.items, 0)
    nearest = nearest_own(listed, own, neighbours)
    again = own[rows, listed]
    because = (nearest != NOTHING) & ~again
    codes = np.select(
        [again, because],
        [ReasonCode.BUY_AGAIN_DUE, ReasonCode.BECAUSE_YOU_BOUGHT],
        ReasonCode.POPULAR,
    )
    return Reasons(codes.astype(np.uint8), np.where(because, nearest, NOTHING).astype(np.int32))


def nearest_own(listed: Rows, own: Flags, neighbours: NeighbourLists) -> Rows:
    """Return the closest neighbour of each listed item that its customer has bought, or −1."""
    near = neighbours.items[listed]  # (rows, k, neighbours)
    if not near.size:
        return np.full(listed.shape, NOTHING, dtype=np.int32)
    rows = np.arange(len(listed))[:, None, None]
    bought = (near != NOTHING) & own[rows, np.maximum(near, 0)]
    first = np.take_along_axis(near, bought.argmax(axis=2)[:, :, None], axis=2)[:, :, 0]
    return np.where(bought.any(axis=2), first, NOTHING).astype(np.int32)
