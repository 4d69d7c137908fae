"""Shuffle rows and labels together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, ShuffleRows


@dataclass(frozen=True)
class ShuffleJointly(Remedy):
    """A seeded permutation of inputs, targets and weights before `validation_split` takes its tail."""

    title: ClassVar[str] = _("Shuffle rows and labels together before the split")
    seed: int = 1024

    def plan(self, record: TrainingRecord) -> Plan | None:
        if record.data.kind != "arrays":
            return None
        reason = _("validation_split takes the last {share:.0%} of the rows: shuffle rows and labels together first")
        return Plan((ShuffleRows(self.seed),), reason.format(share=record.fit.validation_split))
