"""What the targets look like: whole numbers or not, which values, which rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import DataTap, Quantity

#: Values of one array that are counted; of a larger one so many of randomly drawn rows.
COUNTED = 2**18
#: Distinct values that are kept with their counts.
MOST_VALUES = 256
#: How far a row of probabilities may be from a sum of 1: float16 rounds to 5e-4, a thousand classes add up.
SUM_MARGIN = 0.01


@dataclass(frozen=True, kw_only=True)
class Form:
    """The contents of one array of targets, its finite values alone."""

    dtype: str
    #: Without the axis of the rows.
    shape: tuple[int, ...]
    #: Rows that there are, and rows that were read for `minimum` and `maximum`.
    rows: int
    scanned: int
    minimum: float
    maximum: float
    #: Values that were counted for what follows.
    counted: int
    #: Whether every one of them is a whole number.
    whole: bool
    #: Value -> count, rising; empty where there are more than `MOST_VALUES`.
    values: Mapping[str, int]
    #: Counts of values below 0, below -1 and above 1, by more than rounding.
    below_zero: int
    below_minus_one: int
    above_one: int
    #: Counts of rows of the last axis, all 0 for targets of one value a row: a single 1 among zeros; several ones
    #: among zeros; zeros alone; values of [0, 1] that sum to 1; anything else.
    one_hot: int = 0
    several: int = 0
    empty: int = 0
    soft: int = 0
    other: int = 0
    #: Sum and sum of squares of the values that were counted.
    total: float = 0.0
    squares: float = 0.0

    @property
    def variance(self) -> float:
        """Of the values that were counted; NaN where they are too few, or too large."""
        mean = self.total / self.counted if self.counted else float("nan")
        return max(0.0, self.squares / self.counted - mean**2) if np.isfinite(mean) else float("nan")

    @property
    def positions(self) -> int:
        """Rows of the last axis that were counted."""
        return self.one_hot + self.several + self.empty + self.soft + self.other

    @property
    def numbers(self) -> list[float]:
        """The distinct values, rising; empty where there are too many."""
        return [float(value) for value in self.values]

    @classmethod
    def of(cls, values: NDArray[np.generic], rows: int, counted: int = COUNTED) -> Form | None:
        """The form of `values`, of shape (scanned, ...), out of an array of `rows`; None for what are no numbers."""
        if values.dtype.kind not in "biuf" or not values.size:
            return None
        some = values
        if values.size > counted:
            wanted = max(4, counted // (values.size // len(values)))
            # a generator of its own: even distances would meet one class of labels that alternate
            some = values[np.unique(np.random.default_rng(0).integers(0, len(values), wanted))]
        low, high = float(values.min()), float(values.max())
        finite = some[np.isfinite(some)]
        if not (np.isfinite(low) and np.isfinite(high)):
            kept = values[np.isfinite(values)]
            low, high = (float(kept.min()), float(kept.max())) if kept.size else (np.nan, np.nan)
        distinct, counts = np.unique(finite, return_counts=True)
        few = len(distinct) <= MOST_VALUES
        whole = values.dtype.kind in "biu" or bool((distinct == np.floor(distinct)).all())
        rounding = 1e-6 * max(abs(low), abs(high))
        numbers = distinct.astype(np.float64)
        with np.errstate(over="ignore"):
            total, squares = float((counts * numbers).sum()), float((counts * numbers**2).sum())
        return cls(
            dtype=str(values.dtype),
            shape=values.shape[1:],
            rows=rows,
            scanned=len(values),
            minimum=low,
            maximum=high,
            counted=int(finite.size),
            whole=whole,
            values={_text(value, whole): int(count) for value, count in zip(numbers, counts, strict=True)}
            if few
            else {},
            below_zero=int(counts[numbers < -rounding].sum()),
            below_minus_one=int(counts[numbers < -1 - 1e-3].sum()),
            above_one=int(counts[numbers > 1 + 1e-3].sum()),
            total=total,
            squares=squares,
            **_rows(some),
        )

    def merged(self, other: Form) -> Form:
        """Both together: further rows of the same array."""
        values = dict(self.values) if self.values and other.values else {}
        for value, count in other.values.items() if values else ():
            values[value] = values.get(value, 0) + count
        whole = self.whole and other.whole
        # the counts of a kind that turned from whole numbers to others are written alike
        merged: dict[str, int] = {}
        for key, count in values.items():
            text = _text(float(key), whole)
            merged[text] = merged.get(text, 0) + count
        if len(merged) > MOST_VALUES:
            merged = {}
        sums = ("rows", "scanned", "counted", "below_zero", "below_minus_one", "above_one", "total", "squares")
        kinds = ("one_hot", "several", "empty", "soft", "other")
        return Form(
            dtype=self.dtype,
            shape=self.shape,
            minimum=float(np.fmin(self.minimum, other.minimum)),
            maximum=float(np.fmax(self.maximum, other.maximum)),
            whole=whole,
            values=dict(sorted(merged.items(), key=lambda item: float(item[0]))),
            **{name: getattr(self, name) + getattr(other, name) for name in (*sums, *kinds)},
        )


def _text(value: float, whole: bool) -> str:
    return str(int(value)) if whole else repr(float(value))


def _rows(values: NDArray[np.generic]) -> dict[str, int]:
    if values.ndim < 2 or values.shape[-1] < 2:
        return {}
    rows = values.reshape(-1, values.shape[-1]).astype(np.float64)
    sums = rows.sum(axis=1)
    binary = ((rows == 0) | (rows == 1)).all(axis=1)
    soft = ~binary & ((rows >= 0) & (rows <= 1)).all(axis=1) & (np.abs(sums - 1) <= SUM_MARGIN)
    counts = {
        "one_hot": binary & (sums == 1),
        "several": binary & (sums > 1),
        "empty": binary & (sums == 0),
        "soft": soft,
        "other": ~binary & ~soft,
    }
    return {name: int(np.count_nonzero(kind)) for name, kind in counts.items()}


@dataclass(frozen=True)
class TargetForm(Quantity):
    """Form of the targets that `fit` was given as arrays, training rows and those of `validation_split` together."""

    outputs: Mapping[str, Form]
    #: Targets of `validation_data`.
    validation: Mapping[str, Form]

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        outputs = {name: Form.of(values, data.n) for name, values in data.targets.items()}
        validation = {name: Form.of(values, len(values)) for name, values in data.validation_targets.items()}
        if not any(outputs.values()):
            return None
        return cls(
            outputs={name: form for name, form in outputs.items() if form},
            validation={name: form for name, form in validation.items() if form},
        )
