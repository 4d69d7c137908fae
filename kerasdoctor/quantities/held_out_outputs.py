"""What the model put out for each class in the last validation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import EvaluationTap, Quantity


@dataclass(eq=False)
class HeldOutOutputs(Quantity):
    """Outputs and labels of the rows of the last validation, up to 65,536 numbers: out-of-sample predictions.

    For models with one output of 1 to 32 classes.
    """

    grows: ClassVar[bool] = True

    #: Shape (rows, outputs): probabilities or logits, as the model gives them.
    outputs: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    #: Shape (rows,): class of each row.
    labels: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    #: As in `EvaluationTap`.
    task: str = ""

    def __len__(self) -> int:
        return len(self.labels)

    def on_evaluation(self, evaluation: EvaluationTap) -> None:
        if evaluation.part == "validation" and evaluation.outputs is not None and evaluation.true is not None:
            self.outputs, self.task = evaluation.outputs, evaluation.task
            self.labels = evaluation.true[: len(self.outputs)].astype(np.int64)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Shape (rows, classes), each row a distribution; empty where the outputs are not finite."""
        outputs = self.outputs.astype(np.float64)
        if not outputs.size or not np.isfinite(outputs).all():
            return np.empty((0, 0))
        if outputs.shape[1] == 1:
            one = 1 / (1 + np.exp(-outputs.clip(-500, 500))) if self.task == "binary logits" else outputs.clip(0, 1)
            return np.concatenate([1 - one, one], axis=1)
        if outputs.min() < 0 or np.abs(outputs.sum(axis=1) - 1).max() > 1e-3:
            outputs = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        totals: NDArray[np.float64] = outputs / outputs.sum(axis=1, keepdims=True)
        return totals
