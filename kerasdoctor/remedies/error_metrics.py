"""Measure a regression by its errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetCompileArgument


@dataclass(frozen=True)
class ErrorMetrics(Remedy):
    """Mean absolute error, in the units of the target, instead of an accuracy."""

    title: ClassVar[str] = _("Measure the error instead of the accuracy")

    def plan(self, record: TrainingRecord) -> Plan | None:
        if "metrics" not in record.compile.source or len(record.compile.losses) != 1:
            return None
        reason = _("{loss} has no right and wrong: the mean absolute error is in the units of the target").format(
            loss=record.compile.losses[0].name
        )
        return Plan((SetCompileArgument("metrics", '["mae"]'),), reason)
