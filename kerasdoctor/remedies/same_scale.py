"""Divide both parts alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.drawn_range import DrawnRange
from kerasdoctor.quantities.part_scale import PartScale
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, ReplaceInputs

#: Divisors in use, of bytes, of percent and others, and how near one has to be to the measured ratio.
_KNOWN, _NEAR = (255.0, 256.0, 100.0, 1000.0), 0.05


@dataclass(frozen=True)
class SameScale(Remedy):
    """The part that was not divided, divided by as much as the other was."""

    title: ClassVar[str] = _("Divide both parts by the same number")

    def plan(self, record: TrainingRecord) -> Plan | None:
        ranges = _ranges(record)
        name = "validation_data"
        if ranges is None or record.source is None or not {"x", name} & set(record.source.arguments):
            return None
        low, high, low_2, high_2 = ranges
        # only a division: both begin at 0, as far as rounding goes
        if not (math.isfinite(sum(ranges)) and min(high, high_2) > 0):
            return None
        if abs(low) > 0.05 * high or abs(low_2) > 0.05 * high_2:
            return None
        ratio = max(high, high_2) / min(high, high_2)
        if max(high, high_2) in {255.0, 256.0} and min(high, high_2) <= 1.0:
            ratio = 255.0
        divisor = next((known for known in _KNOWN if abs(ratio / known - 1) <= _NEAR), float(f"{ratio:.3g}"))
        part = "training" if high > high_2 else "validation"
        if (name if part == "validation" else "x") not in record.source.arguments:
            return None
        reason = _("up to {high:.4g} in the rows that train, up to {other:.4g} in those that validate").format(
            high=high, other=high_2
        )
        return Plan((ReplaceInputs("training" if high > high_2 else "validation", f"{{x}} / {divisor:g}"),), reason)


def _ranges(record: TrainingRecord) -> tuple[float, float, float, float] | None:
    """Ranges of the only input, of the rows that train and of those that validate."""
    scale, drawn = record.quantities.get("part_scale"), record.quantities.get("drawn_range")
    if isinstance(scale, PartScale) and len(scale.inputs) == 1:
        found = next(iter(scale.inputs.values()))
        return found.train_minimum, found.train_maximum, found.validation_minimum, found.validation_maximum
    if isinstance(drawn, DrawnRange) and len(drawn.train) == 1 and set(drawn.train) == set(drawn.validation):
        train, validation = next(iter(drawn.train.values())), next(iter(drawn.validation.values()))
        return train.minimum, train.maximum, validation.minimum, validation.maximum
    return None
