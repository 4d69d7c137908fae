"""Let an epoch be one pass through the data."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import DrawBatches, Plan, Remedy, RemoveFitArgument


@dataclass(frozen=True)
class WholePasses(Remedy):
    """No `steps_per_epoch`: Keras begins anew where the data end; batches of a generator that ends, as arrays."""

    title: ClassVar[str] = _("Let an epoch be one pass through the data")

    def plan(self, record: TrainingRecord) -> Plan | None:
        steps = record.fit.steps_per_epoch
        if record.data.kind in {"arrays", "dataset"} and steps:
            reason = _("steps_per_epoch={steps} is more than the data hold: without it an epoch is one pass")
            return Plan((RemoveFitArgument("steps_per_epoch"),), reason.format(steps=steps))
        given = record.source.arguments.get("x") if record.source else None
        if record.data.kind != "generator" or given is None:
            return None
        if not isinstance(ast.parse(given.strip(), mode="eval").body, ast.Call):
            # the object has ended, and only its function makes a new one
            return None
        reason = _("a generator has ended after {epochs} epochs: its batches as arrays begin anew in each").format(
            epochs=record.outcome.epochs
        )
        return Plan((DrawBatches("training", None), RemoveFitArgument("steps_per_epoch")), reason)
