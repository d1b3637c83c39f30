"""Re-check consent after fitting.

When customers withdrew during a training, it is repeated without them, at most three times. The
customers who withdrew during the last one are then removed from its lists.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsvc.domain.values.customer_keys import CustomerHasher
from recsvc.domain.values.ids import CustomerId
from recsvc.model.artifact.artifact import Artifact, CustomersPurchases, RankedLists
from training.pipeline import Trained
from training.sources.consents import ConsentSource, TrainingPermission, precede_erasure
from training.sources.ingest import Purchases

TRAININGS = 3


@dataclass(frozen=True, slots=True)
class RecheckedModel:
    """`withdrawn_during_training`: customers who withdrew during the last training; their lists are
    removed.
    """

    trained: Trained
    purchases: Purchases
    permission: TrainingPermission
    trainings: int
    withdrawn_during_training: int


def train_with_recheck(
    consents: ConsentSource,
    read: Callable[[TrainingPermission], Purchases],
    fit: Callable[[Purchases], Trained],
    hasher: CustomerHasher,
) -> RecheckedModel:
    """Train, read consents again, and repeat without customers who withdrew.

    In a large shop some customer withdraws during every training, so after the last one the lists
    of such customers are removed. The next run does not learn from them.
    """
    permission = consents()
    trainings, is_current = 0, False
    while trainings < TRAININGS and not is_current:
        purchases = read(permission)
        trained = fit(purchases)
        trainings += 1
        permission = consents()
        gone = withdrawn(purchases, permission)
        is_current = not gone
    without = replace(trained, artifact=_without_customers(trained.artifact, gone, hasher))
    return RecheckedModel(without, purchases, permission, trainings, len(gone))


def withdrawn(purchases: Purchases, permission: TrainingPermission) -> list[str]:
    """Return the customers whose lines may no longer all be used."""
    lines = purchases.lines
    customers = lines["customer_id"].unique()
    gone = customers.filter(~permission.permits(customers)).to_list()
    erased = lines["customer_id"].filter(precede_erasure(lines, permission)).to_list()
    return sorted({*gone, *erased})


def _without_customers(artifact: Artifact, gone: list[str], hasher: CustomerHasher) -> Artifact:
    """Remove some customers' lists and purchases from a model."""
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
