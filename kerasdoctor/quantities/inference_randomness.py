"""Whether two passes in inference mode give the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import Quantity


@dataclass(frozen=True)
class InferenceRandomness(Quantity):
    """How far the outputs of the same rows differ between two passes in inference mode."""

    probed: ClassVar[bool] = True

    #: Root mean square of the difference in root mean squares of the outputs; 0 where they are the same.
    difference: float
    #: Layers of Keras's, and of the user's own classes, that drew random numbers.
    keras_layers: tuple[str, ...]
    own_layers: tuple[str, ...]

    @classmethod
    def of(
        cls,
        first: NDArray[np.float64],
        second: NDArray[np.float64],
        keras_layers: tuple[str, ...],
        own_layers: tuple[str, ...],
    ) -> Self | None:
        """The difference of outputs of shape (rows, numbers); None where they are not finite."""
        size, difference = np.sqrt((first**2).mean()), np.sqrt(((first - second) ** 2).mean())
        if not np.isfinite([size, difference]).all():
            return None
        return cls(float(difference / size) if size else 0.0, keras_layers, own_layers)
