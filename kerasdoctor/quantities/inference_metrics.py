"""Loss and metrics of training rows in inference mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import EvaluationTap, Quantity
from kerasdoctor.series import Table


@dataclass(eq=False)
class InferenceMetrics(Table, Quantity):
    """Keras's loss and metrics of up to 512 training rows, fixed and at random, without Dropout and its like.

    Beside it, what `fit` reports for the training part is a mean over an epoch in which the weights moved.
    """

    grows: ClassVar[bool] = True

    def on_evaluation(self, evaluation: EvaluationTap) -> None:
        if evaluation.part == "train" and evaluation.metrics:
            values = np.array([list(evaluation.metrics.values())])
            self.extend(tuple(evaluation.metrics), np.array([evaluation.step]), values)
