"""Bring every input feature into [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, ScaleInputs


@dataclass(frozen=True)
class MinMaxNormalization(Remedy):
    """Min-max normalization fitted on the training rows only; a constant feature becomes 0."""

    title: ClassVar[str] = _("Normalize the inputs to [0, 1]")

    def plan(self, record: TrainingRecord) -> Plan | None:
        measured = record.quantities.get("input_range")
        if (
            record.data.containers.get("x") not in {"ndarray", "DataFrame"}
            or record.data.validation_kind not in {"none", "arrays"}
            or not isinstance(measured, InputRange)
        ):
            return None
        values = next(iter(measured.inputs.values()))
        reason = _("the inputs run from {low:.3g} to {high:.3g}: bring every feature into [0, 1]").format(
            low=values.minimum, high=values.maximum
        )
        return Plan((ScaleInputs(),), reason)
