"""Range and finiteness of the targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from kerasdoctor.quantities import DataTap, Quantity
from kerasdoctor.quantities.input_range import Range


@dataclass(frozen=True)
class TargetRange(Quantity):
    """Range of every target, training and validation rows together."""

    outputs: Mapping[str, Range]
    #: Targets of `validation_data`.
    validation: Mapping[str, Range]
    #: Output -> number of values that the model predicts per row.
    units: Mapping[str, int]
    #: Smallest sample weight; None without weights.
    minimum_weight: float | None
    scanned: int
    rows: int

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        if not data.targets:
            return None
        return cls(
            outputs={name: Range.of(values, data.rows, data.n) for name, values in data.targets.items()},
            validation={
                name: Range.of(values, np.arange(len(values)), len(values))
                for name, values in data.validation_targets.items()
            },
            units=dict(data.output_units),
            minimum_weight=None if data.sample_weight is None else float(np.min(data.sample_weight)),
            scanned=len(data.rows),
            rows=data.n,
        )
