"""How different the features of the inputs are in scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import DataTap, Quantity

#: Values of an input that are looked at, in rows at even distances: scales need no more, and it takes 0.01 s.
VALUES = 2**20
#: Dimensions from which the last axis counts as channels of images or sequences.
_MOST_CHANNELS = 4096


@dataclass(frozen=True)
class Scale:
    """Standard deviations of the features of one input over its training rows; a feature is a place on the last axis.

    Values that are not finite are left out.
    """

    features: int
    #: Features with one value in all rows.
    constant: int
    #: Smallest and largest standard deviation of the others, and whose it is; NaN and -1 where all are constant.
    smallest: float
    largest: float
    smallest_feature: int
    largest_feature: int
    #: Distance of the mean row from 0 over that of a row from the mean row, a root mean square over the features that
    #: vary.
    off_center: float

    @classmethod
    def of(cls, values: NDArray[np.generic]) -> Scale | None:
        """The scale of `values`, shape (rows, ...); None where they are no numbers."""
        if values.dtype.kind not in "iuf" or values.ndim < 2 or not values.size or values.shape[-1] > _MOST_CHANNELS:
            return None
        rows = max(1, VALUES // (values.size // len(values)))
        step = -(-len(values) // rows)
        flat = values[::step].reshape(-1, values.shape[-1]).astype(np.float64)
        finite = np.isfinite(flat)
        flat[~finite] = 0.0
        count = np.maximum(finite.sum(axis=0), 1)
        mean = flat.sum(axis=0) / count
        flat -= mean
        flat[~finite] = 0.0
        deviation = np.sqrt(np.einsum("ij,ij->j", flat, flat) / count)
        # rounding of the mean alone
        varying = deviation > 1e-7 * np.abs(mean)
        if not varying.any():
            return cls(len(mean), len(mean), np.nan, np.nan, -1, -1, np.nan)
        low = int(np.argmin(np.where(varying, deviation, np.inf)))
        high = int(np.argmax(np.where(varying, deviation, -np.inf)))
        return cls(
            features=len(mean),
            constant=int(np.sum(~varying)),
            smallest=float(deviation[low]),
            largest=float(deviation[high]),
            smallest_feature=low,
            largest_feature=high,
            # divided first: the squares of large values are infinite
            off_center=_off_center(mean[varying], deviation[varying]),
        )


def _off_center(mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> float:
    # squares of large values are infinite, and tell nothing
    with np.errstate(all="ignore"):
        return float(np.linalg.norm(mean) / np.linalg.norm(deviation))


@dataclass(frozen=True)
class FeatureScale(Quantity):
    """Scale of every input of numbers, by its name; an index of words or a category is no such number."""

    inputs: Mapping[str, Scale]

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        train = int(np.searchsorted(data.rows, data.split_at))
        scales = {name: Scale.of(values[:train]) for name, values in data.inputs.items() if train}
        found = {name: scale for name, scale in scales.items() if scale is not None}
        return cls(found) if found else None
