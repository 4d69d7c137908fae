"""How far the outputs depend on the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import Quantity


@dataclass(frozen=True)
class ZeroInput(Quantity):
    """Outputs of training rows in inference mode, beside that of zeros; in root mean squares of the outputs."""

    probed: ClassVar[bool] = True

    #: How far the rows' outputs are from their mean; 0 where the output does not depend on the input.
    spread: float
    #: How far they are from the output for zeros.
    distance: float

    @classmethod
    def of(cls, outputs: NDArray[np.float64], zero: NDArray[np.float64]) -> Self | None:
        """The measure of outputs of shape (rows, numbers) and (1, numbers); None where they are 0 or not finite."""
        size = float(np.sqrt((outputs**2).mean()))
        spread = float(np.sqrt(((outputs - outputs.mean(axis=0)) ** 2).mean()))
        distance = float(np.sqrt(((outputs - zero) ** 2).mean()))
        if not np.isfinite([size, distance]).all() or size == 0:
            return None
        return cls(spread / size, distance / size)
