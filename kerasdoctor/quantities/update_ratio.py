"""How large the steps are against the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import Quantity, StepTap
from kerasdoctor.series import Table


@dataclass(eq=False)
class UpdateRatio(Table, Quantity):
    """Norm of the update over the norm of the variable after it, per trainable variable and step.

    0 where the variable is all zeros.
    """

    grows: ClassVar[bool] = True

    def on_steps(self, steps: StepTap) -> None:
        if steps.update_norm is None or steps.weight_norm is None:
            return
        weights = steps.weight_norm
        with np.errstate(invalid="ignore"):  # both are infinite when a run has diverged
            ratio = np.divide(steps.update_norm, weights, out=np.zeros_like(weights), where=weights != 0)
        self.extend(steps.variables, steps.step, ratio)
