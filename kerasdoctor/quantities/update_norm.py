"""How far every variable moves in a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.quantities import Quantity, StepTap
from kerasdoctor.series import Table


@dataclass(eq=False)
class UpdateNorm(Table, Quantity):
    """L2 norm of what each step added to each trainable variable; 0 while gradients accumulate."""

    grows: ClassVar[bool] = True

    def on_steps(self, steps: StepTap) -> None:
        if steps.update_norm is not None:
            self.extend(steps.variables, steps.step, steps.update_norm)
