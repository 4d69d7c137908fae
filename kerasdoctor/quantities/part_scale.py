"""How the inputs of the two parts differ in scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from kerasdoctor.quantities import DataTap, Quantity

#: Rows of each part that are looked at, at even distances, and values of each: quantiles take 0.1 s.
ROWS, VALUES = 2048, 2**20
#: Rows that a part must have, and rows times features that vary; with fewer a quantile is no scale.
FEWEST, FEWEST_IN_ALL = 30, 100
#: Features of which it is looked for whether they have changed places: the assignment takes 20 ms.
MOST_FEATURES = 256


@dataclass(frozen=True)
class Difference:
    """One input in both parts; a feature is a place on the last axis. Values that are not finite are left out."""

    train_dtype: str
    validation_dtype: str
    train_minimum: float
    train_maximum: float
    validation_minimum: float
    validation_maximum: float
    #: Features that vary in either part.
    features: int
    #: Median over these features of the validation part's spread (quantiles .05 to .95) over the training part's;
    #: infinite where the training part does not vary.
    spread_ratio: float
    #: Median over these features of the distance of the medians, in half spreads of the training part.
    shift: float
    #: Features that are like another feature of the training part and unlike their own; 0 where it was not examined.
    moved: int
    #: Whether rows are of two axes and channels, at most four of them.
    images: bool = False
    #: Median over these features of the distance of the medians of the first and the second half of the training rows,
    #: in half spreads: near 0 where they were shuffled.
    drift: float = float("nan")

    @classmethod
    def of(cls, train: NDArray[np.generic], validation: NDArray[np.generic]) -> Difference | None:
        """None where they are no numbers, not of one form, or too few."""
        if train.dtype.kind not in "iuf" or validation.dtype.kind not in "iuf" or train.ndim < 2:
            return None
        if min(len(train), len(validation)) < FEWEST or train.shape[1:] != validation.shape[1:] or not train[0].size:
            return None
        first, second = _flat(train), _flat(validation)
        if first is None or second is None:
            return None
        low, middle, high = _quantiles(first)
        low_2, middle_2, high_2 = _quantiles(second)
        with np.errstate(over="ignore"):
            spread, spread_2 = high - low, high_2 - low_2
        varying = np.isfinite(spread) & np.isfinite(spread_2) & ((spread > 0) | (spread_2 > 0))
        if not varying.any() or varying.sum() * min(len(train), len(validation)) < FEWEST_IN_ALL:
            return None
        low, middle, spread, middle_2, spread_2 = (part[varying] for part in (low, middle, spread, middle_2, spread_2))
        halves = [np.nanmedian(half[:, varying], axis=0) for half in np.array_split(first, 2)]
        with np.errstate(all="ignore"):
            ratio = spread_2 / spread
            shift = 2 * np.abs(middle_2 - middle) / spread
            drift = 2 * np.abs(halves[1] - halves[0]) / spread
        return cls(
            train_dtype=str(train.dtype),
            validation_dtype=str(validation.dtype),
            train_minimum=float(np.nanmin(first)),
            train_maximum=float(np.nanmax(first)),
            validation_minimum=float(np.nanmin(second)),
            validation_maximum=float(np.nanmax(second)),
            features=int(varying.sum()),
            spread_ratio=float(np.median(np.nan_to_num(ratio, nan=1.0, posinf=np.inf))),
            # a middle that does not move in a feature that does not vary is no shift
            shift=float(np.median(np.nan_to_num(shift, nan=0.0, posinf=np.inf))),
            moved=_moved(middle, spread, middle_2, spread_2),
            images=train.ndim == 4 and train.shape[-1] <= 4,
            drift=float(np.median(np.nan_to_num(drift, nan=0.0, posinf=np.inf))),
        )


def _flat(values: NDArray[np.generic]) -> NDArray[np.float64] | None:
    """Some of the values, shape (n, features), NaN where they are not finite; None where none is."""
    rows = max(1, min(ROWS, VALUES // max(1, values[0].size)))
    flat = values[:: -(-len(values) // rows)].reshape(-1, values.shape[-1]).astype(np.float64)
    flat[~np.isfinite(flat)] = np.nan
    return flat if np.isfinite(flat).any(axis=0).all() else None


def _quantiles(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    quantile = np.nanquantile if np.isnan(values).any() else np.quantile
    low, middle, high = quantile(values, [0.05, 0.5, 0.95], axis=0)
    return low, middle, high


def _moved(
    middle: NDArray[np.float64],
    spread: NDArray[np.float64],
    middle_2: NDArray[np.float64],
    spread_2: NDArray[np.float64],
) -> int:
    """Features that have another one's place and spread, by the assignment with the least distance."""
    if not 2 <= len(middle) <= MOST_FEATURES or (spread <= 0).any() or (spread_2 <= 0).any():
        return 0
    apart = 2 * np.abs(middle_2[:, None] - middle) / spread + np.abs(np.log2(spread_2[:, None] / spread))
    own = np.diag(apart)
    rows, columns = linear_sum_assignment(np.minimum(apart, 100.0))
    # unlike its own: beyond a whole spread; like the other: within a fifth of it
    return int(np.sum((rows != columns) & (own > 2.0) & (apart[rows, columns] < 0.4)))


@dataclass(frozen=True)
class PartScale(Quantity):
    """Difference of the inputs of `validation_data`, by their names, from those that train."""

    inputs: Mapping[str, Difference]

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        """None without `validation_data` of arrays: `validation_split` takes both parts from one array."""
        found = {
            name: Difference.of(values, data.validation_inputs[name])
            for name, values in data.inputs.items()
            if name in data.validation_inputs
        }
        differences = {name: difference for name, difference in found.items() if difference is not None}
        return cls(differences) if differences else None
