"""How many outputs of a layer are 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import EvaluationTap, Quantity
from kerasdoctor.series import Table


@dataclass(eq=False)
class ZeroShare(Table, Quantity):
    """Share of the outputs of each layer with an activation that are exactly 0, over each validation."""

    grows: ClassVar[bool] = True

    def on_evaluation(self, evaluation: EvaluationTap) -> None:
        if evaluation.part == "validation" and evaluation.layers:
            self.extend(evaluation.layers, np.array([evaluation.step]), evaluation.zero_share[None])
