"""Codes of the categories and of the sets of categories that items are in.

An item's set is its category, its further categories and all their parents. Most items share their
set with others, so a filter on categories is one flag per set, and an item passes by one look-up.
One thread writes at a time; a concurrent reader sees a set complete or not at all.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from recsvc.domain.catalogue.category_paths import lenient, lineage
from recsvc.model.artifact.format import Array

NO_CATEGORY = -1  # code of the category, and of the set, of an item without one

_MAX_CACHED = 128  # combinations of names; each costs one byte per set
_FIRST_CAPACITY = 64


class CategorySets:
    """`names`: the path of each category code; parents have codes too."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._codes: dict[str, int] = {}
        self._sets: dict[tuple[str, ...], int] = {}
        self._sets_within: list[list[int]] = []  # by category code: the sets that contain it
        # (sets,) longer than the sets in use: the code of the own category
        self._own = np.full(_FIRST_CAPACITY, NO_CATEGORY, dtype=np.int32)
        self._wanted: dict[tuple[str, ...], Array] = {}

    def __len__(self) -> int:
        return len(self._sets)

    def put(self, category: str | None, further: Sequence[str]) -> int:
        """Return the code of an item's set; NO_CATEGORY for an item without a category."""
        if category is None and not further:
            return NO_CATEGORY
        named = ("" if category is None else category, *further)
        known = self._sets.get(named)
        return self._add(named) if known is None else known

    def own(self, sets: Array) -> Array:
        """Return the code of the own category in each set; below 0: none."""
        codes: Array = np.where(sets < 0, NO_CATEGORY, self._own[sets])
        return codes

    def code(self, name: str) -> int | None:
        """Return the code of a category; None if no item is in it or in a child of it."""
        code = self._codes.get(name)
        return self._codes.get(lenient(name)) if code is None else code

    def sets_within(self, name: str) -> Array:
        """Return the codes of the sets that contain the category."""
        code = self.code(name)
        return np.array([] if code is None else self._sets_within[code], dtype=np.int32)

    def wanted(self, names: tuple[str, ...]) -> Array:
        """Return for each set whether it contains any of the categories. (sets,) bool"""
        size = len(self._sets)  # read first: a set that is added later is in no answer of now
        flags = self._wanted.get(names)
        if flags is not None and len(flags) == size:
            return flags
        flags = np.zeros(size, dtype=np.bool_)
        for name in names:
            within = self.sets_within(name)
            flags[within[within < size]] = True
        if len(self._wanted) >= _MAX_CACHED:
            self._wanted = {}
        self._wanted[names] = flags
        return flags

    def _add(self, named: tuple[str, ...]) -> int:
        new = len(self._sets)
        if new == len(self._own):
            self._own = np.resize(self._own, 2 * new)
        paths = [lenient(name) for name in named if name]
        self._own[new] = self._code_of(lenient(named[0])) if named[0] else NO_CATEGORY
        for code in {self._code_of(name) for path in paths for name in lineage(path)}:
            self._sets_within[code].append(new)
        self._sets[named] = new  # last: readers count the sets here
        return new

    def _code_of(self, path: str) -> int:
        code = self._codes.get(path)
        if code is None:
            code = len(self.names)
            self._sets_within.append([])
            self.names.append(path)
            self._codes[path] = code
        return code


def is_in(sets: Array, wanted: Iterable[Array]) -> Array:
    """Return for each item whether its set is in any of the lists of sets. (items,) bool"""
    found: Array = np.isin(sets, np.concatenate([np.zeros(0, np.int32), *wanted]))
    return found
