"""Results for customers of the model who bought since the end of its data."""

from collections.abc import Mapping
from dataclasses import dataclass

from training.metrics.estimates import Mean


@dataclass(frozen=True, slots=True)
class NewPurchasesPath:
    """NDCG@10 of the rest of a window after its first `days`, whose purchases were told."""

    days: float
    trained: Mean  # the published lists alone
    told: Mean  # with the told purchases
    gain: Mean  # told − trained, paired


@dataclass(frozen=True, slots=True)
class JudgedPurchases:
    """`share` of the chances by new purchases was chosen by one half of the customers; `slates`
    has the figures of the other half.
    """

    share: float
    slates: Mapping[str, tuple[NewPurchasesPath, ...]]
