"""How many outputs of a sigmoid or tanh are at one of its ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import EvaluationTap, Quantity
from kerasdoctor.series import Table


@dataclass(eq=False)
class Saturation(Table, Quantity):
    """Share of the outputs of each sigmoid and tanh below 0.005 or above 0.995, or beyond 0.99, over each validation.

    There the derivative is below 2 % of the largest one.
    """

    grows: ClassVar[bool] = True

    def on_evaluation(self, evaluation: EvaluationTap) -> None:
        ends = ~np.isnan(evaluation.saturated_share)
        if evaluation.part == "validation" and ends.any():
            names = tuple(name for name, kept in zip(evaluation.layers, ends, strict=True) if kept)
            self.extend(names, np.array([evaluation.step]), evaluation.saturated_share[ends][None])
