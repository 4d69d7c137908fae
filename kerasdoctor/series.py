"""Series of bounded length: a run of any number of steps takes the same memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    #: A growing series of numbers, typecode "d" or "q".
    Floats = array[float]
    Integers = array[int]
else:
    # subscripts of array.array come with Python 3.12
    Floats = Integers = array

#: Samples that one series keeps; 1 MB.
SAMPLES = 65_536
#: Runs of samples that are not finite whose ends one series keeps; 4 samples each.
RUNS = SAMPLES // 16
#: Cells (buckets times columns) that one table keeps; 20 bytes each, 5 MB.
CELLS = 2**18
#: Buckets that a table keeps at most and at least.
MOST_BUCKETS, FEWEST_BUCKETS = 2048, 128


@dataclass
class Series:
    """Samples (step, value) of one number.

    Every sample is kept up to `SAMPLES`; after that the series is thinned to half whenever it is full: of equal
    stretches the lowest, the highest and the first sample that is not finite stay. So do both ends of every run of
    samples that are not finite, with the finite ones beside them: see `spoilt`. That holds for the first `RUNS` runs;
    what comes after so many is thinned like the rest, and counted.
    """

    #: Steps counted from 1 over the whole call.
    step: Integers = field(default_factory=lambda: array("q"))
    value: Floats = field(default_factory=lambda: array("d"))
    #: Values that were NaN or infinite, those included that were thinned away.
    nonfinite: int = 0

    def __len__(self) -> int:
        return len(self.value)

    def extend(self, steps: Iterable[int], values: NDArray[np.float64]) -> None:
        """Takes in further samples, in the order of their steps."""
        self.step.extend(steps)
        self.value.extend(values)
        self.nonfinite += int(np.count_nonzero(~np.isfinite(values)))
        if len(self.value) > SAMPLES:
            kept = _thinned(self.values)
            self.step, self.value = array("q", self.steps[kept]), array("d", self.values[kept])

    def extend_changes(self, steps: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Takes in those samples that differ from the one before."""
        before = np.concatenate(([self.value[-1] if self.value else np.nan], values[:-1]))
        changed = (values != before) & ~(np.isnan(values) & np.isnan(before))
        if not self.value and len(values):
            changed[0] = True
        self.extend(steps[changed], values[changed])

    @property
    def spoilt(self) -> NDArray[np.int64]:
        """Shape (runs, 2): the first and the last step of each run of samples that are not finite."""
        spoilt = np.concatenate(([False], ~np.isfinite(self.values), [False]))
        changes = np.flatnonzero(spoilt[1:] != spoilt[:-1]).reshape(-1, 2)
        runs: NDArray[np.int64] = self.steps[changes - [0, 1]]
        return runs

    @property
    def steps(self) -> NDArray[np.int64]:
        """Shape (n,), a copy: the series goes on growing."""
        return np.array(self.step, dtype=np.int64)

    @property
    def values(self) -> NDArray[np.float64]:
        """Shape (n,), a copy."""
        return np.array(self.value, dtype=np.float64)


def _thinned(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Positions of the samples that stay."""
    spoilt = ~np.isfinite(values)
    changes = np.flatnonzero(spoilt[1:] != spoilt[:-1])[: 2 * RUNS]
    # a run may begin with the first, or go on after the last
    ends = np.unique(np.concatenate((changes, changes + 1, [0, len(values) - 1])))
    return np.union1d(ends, extremes(values, SAMPLES // 2 - len(ends)))


def extremes(values: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Positions of at most `most` values that draw the same line, in their order.

    Of equal stretches the lowest and the highest, and the first that is not finite: a NaN is never thinned away.
    """
    n = len(values)
    if n <= most:
        return np.arange(n)
    finite = np.isfinite(values)
    begins = np.linspace(0, n, max(1, most // (2 if finite.all() else 3)), endpoint=False).astype(int)
    sizes = np.diff(begins, append=n)
    # within each stretch by value; what is not finite comes last, the first of it first
    order = np.lexsort((np.where(finite, values, np.inf), np.repeat(np.arange(len(begins)), sizes)))
    n_finite = np.add.reduceat(finite.astype(int), begins)
    lowest = order[begins]
    highest = order[begins + np.maximum(n_finite, 1) - 1]
    spoilt = n_finite < sizes
    return np.unique(np.concatenate((lowest, highest, order[(begins + n_finite)[spoilt]])))


@dataclass(eq=False)
class Table:
    """A number per step for each of many columns, e.g. one column per trainable variable.

    Consecutive samples fall into buckets of equal size: one sample each at first, and twice as many whenever the
    table is full. A bucket keeps the extremes, the sum and the number of values that are not finite, so no extreme
    and no NaN of a run is lost, however long it is.
    """

    #: What the columns are, e.g. the paths of variables.
    columns: tuple[str, ...] = ()
    #: Shape (buckets,): the first and the last step in each bucket.
    first: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    last: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    #: Shape (buckets,): samples in each bucket.
    samples: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    #: Shape (buckets, columns): extremes of the finite values, NaN where there is none.
    minimum: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    maximum: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))
    #: Shape (buckets, columns): sum of the finite values.
    total: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0), np.float64))
    #: Shape (buckets, columns): values that are NaN or infinite.
    nonfinite: NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 0), np.int32))
    #: Samples of a full bucket.
    size: int = 1

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Shape (buckets, columns): mean of the finite values, NaN where there is none."""
        finite = self.samples[:, None] - self.nonfinite
        mean: NDArray[np.float64] = np.full(self.total.shape, np.nan)
        np.divide(self.total, finite, out=mean, where=finite > 0)
        return mean

    def extend(self, columns: tuple[str, ...], steps: NDArray[np.int64], values: NDArray[np.floating]) -> None:
        """Takes in further samples.

        Args:
            columns: what the columns are. Other ones than before begin the table anew: a model whose variables
                changed cannot be compared with itself.
            steps: shape (n,), rising.
            values: shape (n, columns).
        """
        if columns != self.columns or not len(self.samples):
            self._clear(columns)
        fresh = _buckets(steps, values)
        # the last bucket may not be full yet
        open_samples = int(self.samples[-1]) % self.size if len(self.samples) else 0
        kept = len(self.samples) - bool(open_samples)
        tail = {name: np.concatenate((getattr(self, name)[kept:], fresh[name])) for name in _MERGE}
        begins = np.arange(0, open_samples + len(steps), self.size)
        if open_samples:
            # its samples are one row here
            begins = np.maximum(begins - open_samples + 1, 0)
        self._set({name: np.concatenate((getattr(self, name)[:kept], part)) for name, part in _merged(tail, begins)})
        most = max(FEWEST_BUCKETS, min(MOST_BUCKETS, CELLS // max(1, len(columns))))
        while len(self.samples) > most:
            self.size *= 2
            self._set(dict(_merged(vars(self), np.arange(0, len(self.samples), 2))))

    def _clear(self, columns: tuple[str, ...]) -> None:
        fresh = Table(columns)
        empty = (0, len(columns))
        fresh.minimum, fresh.maximum = np.empty(empty, np.float32), np.empty(empty, np.float32)
        fresh.total, fresh.nonfinite = np.empty(empty, np.float64), np.empty(empty, np.int32)
        self.columns, self.size = columns, 1
        self._set(vars(fresh))

    def _set(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        for name in _MERGE:
            setattr(self, name, arrays[name])


def _merged(
    arrays: Mapping[str, NDArray[np.generic]], begins: NDArray[np.int64]
) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Buckets that begin at `begins`, each made of those up to the next."""
    for name, ufunc in _MERGE.items():
        merged = ufunc.reduceat(arrays[name], begins, axis=0)
        yield name, merged.astype(arrays[name].dtype, copy=False)


_MERGE: dict[str, np.ufunc] = {
    "first": np.minimum,
    "last": np.maximum,
    "samples": np.add,
    # these leave NaN out where they can
    "minimum": np.fmin,
    "maximum": np.fmax,
    "total": np.add,
    "nonfinite": np.add,
}


def _buckets(steps: NDArray[np.int64], values: NDArray[np.floating]) -> dict[str, NDArray[np.generic]]:
    """A bucket for each sample."""
    finite = np.isfinite(values)
    kept = np.where(finite, values, np.nan).astype(np.float32)
    return {
        "first": steps,
        "last": steps,
        "samples": np.ones(len(steps), np.int64),
        "minimum": kept,
        "maximum": kept,
        "total": np.where(finite, values, 0.0).astype(np.float64),
        "nonfinite": (~finite).astype(np.int32),
    }
