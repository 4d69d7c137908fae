"""Train for more epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument


@dataclass(frozen=True)
class MoreEpochs(Remedy):
    """`factor` times the epochs."""

    title: ClassVar[str] = _("Train for more epochs")
    factor: int = 3

    def plan(self, record: TrainingRecord) -> Plan | None:
        planned = record.fit.epochs - record.fit.initial_epoch
        more = record.fit.initial_epoch + self.factor * planned
        reason = _("{epochs} -> {more} epochs").format(epochs=planned, more=self.factor * planned)
        return Plan((SetFitArgument("epochs", str(more)),), reason)
