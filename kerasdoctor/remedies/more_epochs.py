"""Train for more epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument


@dataclass(frozen=True)
class MoreEpochs(Remedy):
    """`factor` times as many epochs, from the first."""

    title: ClassVar[str] = _("Train for more epochs")
    factor: int = 10

    def plan(self, record: TrainingRecord) -> Plan | None:
        epochs = record.fit.epochs * self.factor
        reason = _("{before} -> {epochs} epochs").format(before=record.fit.epochs, epochs=epochs)
        return Plan((SetFitArgument("epochs", str(epochs)),), reason)
