"""Training without anybody who said no in the meantime: consent is asked again when it is done."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsvc.domain.values.customer_keys import CustomerHasher
from recsvc.domain.values.ids import CustomerId
from recsvc.model.artifact.artifact import Artifact, CustomersPurchases, RankedLists
from training.pipeline import Trained
from training.sources.consents import ConsentSource, TrainingPermission, forgotten
from training.sources.ingest import Purchases

TRAININGS = 3


@dataclass(frozen=True, slots=True)
class RecheckedModel:
    """`withdrawn_meanwhile`: how many withdrew during the last training; their lists are gone."""

    trained: Trained
    purchases: Purchases
    permission: TrainingPermission
    trainings: int
    withdrawn_meanwhile: int


def settle(
    consents: ConsentSource,
    read: Callable[[TrainingPermission], Purchases],
    fit: Callable[[Purchases], Trained],
    hasher: CustomerHasher,
) -> RecheckedModel:
    """Train, ask again, and train anew without those who have withdrawn.

    In a large shop somebody withdraws during every training. After the last one their lists
    are taken out, and the next run learns nothing from them.
    """
    permission = consents()
    trainings, settled = 0, False
    while trainings < TRAININGS and not settled:
        purchases = read(permission)
        trained = fit(purchases)
        trainings += 1
        permission = consents()
        gone = withdrawn(purchases, permission)
        settled = not gone
    without = replace(trained, artifact=_without_customers(trained.artifact, gone, hasher))
    return RecheckedModel(without, purchases, permission, trainings, len(gone))


def withdrawn(purchases: Purchases, permission: TrainingPermission) -> list[str]:
    """Return who permits no more that all of their lines are learned from."""
    lines = purchases.lines
    customers = lines["customer_id"].unique()
    gone = customers.filter(~permission.permits(customers)).to_list()
    erased = lines["customer_id"].filter(forgotten(lines, permission)).to_list()
    return sorted({*gone, *erased})


def _without_customers(artifact: Artifact, gone: list[str], hasher: CustomerHasher) -> Artifact:
    """Take the lists of some customers out of a model."""
    if not gone:
        return artifact
    keys = {hasher.key_of(CustomerId(customer)) for customer in gone}
    kept = np.array([key not in keys for key in artifact.customer_keys], dtype=bool)
    return replace(
        artifact,
        customer_keys=[key for key, keep in zip(artifact.customer_keys, kept, strict=True) if keep],
        slates={slate: _rows_of(lists, kept) for slate, lists in artifact.slates.items()},
        purchased=None if artifact.purchased is None else _purchased_of(artifact.purchased, kept),
    )


def _purchased_of(purchased: CustomersPurchases, kept: NDArray[np.bool_]) -> CustomersPurchases:
    return CustomersPurchases(
        _rows_of(purchased.bought, kept),
        purchased.orders[kept],
        purchased.spent[kept],
        purchased.first[kept],
        purchased.last[kept],
    )


def _rows_of(lists: RankedLists, kept: NDArray[np.bool_]) -> RankedLists:
    lengths = np.diff(lists.offsets)
    entries = np.repeat(kept, lengths)
    reasons, reason_items = lists.reasons, lists.reason_items
    return RankedLists(
        offsets=np.concatenate([[0], np.cumsum(lengths[kept])]),
        items=lists.items[entries],
        scores=lists.scores[entries],
        reasons=None if reasons is None else reasons[entries],
        reason_items=None if reason_items is None else reason_items[entries],
    )
