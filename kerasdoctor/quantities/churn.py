"""How many validation rows change their predicted class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import EvaluationTap, Quantity
from kerasdoctor.series import Series


@dataclass
class Churn(Series, Quantity):
    """Share of the validation rows whose predicted class is another one than in the validation before."""

    grows: ClassVar[bool] = True

    def on_evaluation(self, evaluation: EvaluationTap) -> None:
        now, before = evaluation.predicted, evaluation.predicted_before
        if now is None or before is None or evaluation.task == "numbers" or now.shape != before.shape:
            return
        self.extend([evaluation.step], np.array([np.mean(now != before)]))
