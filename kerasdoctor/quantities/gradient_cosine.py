"""Whether the gradient points where it pointed before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import Quantity, StepTap
from kerasdoctor.series import Table


@dataclass(eq=False)
class GradientCosine(Table, Quantity):
    """Cosine of the angle between consecutive gradients of each trainable variable; near -1 the steps go to and fro.

    Recorded at level "full". A step in which no variable has one, such as the first, is left out.
    """

    grows: ClassVar[bool] = True

    def on_steps(self, steps: StepTap) -> None:
        if steps.gradient_cosine is None:
            return
        known = ~np.isnan(steps.gradient_cosine).all(axis=1)
        if known.any():
            self.extend(steps.variables, steps.step[known], steps.gradient_cosine[known])
