"""Training rows that lie far from all others, by their inputs or by their targets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import DataTap, Quantity

#: Times the largest value of 98 rows in 100 beyond which a row is far from them. Of 10,000 normal rows the largest
#: has 1.5 to 2 times.
FAR, TYPICAL = 10.0, 0.98
#: Rows below which nothing is told of 98 in 100.
FEWEST = 40


@dataclass(frozen=True)
class FarRows(Quantity):
    """How many rows have a value that is far beyond those of nearly all others, by the largest value of each row.

    Absolute values of all inputs of numbers, or of all targets where no row is far by its inputs; what is not finite is
    left out.
    """

    #: Training rows looked at, and those of them that are far.
    rows: int
    count: int
    #: Place of the first far row; -1 where there is none.
    first: int
    #: Largest value of a row that 98 of 100 do not pass, and the largest of all.
    typical: float
    largest: float
    #: Whether they are far by their targets.
    of_targets: bool = False

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        """None for fewer than `FEWEST` rows, and without numbers."""
        n = int(np.searchsorted(data.rows, data.split_at))
        if n < FEWEST:
            return None
        inputs = cls._of(data, [part[:n] for part in data.inputs.values()])
        if inputs is not None and inputs.count:
            return inputs
        targets = cls._of(data, [part[:n] for part in data.targets.values()])
        return replace(targets, of_targets=True) if targets is not None and targets.count else inputs

    @classmethod
    def _of(cls, data: DataTap, arrays: list[NDArray[np.generic]]) -> Self | None:
        parts = [part for part in arrays if part.dtype.kind in "iuf" and part.size]
        if not parts:
            return None
        largest = np.maximum.reduce([_largest(part) for part in parts])
        typical = float(np.quantile(largest, TYPICAL))
        far = np.flatnonzero(largest > FAR * typical) if typical > 0 else np.empty(0, np.int64)
        first = int(data.rows[far[0]]) if len(far) else -1
        return cls(rows=len(largest), count=len(far), first=first, typical=typical, largest=float(largest.max()))


def _largest(part: NDArray[np.generic]) -> NDArray[np.float64]:
    """Largest absolute value of each row, shape (rows,)."""
    flat = part.reshape(len(part), -1)
    # two passes without a copy; the absolute value of the lowest integer is itself
    high = np.maximum(flat.max(axis=1).astype(np.float64), -flat.min(axis=1).astype(np.float64))
    spoilt = np.flatnonzero(~np.isfinite(high))
    if len(spoilt):
        values = np.abs(flat[spoilt].astype(np.float64))
        high[spoilt] = np.where(np.isfinite(values), values, 0.0).max(axis=1)
    return np.asarray(high)
