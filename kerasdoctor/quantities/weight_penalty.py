"""What the weight regularizers add to the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import EpochTap, Quantity
from kerasdoctor.series import Series


@dataclass
class WeightPenalty(Series, Quantity):
    """Sum of the penalties of kernel, bias and recurrent regularizers at the begin of each epoch, in units of the loss.

    `step` is the first step of the epoch, from 1.
    """

    grows: ClassVar[bool] = True

    def on_epoch(self, epoch: EpochTap) -> None:
        if epoch.weight_penalty is not None:
            self.extend([epoch.step + 1], np.array([epoch.weight_penalty]))
