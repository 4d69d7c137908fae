"""The learning rate over the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import EpochTap, Quantity, StepTap
from kerasdoctor.series import Series


@dataclass
class LearningRate(Series, Quantity):
    """The learning rate that the optimizer used, at every step where it changed; schedules as they were followed.

    Where the train step is not tapped, the rate that the optimizer held at the begin of each epoch.
    """

    grows: ClassVar[bool] = True

    @property
    def extent(self) -> tuple[float, float] | None:
        """The lowest and the highest rate that was used; None where none is known."""
        finite = self.values[np.isfinite(self.values)]
        return (float(finite.min()), float(finite.max())) if len(finite) else None

    def on_steps(self, steps: StepTap) -> None:
        if steps.learning_rate is not None:
            self.extend_changes(steps.step, steps.learning_rate)

    def on_epoch(self, epoch: EpochTap) -> None:
        if epoch.learning_rate is not None:
            self.extend_changes(np.array([epoch.step + 1]), np.array([epoch.learning_rate]))
