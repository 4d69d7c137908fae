"""How far the inputs of batch normalizations are from their moving variances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import EvaluationTap, Quantity
from kerasdoctor.series import Table


@dataclass(eq=False)
class BatchNormVariance(Table, Quantity):
    """Variance over moving variance, per batch normalization and validation; geometric mean over the channels."""

    grows: ClassVar[bool] = True

    def on_evaluation(self, evaluation: EvaluationTap) -> None:
        if evaluation.part == "validation" and evaluation.normalizations:
            self.extend(evaluation.normalizations, np.array([evaluation.step]), evaluation.variance_ratio[None])
