"""The true loss of every batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.quantities import Quantity, StepTap
from kerasdoctor.series import Series


@dataclass
class BatchLoss(Series, Quantity):
    """The mean loss of every batch, not Keras's running mean over the epoch; regularization included."""

    grows: ClassVar[bool] = True

    def on_steps(self, steps: StepTap) -> None:
        self.extend(steps.step[: len(steps.loss)], steps.loss)
