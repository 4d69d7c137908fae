"""The gradient norm of every variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.quantities import Quantity, StepTap
from kerasdoctor.series import Table


@dataclass(eq=False)
class GradientNorm(Table, Quantity):
    """L2 norm of the gradient of each trainable variable, before clipping and without the loss scale."""

    grows: ClassVar[bool] = True

    def on_steps(self, steps: StepTap) -> None:
        if steps.gradient_norm is not None:
            self.extend(steps.variables, steps.step, steps.gradient_norm)
