"""The weights before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import Quantity, WeightsTap


@dataclass(frozen=True)
class Spread:
    """How the values of one variable are spread."""

    shape: tuple[int, ...]
    mean: float
    #: Standard deviation of all its values.
    deviation: float
    #: Largest standard deviation over the units (the last axis) of a single weight: 0 where all units are equal;
    #: NaN for a variable of fewer than two axes or one unit.
    between_units: float
    #: Mean square of the values times the number of inputs of a unit: 1 for LeCun, 2 for He, below for
    #: Glorot's; NaN for a variable of fewer than two axes.
    gain: float

    @classmethod
    def of(cls, values: NDArray[np.generic]) -> Spread:
        """The spread of an array of numbers."""
        wide = values.astype(np.float64)
        between = gain = float("nan")
        if wide.ndim >= 2 and wide.size:
            flat = wide.reshape(-1, wide.shape[-1])
            gain = float((flat**2).mean() * flat.shape[0])
            if flat.shape[1] > 1:
                between = float(flat.std(axis=1).max())
        return cls(
            shape=tuple(values.shape),
            mean=float(wide.mean()) if wide.size else float("nan"),
            deviation=float(wide.std()) if wide.size else float("nan"),
            between_units=between,
            gain=gain,
        )


@dataclass(frozen=True)
class InitialWeights(Quantity):
    """Spread of every trainable variable before the first step of a fit that begins with fresh weights."""

    variables: Mapping[str, Spread]

    @classmethod
    def from_weights(cls, weights: WeightsTap) -> Self | None:
        if weights.iterations or not weights.trainable:
            return None
        return cls({path: Spread.of(values) for path, values in weights.trainable.items()})
