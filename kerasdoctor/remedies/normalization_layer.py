"""Standardize the inputs in the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import NormalizeFirst, Plan, Remedy


@dataclass(frozen=True)
class NormalizationLayer(Remedy):
    """Keras's Normalization in front of the model, adapted to the training rows: it is saved with the model."""

    title: ClassVar[str] = _("Put an adapted Normalization layer in front of the model")

    def plan(self, record: TrainingRecord) -> Plan | None:
        measured = record.quantities.get("input_range")
        if (
            record.data.containers.get("x") not in {"ndarray", "DataFrame"}
            or record.model.kind == "subclassed"
            or not isinstance(measured, InputRange)
            or len(measured.inputs) != 1
        ):
            return None
        values = next(iter(measured.inputs.values()))
        reason = _("the inputs run from {low:.3g} to {high:.3g}: bring every feature to mean 0 and deviation 1")
        return Plan((NormalizeFirst(),), reason.format(low=values.minimum, high=values.maximum))
