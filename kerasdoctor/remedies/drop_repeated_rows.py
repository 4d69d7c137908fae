"""Leave out the rows that repeat others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.row_overlap import RowOverlap
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import DropRepeats, Plan, Remedy


@dataclass(frozen=True)
class DropRepeatedRows(Remedy):
    """Each row once, before `validation_split` takes its part of them in a random order."""

    title: ClassVar[str] = _("Leave out the rows that repeat others")
    seed: int = 1024

    def plan(self, record: TrainingRecord) -> Plan | None:
        overlap = record.quantities.get("row_overlap")
        containers = {record.data.containers.get(name, "none") for name in ("x", "y")}
        if not isinstance(overlap, RowOverlap) or not record.fit.validation_split:
            return None
        if not containers <= {"ndarray", "DataFrame", "Series"} or "none" in containers:
            return None
        reason = _("{shared:,} of {validation:,} validation rows are training rows: each row once").format(
            shared=overlap.shared, validation=overlap.validation
        )
        return Plan((DropRepeats(self.seed),), reason)
