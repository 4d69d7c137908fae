"""Give the targets the last axis of the predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, ReplaceTargets


@dataclass(frozen=True)
class ColumnOfTargets(Remedy):
    """Targets of shape (N,) as a column of shape (N, 1)."""

    title: ClassVar[str] = _("Make a column of the targets")

    def plan(self, record: TrainingRecord) -> Plan | None:
        if record.data.containers.get("y") != "ndarray":
            return None
        return Plan(
            (ReplaceTargets("{y}[:, None]", "column"),),
            _("targets (N,) against predictions (N, 1): one axis is missing"),
        )
