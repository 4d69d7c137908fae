"""The loss before the first step, beside what guessing costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import Quantity


@dataclass(frozen=True)
class InitialLoss(Quantity):
    """Loss of up to 512 training rows at initialization, in inference mode and without regularization."""

    probed: ClassVar[bool] = True

    value: float
    #: What a network costs that knows nothing: every class alike probable, or 0 for a number.
    guessing: float
    #: What one costs that knows the distribution of the targets alone: their entropy, variance, or deviation.
    prior: float

    @classmethod
    def of(cls, loss: str, value: float, targets: NDArray[np.generic], units: int) -> Self | None:
        """The loss beside its expected values; None for a loss whose expected value is not known.

        Args:
            loss: Keras's name of it.
            value: what was measured.
            targets: one or more values per row.
            units: values that the last axis of the output has.
        """
        name = loss.replace("_", "").lower()
        if not np.issubdtype(targets.dtype, np.number) and targets.dtype != bool:
            return None
        wide = targets.astype(np.float64)
        columns = wide.reshape(len(wide), -1)
        guessing, prior = math.nan, math.nan
        if name == "sparsecategoricalcrossentropy" and units > 1:
            guessing, prior = math.log(units), _entropy(np.unique(wide, return_counts=True)[1])
        elif name == "categoricalcrossentropy" and units > 1:
            guessing, prior = math.log(units), _entropy(wide.reshape(-1, wide.shape[-1]).sum(axis=0))
        elif name == "binarycrossentropy":
            shares = [np.array([share, 1 - share]) for share in columns.mean(axis=0)]
            guessing, prior = math.log(2), float(np.mean([_entropy(share) for share in shares]))
        elif name in {"meansquarederror", "mse"}:
            guessing, prior = float((columns**2).mean()), float(columns.var(axis=0).mean())
        elif name in {"meanabsoluteerror", "mae"}:
            spread = np.abs(columns - np.median(columns, axis=0))
            guessing, prior = float(np.abs(columns).mean()), float(spread.mean())
        return cls(value, guessing, prior) if math.isfinite(guessing) else None


def _entropy(counts: NDArray[np.integer] | NDArray[np.floating]) -> float:
    kept = counts[counts > 0].astype(np.float64)
    shares = kept / kept.sum()
    return max(0.0, float(-(shares * np.log(shares)).sum()))
