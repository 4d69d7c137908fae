"""Which rows Keras draws from a pipeline: for training, for validation, and again in the second epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import BatchTap, Quantity
from kerasdoctor.quantities.window_overlap import ends, is_window

#: Batches of an epoch from which on there may be more than were looked at.
MANY = 64


@dataclass
class DrawnRows(Quantity):
    """Rows, by hashes of their inputs, in the first batches of the first two epochs and validations.

    Nothing of the rows is kept in the record, only how they compare.
    """

    grows: ClassVar[bool] = True

    #: Different rows drawn to train, and rows drawn in the first epoch that had been drawn in it before.
    train: int = 0
    repeated: int = 0
    #: Different rows drawn to validate, and those of them that were drawn to train.
    validation: int = 0
    shared: int = 0
    #: Rows drawn to validate that are a training row moved by one place; see `window_overlap`.
    overlapping: int = 0
    #: Rows and batches of the first and of the second validation.
    validation_rows: list[int] = field(default_factory=lambda: [0, 0])
    validation_batches: list[int] = field(default_factory=lambda: [0, 0])
    #: Rows of the second validation that the first one had.
    validation_again: int = 0
    #: Batches of the second validation whose inputs, and whose targets, are those of the first at the same place.
    same_inputs: int = 0
    same_targets: int = 0

    _train: set[int] = field(default_factory=set, init=False, repr=False, compare=False)
    _validation: set[int] = field(default_factory=set, init=False, repr=False, compare=False)
    _heads: set[int] = field(default_factory=set, init=False, repr=False, compare=False)
    _tails: set[int] = field(default_factory=set, init=False, repr=False, compare=False)
    #: Hash of the inputs and of the targets of each batch of the first validation.
    _batches: list[tuple[int, int]] = field(default_factory=list, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return self.train + self.validation

    @property
    def validations_are_whole(self) -> bool:
        """Whether both validations were seen from end to end: the second one may still be running."""
        first, second = self.validation_batches
        return 0 < first < MANY and second == first

    def on_batch(self, batch: BatchTap) -> None:
        arrays = list(batch.inputs.values())
        if not arrays or any(part.dtype.hasobject for part in arrays):
            return
        keys = row_hashes(arrays)
        if batch.part == "train":
            for key in keys:
                if key not in self._train:
                    self._train.add(key)
                    self.shared += key in self._validation
                elif batch.epoch == 1:
                    self.repeated += 1
            self.train = len(self._train)
        else:
            self._validated(batch, keys)
        if batch.epoch == 1 and is_window(arrays[0]):
            self._windows(batch.part, list(ends(arrays[0])))

    def _validated(self, batch: BatchTap, keys: list[int]) -> None:
        place = min(batch.epoch, 2) - 1
        self.validation_rows[place] += len(keys)
        self.validation_batches[place] += 1
        whole = hash(tuple(keys)), hash(tuple(_targets(batch.targets)))
        if place == 0:
            for key in keys:
                if key not in self._validation:
                    self._validation.add(key)
                    self.shared += key in self._train
            self.validation = len(self._validation)
            self._batches.append(whole)
            return
        self.validation_again += sum(key in self._validation for key in keys)
        if batch.index < len(self._batches):
            inputs, targets = self._batches[batch.index]
            self.same_inputs += whole[0] == inputs
            self.same_targets += whole[1] == targets

    def _windows(self, part: str, pairs: list[tuple[int, int]]) -> None:
        if part == "train":
            self._heads.update(head for head, _ in pairs)
            self._tails.update(tail for _, tail in pairs)
            return
        # the first validation comes behind the first epoch
        self.overlapping += sum(head in self._tails or tail in self._heads for head, tail in pairs)


def row_hashes(parts: list[NDArray[np.generic]]) -> list[int]:
    """One for each row of the parts together."""
    # not -1: there may be no rows
    flat = [np.ascontiguousarray(part).reshape(len(part), math.prod(part.shape[1:])) for part in parts]
    return [hash(b"".join(part[row].tobytes() for part in flat)) for row in range(len(flat[0]))]


def _targets(targets: Mapping[str, NDArray[np.generic]]) -> list[int]:
    arrays = [part for part in targets.values() if not part.dtype.hasobject]
    return row_hashes(arrays) if arrays else []
