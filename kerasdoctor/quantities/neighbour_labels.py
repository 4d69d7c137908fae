"""Whether rows that lie near each other have the same label."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import threadpoolctl
from numpy.typing import NDArray

from kerasdoctor.quantities import DataTap, Quantity
from kerasdoctor.quantities.split_labels import class_labels

#: Training rows that are compared, at even distances, and products of two values that this may take: some milliseconds.
MOST_ROWS, PRODUCTS = 1000, 2**27
#: Rows below which the share says nothing.
FEWEST = 40


@dataclass(frozen=True)
class NeighbourLabels(Quantity):
    """How often the nearest other training row has the same label: what the inputs tell about it at the least.

    Nearest by the Euclidean distance of the inputs, each place in its standard deviations. Equal rows are no
    neighbours of each other: they would tell of copies.
    """

    #: Rows that have a neighbour.
    rows: int
    #: Share of them whose nearest other row has the same label.
    equal: float
    #: The share that rows in any order would have.
    expected: float

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        """None without classes, and for fewer than `FEWEST` finite rows of numbers."""
        labels = class_labels(next(iter(data.targets.values()))) if data.targets else None
        places = np.arange(int(np.searchsorted(data.rows, data.split_at)))
        if (
            labels is None
            or len(places) < FEWEST
            or any(part.dtype.kind not in "biuf" for part in data.inputs.values())
        ):
            return None
        size = sum(part[:1].size for part in data.inputs.values())
        most = min(MOST_ROWS, math.isqrt(PRODUCTS // max(size, 1)))
        places = places[:: -(-len(places) // max(most, 1))]
        parts = [part[places].reshape(len(places), -1).astype(np.float32) for part in data.inputs.values()]
        x: NDArray[np.float32] = np.concatenate(parts, axis=1)
        kept = np.isfinite(x).all(axis=1)
        x, y = x[kept], labels[places][kept]
        if len(x) < FEWEST:
            return None
        nearest, known = _nearest(x)
        same = (y[nearest] == y)[known]
        shares = np.bincount(np.unique(y, return_inverse=True)[1]) / len(y)
        if len(same) < FEWEST:
            return None
        return cls(rows=len(same), equal=float(same.mean()), expected=float((shares**2).sum()))


@functools.cache
def _pools() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController()


def _nearest(x: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The place of each row's nearest other row, and whether there is one that is not equal to it."""
    scaled = x.astype(np.float64)
    scaled -= scaled.mean(axis=0)
    deviation = scaled.std(axis=0)
    scaled /= np.where(deviation > 0, deviation, 1.0)
    squares = (scaled**2).sum(axis=1)
    # behind a product OpenBLAS's threads spin for 30 ms each, at the cost of the training (numpy 2.4, two cores)
    with _pools().limit(limits=1, user_api="blas"):
        products = scaled @ scaled.T
    distances = squares[:, None] + squares[None] - 2 * products
    # of equal rows rounding leaves about this much
    distances[distances <= 1e-9 * (1 + squares[:, None] + squares[None])] = np.inf
    return distances.argmin(axis=1), np.isfinite(distances).any(axis=1)
