"""Bring the targets into [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import Range
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, ScaleTargets

#: Whole numbers up to here may be class names; above they are pixels or amounts.
MOST_CLASS = 100


@dataclass(frozen=True)
class RescaleTargets(Remedy):
    """Targets mapped from the range that they have to the [0, 1] that a cross-entropy is defined on."""

    title: ClassVar[str] = _("Bring the targets into [0, 1]")

    def plan(self, record: TrainingRecord) -> Plan | None:
        measured = record.quantities.get("target_range")
        if (
            record.data.containers.get("y") not in {"ndarray", "DataFrame", "Series"}
            or record.data.validation_kind not in {"none", "arrays"}
            or not isinstance(measured, TargetRange)
            or len(measured.outputs) != 1
        ):
            return None
        values = next(iter(measured.outputs.values()))
        if not values.minimum < values.maximum or not _continuous(values):
            return None
        entropy = any("crossentropy" in loss.name.replace("_", "") for loss in record.compile.losses)
        reason = (
            _("the targets run from {low:g} to {high:g}, this loss is defined on 0 to 1")
            if entropy
            else _("the targets run from {low:g} to {high:g}: bring them into [0, 1]")
        ).format(low=values.minimum, high=values.maximum)
        return Plan((ScaleTargets(values.minimum, values.maximum),), reason)


def _continuous(values: Range) -> bool:
    """Whether a linear map keeps the meaning: of two classes, of pixels, of real numbers; not of several classes."""
    two_classes = (values.minimum, values.maximum) in {(1.0, 2.0), (-1.0, 1.0)}
    return two_classes or values.maximum > MOST_CLASS or values.dtype.startswith("float")
