"""What must not replace the model in use, whatever its arrays are like."""

from collections.abc import Mapping
from typing import Any

from training.errors import NotPublishable


def refuse_unjudged(metrics: Mapping[str, Any], previous: Mapping[str, Any] | None) -> None:
    """Keep a model that was judged from being replaced by one that could not be.

    A shop's first model may be unjudged: a short history must be able to start.
    """
    if metrics["judged"] or previous is None or not previous.get("judged"):
        return
    raise NotPublishable(
        f"{metrics['reason']}, and the model in use was judged: it stays",
        code="too_little_history",
    )
