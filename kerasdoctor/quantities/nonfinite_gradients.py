"""How much of a gradient is not finite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.quantities import Quantity, StepTap
from kerasdoctor.series import Table


@dataclass(eq=False)
class NonfiniteGradients(Table, Quantity):
    """NaN and infinite elements of the gradient of each trainable variable, counted at every step.

    Recorded at level "full"; at every tapped level the norm of such a gradient is not finite.
    """

    grows: ClassVar[bool] = True

    def on_steps(self, steps: StepTap) -> None:
        if steps.nonfinite_gradients is not None:
            self.extend(steps.variables, steps.step, steps.nonfinite_gradients)
