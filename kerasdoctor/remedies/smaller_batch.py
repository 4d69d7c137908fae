"""Train with smaller batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument


@dataclass(frozen=True)
class SmallerBatch(Remedy):
    """Keras's default of 32 rows: more updates in every epoch."""

    title: ClassVar[str] = _("Use smaller batches")
    size: int = 32

    def plan(self, record: TrainingRecord) -> Plan | None:
        before = record.fit.batch_size
        if record.data.kind != "arrays" or before is None or before <= self.size:
            return None
        reason = _("batches of {before} -> {size} rows: {factor:.0f} times as many updates").format(
            before=before, size=self.size, factor=before / self.size
        )
        return Plan((SetFitArgument("batch_size", str(self.size)),), reason)
