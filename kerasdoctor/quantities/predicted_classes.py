"""How many classes are predicted at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import EvaluationTap, Quantity
from kerasdoctor.series import Series


@dataclass
class PredictedClasses(Series, Quantity):
    """Number of distinct classes predicted in each validation."""

    grows: ClassVar[bool] = True

    #: Distinct classes among the validation rows.
    true: int = 0

    def on_evaluation(self, evaluation: EvaluationTap) -> None:
        predicted, true = evaluation.predicted, evaluation.true
        if evaluation.part != "validation" or predicted is None or true is None or evaluation.task == "numbers":
            return
        self.true = len(np.unique(true))
        self.extend([evaluation.step], np.array([float(len(np.unique(predicted)))]))
