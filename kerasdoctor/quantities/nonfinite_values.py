"""Missing and infinite values in the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import DataTap, Quantity


@dataclass(frozen=True)
class Missing:
    """Values of one array that are not finite."""

    nan: int
    infinite: int
    #: Rows that hold one, and the first of them.
    rows: int
    first_row: int
    #: Places on the last axis that hold one; 1 for a column of numbers.
    features: int
    first_feature: int

    @classmethod
    def of(cls, values: NDArray[np.generic], rows: NDArray[np.int64]) -> Missing | None:
        """None where all are finite; `rows` are the positions of the values' rows."""
        # the sum of finite values may overflow, so it only tells a clean array
        with np.errstate(over="ignore", invalid="ignore"):
            if values.dtype.kind != "f" or not values.size or np.isfinite(values.sum(dtype=np.float64)):
                return None
        finite = np.isfinite(values)
        if finite.all():
            return None
        bad = ~finite.reshape(len(values), -1).all(axis=1)
        columns = np.flatnonzero(~finite.reshape(-1, values.shape[-1] if values.ndim > 1 else 1).all(axis=0))
        nan = int(np.isnan(values).sum())
        return cls(
            nan=nan,
            infinite=int(finite.size - finite.sum()) - nan,
            rows=int(bad.sum()),
            first_row=int(rows[np.flatnonzero(bad)[0]]),
            features=len(columns),
            first_feature=int(columns[0]),
        )


@dataclass(frozen=True)
class NonfiniteValues(Quantity):
    """What is not finite among the rows that train and those that validate, by the name of the input or target.

    Rows of a tail that `validation_split` takes count from the first row of the whole array.
    """

    train: Mapping[str, Missing]
    validation: Mapping[str, Missing]
    #: Whether not every row was looked at.
    sampled: bool

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        at = int(np.searchsorted(data.rows, data.split_at))
        arrays = {**data.inputs, **data.targets}
        held_out = {**data.validation_inputs, **data.validation_targets}
        train = {name: Missing.of(values[:at], data.rows[:at]) for name, values in arrays.items()}
        tail = {name: Missing.of(values[at:], data.rows[at:]) for name, values in arrays.items()}
        tail |= {name: Missing.of(values, np.arange(len(values))) for name, values in held_out.items()}
        return cls(
            train={name: missing for name, missing in train.items() if missing is not None},
            validation={name: missing for name, missing in tail.items() if missing is not None},
            sampled=data.sampled,
        )
