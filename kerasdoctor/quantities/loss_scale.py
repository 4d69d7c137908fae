"""The loss scale of mixed precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.quantities import Quantity, StepTap
from kerasdoctor.series import Series


@dataclass
class LossScale(Series, Quantity):
    """The factor by which `LossScaleOptimizer` multiplies the loss, at every step where it changed.

    A fall means that gradients had overflowed and the step was skipped: that is how it finds its factor, no fault.
    """

    grows: ClassVar[bool] = True

    def on_steps(self, steps: StepTap) -> None:
        if steps.loss_scale is not None:
            self.extend_changes(steps.step, steps.loss_scale)
