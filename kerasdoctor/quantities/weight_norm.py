"""The size of every variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.quantities import Quantity, StepTap
from kerasdoctor.series import Table


@dataclass(eq=False)
class WeightNorm(Table, Quantity):
    """L2 norm of each trainable variable after each step."""

    grows: ClassVar[bool] = True

    def on_steps(self, steps: StepTap) -> None:
        if steps.weight_norm is not None:
            self.extend(steps.variables, steps.step, steps.weight_norm)
