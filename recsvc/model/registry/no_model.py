"""The model of a shop that has none: it knows no item and no customer."""

from functools import cache

import numpy as np

from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate
from recsvc.model.artifact.format import FORMAT
from recsvc.model.artifact.manifest import Manifest
from recsvc.model.registry.candidates import Candidates
from recsvc.model.registry.id_map import CustomerMap, IdMap
from recsvc.model.registry.loaded import LoadedModel, Ragged

_MANIFEST = Manifest(FORMAT, "", "", "", "", 0, {}, {}, {}, {})


@cache
def no_model() -> LoadedModel:
    """Return one and the same, so that a catalogue is joined to it once."""
    empty = Candidates(np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.uint8))
    ragged = Ragged(np.zeros(1, np.int64), empty)
    ids = np.zeros(0, dtype="S1")
    return LoadedModel(
        manifest=_MANIFEST,
        items=IdMap(ids),
        customers=CustomerMap(np.zeros(0, dtype="S16")),
        categories=IdMap(ids),
        _slates=dict.fromkeys(CustomerSlate, ragged),
        _neighbours=dict.fromkeys(ItemSlate, ragged),
        _category_popular=ragged,
        _popular=empty,
        _trending=empty,
        intervals=np.zeros(0, np.float32),
        _facts=None,
        appeal=np.zeros(0, np.float32),
    )
