"""How much numbers that are predicted vary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import EvaluationTap, Quantity
from kerasdoctor.series import Series


@dataclass
class PredictionSpread(Series, Quantity):
    """Standard deviation of the predictions over that of the targets, in each validation of a regression.

    Root mean square over the outputs; near 0 the model predicts the same for every row.
    """

    grows: ClassVar[bool] = True

    def on_evaluation(self, evaluation: EvaluationTap) -> None:
        predicted, true = evaluation.predicted, evaluation.true
        if evaluation.part != "validation" or evaluation.task != "numbers" or predicted is None or true is None:
            return
        with np.errstate(invalid="ignore", over="ignore"):  # a run that diverged
            spread, wanted = predicted.var(axis=0, dtype=np.float64), true.var(axis=0, dtype=np.float64)
            kept = wanted > 0
            if kept.any():
                self.extend([evaluation.step], np.sqrt([np.mean(spread[kept] / wanted[kept])]))
