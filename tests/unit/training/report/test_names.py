"""The report has a title for the reason of every public list."""

import pytest

from recsvc.domain.catalogue.slates import AnonymousSlate, ItemSlate, reason_of
from training.report.names import REASONS


@pytest.mark.parametrize("slate", [*ItemSlate, *AnonymousSlate])
def test_the_reason_of_a_public_slate_has_a_title(slate: ItemSlate | AnonymousSlate) -> None:
    """A new slate without a reason, or a reason without a title, fails here."""
    assert reason_of(slate).label in REASONS
