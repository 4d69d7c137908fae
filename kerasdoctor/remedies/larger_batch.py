"""Train with larger batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument


@dataclass(frozen=True)
class LargerBatch(Remedy):
    """Batches `factor` times as large: the noise of a batch's gradient falls with the root of its size."""

    title: ClassVar[str] = _("Use a larger batch")
    factor: int = 4

    def plan(self, record: TrainingRecord) -> Plan | None:
        size, rows = record.fit.batch_size, record.data.n_train
        if record.data.kind != "arrays" or size is None or rows is None or size * self.factor > rows / 4:
            # fewer than four updates an epoch trade one fault for another
            return None
        reason = _("batches of {size} rows: those of {larger} have {share:.0%} of their noise").format(
            size=size, larger=size * self.factor, share=self.factor**-0.5
        )
        return Plan((SetFitArgument("batch_size", str(size * self.factor)),), reason)
