"""Where the epochs begin."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import EpochTap, Quantity
from kerasdoctor.series import Integers


@dataclass
class EpochBegin(Quantity):
    """Steps made before each epoch of the call, the running one included."""

    grows: ClassVar[bool] = True

    step: Integers = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.step)

    def on_epoch(self, epoch: EpochTap) -> None:
        self.step.append(epoch.step)

    @property
    def steps(self) -> NDArray[np.int64]:
        """Shape (epochs,), a copy: it goes on growing."""
        return np.array(self.step, dtype=np.int64)

    def epoch_of(self, step: int) -> int:
        """The epoch that made `step`, both from 1."""
        return int(np.searchsorted(self.steps, step - 1, side="right"))
