"""Validate on the same rows every time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import DrawBatches, Plan, Remedy, RemoveFitArgument, SetFitArgument


@dataclass(frozen=True)
class FixedValidationSet(Remedy):
    """The batches of one validation, drawn once: of a generator as arrays, of a `tf.data` pipeline in its cache."""

    title: ClassVar[str] = _("Draw the validation rows once and keep them")

    def plan(self, record: TrainingRecord) -> Plan | None:
        given = record.source.arguments.get("validation_data") if record.source else None
        steps, kind = record.fit.validation_steps, record.data.validation_kind
        if given is None or kind not in {"generator", "dataset"} or (kind == "generator" and not steps):
            return None
        reason = _("every validation draws other rows: {steps} batches of the first time stay").format(
            steps=steps or _("the")
        )
        if kind == "generator":
            return Plan((DrawBatches("validation", steps), RemoveFitArgument("validation_steps")), reason)
        pipeline = given if given.isidentifier() else f"({given})"
        first = f".take({steps})" if steps else ""
        changes = (
            SetFitArgument("validation_data", f"{pipeline}{first}.cache()"),
            RemoveFitArgument("validation_steps"),
        )
        return Plan(changes, reason)
