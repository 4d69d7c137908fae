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
#: Neighbours that vote on the label of a row, and rows that are named.
VOTERS, NAMED = 10, 5


@dataclass(frozen=True)
class Vote:
    """How the labels of rows agree with the commonest label of their ten nearest rows."""

    #: Rows that have so many neighbours.
    rows: int
    #: Agreement beyond chance (Cohen's kappa; 1 is always).
    kappa: float
    #: Rows with another label: of the half whose neighbours agree most, and of the other half.
    sure: int
    unsure: int
    #: First rows whose label none of their neighbours has, which all have one other.
    odd: tuple[int, ...] = ()

    @property
    def shares(self) -> tuple[float, float]:
        """The same as shares of each half."""
        half = self.rows // 2
        return self.sure / max(half, 1), self.unsure / max(self.rows - half, 1)


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
    #: Of the ten nearest; None where there are fewer.
    vote: Vote | None = None

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
        x, y, rows = x[kept], labels[places][kept], data.rows[places][kept]
        if len(x) < FEWEST:
            return None
        distances = _distances(x)
        known = np.isfinite(distances).any(axis=1)
        _values, codes = np.unique(y, return_inverse=True)
        same = (codes[distances.argmin(axis=1)] == codes)[known]
        shares = np.bincount(codes) / len(codes)
        if len(same) < FEWEST:
            return None
        vote = _vote(distances, codes, rows)
        return cls(rows=len(same), equal=float(same.mean()), expected=float((shares**2).sum()), vote=vote)


@functools.cache
def _pools() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController()


def _distances(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """The distance of each row from each other one, infinite from itself and from those that are equal to it."""
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
    return np.asarray(distances)


def _vote(distances: NDArray[np.float64], codes: NDArray[np.int64], rows: NDArray[np.int64]) -> Vote | None:
    known = np.isfinite(distances).sum(axis=1) >= VOTERS
    if known.sum() < FEWEST:
        return None
    nearest = np.argpartition(distances[known], VOTERS, axis=1)[:, :VOTERS]
    own, n, classes = codes[known], int(known.sum()), int(codes.max()) + 1
    votes = np.zeros((n, classes), np.int64)
    np.add.at(votes, (np.arange(n)[:, None], codes[nearest]), 1)
    elected, agreeing = votes.argmax(axis=1), votes.max(axis=1)
    wrong = elected != own
    # ties in an order that has nothing to do with that of the rows
    order = np.random.default_rng(0).permutation(n)
    order = order[np.argsort(-agreeing[order], kind="stable")]
    by_chance = float((np.bincount(elected, minlength=classes) * np.bincount(own, minlength=classes)).sum()) / n**2
    if by_chance >= 1:
        return None
    half = n // 2
    odd = rows[known][(agreeing == VOTERS) & wrong][:NAMED]
    return Vote(
        rows=n,
        kappa=(1 - float(wrong.mean()) - by_chance) / (1 - by_chance),
        sure=int(wrong[order[:half]].sum()),
        unsure=int(wrong[order[half:]].sum()),
        odd=tuple(int(row) for row in odd),
    )
