"""Outputs of a layer that are not finite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import EvaluationTap, Quantity
from kerasdoctor.series import Table


@dataclass(eq=False)
class NonfiniteActivations(Table, Quantity):
    """NaN and infinite outputs of each layer with an activation, counted over each validation."""

    grows: ClassVar[bool] = True

    def on_evaluation(self, evaluation: EvaluationTap) -> None:
        if evaluation.part == "validation" and evaluation.layers:
            self.extend(evaluation.layers, np.array([evaluation.step]), evaluation.nonfinite[None])
