"""Which classes are taken for which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import EvaluationTap, Quantity

#: Classes beyond it make a matrix that nobody reads, of 80 kB.
MOST_CLASSES = 100


@dataclass(eq=False)
class ConfusionMatrix(Quantity):
    """The last validation, class by class."""

    grows: ClassVar[bool] = True

    #: Shape (k,), the labels that occur or are predicted, rising.
    classes: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    #: Shape (k, k), rows of each true class (first axis) by predicted class.
    counts: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), np.int64))
    #: Steps made before this validation.
    step: int = 0

    def __len__(self) -> int:
        return len(self.classes)

    def on_evaluation(self, evaluation: EvaluationTap) -> None:
        predicted, true = evaluation.predicted, evaluation.true
        if evaluation.part != "validation" or evaluation.task == "numbers" or predicted is None or true is None:
            return
        classes, places = np.unique(np.concatenate((true, predicted)), return_inverse=True)
        k = len(classes)
        if k > MOST_CLASSES:
            return
        flat = places[: len(true)] * k + places[len(true) :]
        self.classes, self.step = classes.astype(np.int64), evaluation.step
        self.counts = np.bincount(flat, minlength=k * k).reshape(k, k).astype(np.int64)
