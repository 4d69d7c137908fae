"""Whether neighbouring rows belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from kerasdoctor.quantities import DataTap, Quantity
from kerasdoctor.quantities.split_labels import binned, class_labels

#: Pairs of rows compared; the median of 2,000 ratios is known to about 2 %.
PAIRS = 2000
#: Values of a row that are compared, at even distances: of a picture or a long sequence a part tells enough.
VALUES = 512
#: Equal stretches of rows whose mean targets tell a trend, and rows of each.
STRETCHES, FEWEST = 20, 5


@dataclass(frozen=True)
class RowOrder(Quantity):
    """How the rows follow each other.

    Under a random order of labels with shares p_c the number of equal neighbours has the mean
    m = sum n_c (n_c - 1) / n; the z value compares it with what is there (Wald and Wolfowitz's runs test for
    several classes; variance by Barton and David, 1957).
    """

    #: Share of neighbouring rows with the same label; None for a target that is no class.
    equal_neighbours: float | None
    #: The same share in a random order.
    expected_equal_neighbours: float | None
    #: Standard deviations between the two; NaN with one class or fewer than three rows.
    z: float | None
    #: Median distance of neighbouring rows of the first input over that of rows taken at random with the same labels
    #: (or target bins): near 1 for independent rows, sorted by label or not, near 0 for overlapping windows of a
    #: series; None where it was not measured.
    neighbour_distance: float | None
    #: Correlation of a continuous target with its predecessor; None for classes.
    target_autocorrelation: float | None
    #: Share of neighbouring continuous targets that do not fall: 1 for sorted rows; None for classes.
    rising_targets: float | None
    #: Whether a datetime index runs in one direction; None without such an index.
    time_ordered: bool | None
    #: Kendall's tau of the mean of a continuous target in 20 stretches of rows with their order: 1 for one that rises
    #: all along, whatever moves it for a while; None for classes and for fewer than 100 rows.
    target_trend: float | None = None

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        if data.sampled or data.n < 3:
            # neighbours in a sample are no neighbours
            return None
        if len({len(values) for values in (*data.inputs.values(), *data.targets.values())}) > 1:
            # of different lengths, for which fit raises
            return None
        targets = next(iter(data.targets.values()), None)
        labels = None if targets is None else class_labels(targets)
        groups: NDArray[np.generic] | None = labels
        equal = expected = z = autocorrelation = rising = trend = None
        if labels is not None:
            equal, expected, z = _equal_neighbours(labels)
        elif targets is not None:
            groups = binned(targets)
            if groups is not None:
                values = targets.reshape(-1).astype(np.float64)
                autocorrelation = _autocorrelation(values)
                rising = float((values[1:] >= values[:-1]).mean())
                trend = _trend(values)
        time = data.time_index
        return cls(
            equal_neighbours=equal,
            expected_equal_neighbours=expected,
            z=z,
            neighbour_distance=_neighbour_distance(next(iter(data.inputs.values()), None), groups),
            target_autocorrelation=autocorrelation,
            rising_targets=rising,
            time_ordered=None if time is None else bool((np.diff(time) >= 0).all() or (np.diff(time) <= 0).all()),
            target_trend=trend,
        )


def _equal_neighbours(labels: NDArray[np.int64]) -> tuple[float, float, float]:
    n = len(labels)
    counts = np.unique(labels, return_counts=True)[1].astype(np.float64)
    observed = float((labels[1:] == labels[:-1]).sum())
    pairs = (counts * (counts - 1)).sum()
    mean = float(pairs) / n
    # Var = sum over pairs of adjacent positions of P(both equal) - mean^2, by sharing 2, 1 or 0 positions
    triples = (counts * (counts - 1) * (counts - 2)).sum() / (n * (n - 1) * (n - 2))
    twice = pairs / (n * (n - 1))
    both = 0.0
    if n > 3:
        apart = pairs**2 - 4 * (counts * (counts - 1) * (counts - 2)).sum() - 2 * pairs
        both = apart / (n * (n - 1) * (n - 2) * (n - 3))
    second = (n - 1) * twice + 2 * (n - 2) * triples + (n - 2) * (n - 3) * both
    variance = max(second - mean**2, 0.0)
    z = (observed - mean) / np.sqrt(variance) if variance > 0 else np.nan
    return observed / (n - 1), mean / (n - 1), float(z)


def _neighbour_distance(inputs: NDArray[np.generic] | None, groups: NDArray[np.generic] | None) -> float | None:
    if inputs is None or inputs.dtype.kind not in "biuf" or len(inputs) < 20:
        return None
    generator = np.random.default_rng(0)
    n = len(inputs)
    first = np.unique(generator.integers(0, n - 1, min(PAIRS, n)))
    other = _same_group(first + 1, np.zeros(n) if groups is None else groups, generator)
    # a neighbour that stands in for itself says nothing
    first, other = first[other != first], other[other != first]
    flat = inputs.reshape(n, -1)
    flat = flat[:, :: -(-flat.shape[1] // VALUES)] if flat.shape[1] else flat
    base = flat[first].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        near = np.linalg.norm(flat[first + 1].astype(np.float64) - base, axis=1)
        far = np.linalg.norm(flat[other].astype(np.float64) - base, axis=1)
    finite = np.isfinite(near) & np.isfinite(far)
    if not finite.any():
        return None
    scale = float(np.median(far[finite]))
    return float(np.median(near[finite])) / scale if scale > 0 else None


def _same_group(
    rows: NDArray[np.int64], groups: NDArray[np.generic], generator: np.random.Generator
) -> NDArray[np.int64]:
    """For each of `rows` a random row of the same group."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    begin = np.searchsorted(ordered, groups[rows], side="left")
    end = np.searchsorted(ordered, groups[rows], side="right")
    return order[generator.integers(begin, end)]


def _autocorrelation(values: NDArray[np.float64]) -> float | None:
    scale = float(np.abs(values).max())
    centred = values / scale - (values / scale).mean() if scale > 0 else values
    total = float((centred**2).sum())
    return float((centred[1:] * centred[:-1]).sum() / total) if total > 0 else None


def _trend(values: NDArray[np.float64]) -> float | None:
    if len(values) < STRETCHES * FEWEST:
        return None
    means = [float(stretch.mean()) for stretch in np.array_split(values, STRETCHES)]
    tau = float(stats.kendalltau(np.arange(STRETCHES), means).statistic)
    return tau if np.isfinite(tau) else None
