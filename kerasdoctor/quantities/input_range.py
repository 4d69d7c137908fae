"""Range and finiteness of the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import DataTap, Quantity


@dataclass(frozen=True)
class Range:
    """What one array holds; `minimum` and `maximum` are over its finite values, NaN when there are none."""

    dtype: str
    shape: tuple[int, ...]
    minimum: float
    maximum: float
    #: Values that are NaN or infinite.
    nonfinite: int
    #: First row with such a value, None when all are finite.
    first_nonfinite_row: int | None

    @classmethod
    def of(cls, values: NDArray[np.generic], rows: NDArray[np.int64], n: int) -> Range:
        """The range of `values`, of shape (rows, ...); `rows` are their positions in an array of `n` rows."""
        shape = (n, *values.shape[1:])
        if values.dtype.kind not in "biuf":
            return cls(str(values.dtype), shape, np.nan, np.nan, 0, None)
        # min and max of a float array are NaN as soon as one value is: two passes tell a clean array
        low, high = (float(values.min()), float(values.max())) if values.size else (np.nan, np.nan)
        if (np.isfinite(low) and np.isfinite(high)) or not values.size:
            return cls(str(values.dtype), shape, low, high, 0, None)
        finite = np.isfinite(values)
        first = int(rows[np.flatnonzero(~finite.reshape(len(values), -1).all(axis=1))[0]])
        kept = values[finite]
        low, high = (float(kept.min()), float(kept.max())) if kept.size else (np.nan, np.nan)
        return cls(str(values.dtype), shape, low, high, int(finite.size - finite.sum()), first)


@dataclass(frozen=True)
class InputRange(Quantity):
    """Range of every input, training and validation rows together."""

    inputs: Mapping[str, Range]
    #: Inputs of `validation_data`.
    validation: Mapping[str, Range]
    #: Rows looked at, and rows there are.
    scanned: int
    rows: int

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        if not data.inputs:
            return None
        return cls(
            inputs={name: Range.of(values, data.rows, data.n) for name, values in data.inputs.items()},
            validation={
                name: Range.of(values, np.arange(len(values)), len(values))
                for name, values in data.validation_inputs.items()
            },
            scanned=len(data.rows),
            rows=data.n,
        )
