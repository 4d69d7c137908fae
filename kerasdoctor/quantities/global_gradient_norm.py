"""The norm of the whole gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import Quantity, StepTap
from kerasdoctor.series import Series


@dataclass
class GlobalGradientNorm(Series, Quantity):
    """L2 norm of the gradients of all variables together, at every step, before any clipping.

    It is what `global_clipnorm` compares with its threshold.
    """

    grows: ClassVar[bool] = True

    def on_steps(self, steps: StepTap) -> None:
        if steps.gradient_norm is not None and steps.variables:
            self.extend(steps.step, np.sqrt(np.sum(steps.gradient_norm**2, axis=1)))
