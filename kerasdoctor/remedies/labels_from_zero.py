"""Count the labels from 0 on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.target_form import TargetForm
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, ReplaceTargets


@dataclass(frozen=True)
class LabelsFromZero(Remedy):
    """Labels that begin at 1, each less one, in both parts."""

    title: ClassVar[str] = _("Count the labels from 0 on")

    def plan(self, record: TrainingRecord) -> Plan | None:
        measured = record.quantities.get("target_form")
        if (
            not isinstance(measured, TargetForm)
            or len(measured.outputs) != 1
            or record.data.containers.get("y") not in {"ndarray", "DataFrame", "Series"}
        ):
            return None
        form = next(iter(measured.outputs.values()))
        if form.minimum != 1:
            return None
        reason = _("the labels run from {low:g} to {high:g}; Keras counts classes from 0").format(
            low=form.minimum, high=form.maximum
        )
        return Plan((ReplaceTargets("{y} - 1", "from_zero"),), reason)
