"""Train in one fit, with all of its state kept for a resume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import AddCallback, Plan, Remedy, SetFitArgument


@dataclass(frozen=True)
class KeptState(Remedy):
    """All epochs from fresh weights, with `BackupAndRestore`: run again, it goes on with optimizer and epoch."""

    title: ClassVar[str] = _("Train all epochs in one fit, with its state kept for a resume")

    def plan(self, record: TrainingRecord) -> Plan | None:
        if record.fit.loop:
            return None
        changes = (
            SetFitArgument("initial_epoch", "0"),
            AddCallback('keras.callbacks.BackupAndRestore("backup")'),
        )
        reason = _("weights, optimizer and epoch are kept: the same fit, interrupted and run again, goes on with them")
        return Plan(changes, reason)
