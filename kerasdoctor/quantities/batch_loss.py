"""The true loss of every batch."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import BatchTap, Floats, Integers, Quantity


@dataclass
class BatchLoss(Quantity):
    """The mean loss of every batch, not Keras's running mean over the epoch; regularization included."""

    grows: ClassVar[bool] = True

    #: Steps counted from 1 over the whole call.
    step: Integers = field(default_factory=lambda: array("q"))
    value: Floats = field(default_factory=lambda: array("d"))

    def on_batch(self, batch: BatchTap) -> None:
        self.step.append(batch.step)
        self.value.append(batch.loss)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Shape (n,), a copy: the series goes on growing."""
        return np.array(self.step, dtype=np.int64)

    @property
    def values(self) -> NDArray[np.float64]:
        """Shape (n,), a copy."""
        return np.array(self.value, dtype=np.float64)
