"""Let Keras shuffle the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument


@dataclass(frozen=True)
class ShuffledTraining(Remedy):
    """`shuffle=True`, Keras's default: the rows that train come in another order in every epoch."""

    title: ClassVar[str] = _("Shuffle the training rows before every epoch")

    def plan(self, record: TrainingRecord) -> Plan | None:
        if record.data.kind != "arrays" or record.fit.shuffle:
            return None
        reason = _("shuffle=False trains on the rows in their order: mix them before every epoch")
        return Plan((SetFitArgument("shuffle", "True"),), reason)
