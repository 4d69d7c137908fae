"""How far the inputs of batch normalizations are from their moving means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import EvaluationTap, Quantity
from kerasdoctor.series import Table


@dataclass(eq=False)
class BatchNormShift(Table, Quantity):
    """Distance between mean and moving mean in moving standard deviations, per batch normalization and validation.

    Root mean square over the channels.
    """

    grows: ClassVar[bool] = True

    def on_evaluation(self, evaluation: EvaluationTap) -> None:
        if evaluation.part == "validation" and evaluation.normalizations:
            self.extend(evaluation.normalizations, np.array([evaluation.step]), evaluation.mean_shift[None])
