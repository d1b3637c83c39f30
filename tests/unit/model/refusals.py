"""How a test learns why a version is refused."""

from pathlib import Path

import pytest

from recsvc.domain.errors import ModelRejected
from recsvc.domain.values.ids import ShopName
from recsvc.model.registry.loader import load
from tests.model_builders import FINGERPRINT, SHOP


def refusal(folder: Path, *, full: bool = False, shop: ShopName = SHOP) -> ModelRejected:
    """Load a version that must not be, and return why it was not."""
    with pytest.raises(ModelRejected) as caught:
        load(folder, shop=shop, fingerprint=FINGERPRINT, full=full)
    return caught.value
