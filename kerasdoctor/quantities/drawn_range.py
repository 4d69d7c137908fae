"""Range and finiteness of what Keras draws from a pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import BatchTap, Quantity


@dataclass
class DrawnValues:
    """One input or target over the batches drawn; extremes, mean and deviation are of its finite values."""

    dtype: str = ""
    rank: int = 0
    minimum: float = float("nan")
    maximum: float = float("nan")
    values: int = 0
    mean: float = 0.0
    #: Sum of the squared distances from the mean.
    squares: float = 0.0
    rows: int = 0
    nan: int = 0
    infinite: int = 0
    #: First batch of the epoch, from 0, that held a value that is not finite; -1 for none.
    first_nonfinite: int = -1

    @property
    def deviation(self) -> float:
        """Standard deviation of the finite values."""
        return float(np.sqrt(self.squares / self.values)) if self.values else float("nan")

    def take_in(self, values: NDArray[np.generic], index: int) -> None:
        """A further batch."""
        self.dtype, self.rank, self.rows = str(values.dtype), values.ndim, self.rows + len(values)
        flat = values.reshape(-1).astype(np.float64)
        finite = np.isfinite(flat)
        if not finite.all():
            nan = int(np.isnan(flat).sum())
            self.nan += nan
            self.infinite += len(flat) - int(finite.sum()) - nan
            if self.first_nonfinite < 0:
                self.first_nonfinite = index
            flat = flat[finite]
        if not len(flat):
            return
        self.minimum = float(np.fmin(self.minimum, flat.min()))
        self.maximum = float(np.fmax(self.maximum, flat.max()))
        # the parallel form of Welford's update (Chan, Golub and LeVeque, 1979)
        mean, n, total = float(flat.mean()), len(flat), self.values + len(flat)
        self.squares += float(np.sum((flat - mean) ** 2)) + (mean - self.mean) ** 2 * self.values * n / total
        self.mean += (mean - self.mean) * n / total
        self.values = total


@dataclass
class DrawnRange(Quantity):
    """Inputs and targets of numbers in the first batches of the first epoch and the first validation, by name."""

    grows: ClassVar[bool] = True

    train: dict[str, DrawnValues] = field(default_factory=dict)
    validation: dict[str, DrawnValues] = field(default_factory=dict)
    train_targets: dict[str, DrawnValues] = field(default_factory=dict)
    validation_targets: dict[str, DrawnValues] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.train) + len(self.validation)

    def on_batch(self, batch: BatchTap) -> None:
        if batch.epoch != 1:
            return
        train = batch.part == "train"
        kept = (
            (self.train if train else self.validation, batch.inputs),
            (self.train_targets if train else self.validation_targets, batch.targets),
        )
        for found, arrays in kept:
            for name, values in arrays.items():
                if values.dtype.kind in "biuf":
                    found.setdefault(name, DrawnValues()).take_in(values, batch.index)
