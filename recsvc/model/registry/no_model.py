"""The model of a shop without a published version: no items, no customers, no slates."""

from functools import cache

import numpy as np

from recsvc.domain.catalogue.slates import AnonymousSlate, ItemSlate
from recsvc.model.artifact.artifact import RankedLists
from recsvc.model.artifact.format import FORMAT
from recsvc.model.artifact.manifest import Manifest
from recsvc.model.registry.candidates import Candidates
from recsvc.model.registry.history_arrays import NO_HISTORY_ARRAYS
from recsvc.model.registry.id_map import CustomerMap, IdMap
from recsvc.model.registry.loaded import LoadedModel

_MANIFEST = Manifest(FORMAT, "", "", "", "", 0, {}, {}, {}, {})


@cache
def no_model() -> LoadedModel:
    """Return one shared instance, so that a catalogue is joined to it once."""
    empty = Candidates(np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.uint8))
    lists = RankedLists(np.zeros(1, np.int64), empty.items, empty.scores, empty.reasons)
    ids = np.zeros(0, dtype="S1")
    return LoadedModel(
        manifest=_MANIFEST,
        items=IdMap(ids),
        customers=CustomerMap(np.zeros(0, dtype="S16")),
        categories=IdMap(ids),
        _slates={},
        _neighbours=dict.fromkeys(ItemSlate, lists),
        _category_popular=lists,
        _top_lists=dict.fromkeys(AnonymousSlate, empty),
        intervals=np.zeros(0, np.float32),
        _purchases=None,
        appeal=np.zeros(0, np.float32),
        history_arrays=NO_HISTORY_ARRAYS,
    )
