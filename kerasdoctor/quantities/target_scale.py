"""How large the targets are and how much they vary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from kerasdoctor.quantities import DataTap, Quantity


@dataclass(frozen=True)
class Moments:
    """Of one target's finite values over the rows that train; what a network that predicts 0, or the mean, gets."""

    mean: float
    deviation: float
    #: Mean square and mean absolute value.
    square: float
    absolute: float
    #: Mean square and mean absolute distance from the mean of each of the values that a row has.
    square_around: float
    absolute_around: float


@dataclass(frozen=True)
class TargetScale(Quantity):
    """Moments of every target of numbers, by its name."""

    outputs: Mapping[str, Moments]

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        train = int(np.searchsorted(data.rows, data.split_at))
        found = {}
        for name, values in data.targets.items():
            part = values[:train]
            if values.dtype.kind not in "biuf" or not part.size:
                continue
            flat = part.reshape(len(part), -1).astype(np.float64)
            flat = flat[np.isfinite(flat).all(axis=1)]
            if not len(flat):
                continue
            with np.errstate(over="ignore", invalid="ignore"):
                around = flat - flat.mean(axis=0)
                found[name] = Moments(
                    mean=float(flat.mean()),
                    deviation=float(flat.std()),
                    square=float(np.mean(flat**2)),
                    absolute=float(np.mean(np.abs(flat))),
                    square_around=float(np.mean(around**2)),
                    absolute_around=float(np.mean(np.abs(around))),
                )
        return cls(found) if found else None
