"""The learning rate over the run."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import ClassVar

from kerasdoctor.quantities import EpochTap, Floats, Integers, Quantity


@dataclass
class LearningRate(Quantity):
    """The learning rate that the optimizer holds at the first step of every epoch."""

    grows: ClassVar[bool] = True

    #: Steps made before the epoch.
    step: Integers = field(default_factory=lambda: array("q"))
    value: Floats = field(default_factory=lambda: array("d"))

    def on_epoch(self, epoch: EpochTap) -> None:
        self.step.append(epoch.step)
        self.value.append(epoch.learning_rate)
