"""Load a version that must be refused, and return the error."""

from pathlib import Path

import pytest

from recsvc.domain.errors import ModelRejected
from recsvc.domain.values.ids import ShopName
from recsvc.model.registry.loader import load
from tests.model_builders import FINGERPRINT, SHOP


def refusal(folder: Path, *, full: bool = False, shop: ShopName = SHOP) -> ModelRejected:
    """Load a version that must be refused, and return the error."""
    with pytest.raises(ModelRejected) as caught:
        load(folder, shop=shop, fingerprint=FINGERPRINT, full=full)
    return caught.value
