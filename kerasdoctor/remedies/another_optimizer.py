"""Try another optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetCompileArgument


@dataclass(frozen=True)
class AnotherOptimizer(Remedy):
    """Adam in place of SGD, which has one step size for all weights; SGD with momentum in place of an adaptive one."""

    title: ClassVar[str] = _("Try another optimizer")

    def plan(self, record: TrainingRecord) -> Plan | None:
        if not record.compile.optimizer:
            return None
        source = (
            "keras.optimizers.Adam(learning_rate=0.001)"
            if record.compile.optimizer == "SGD"
            else "keras.optimizers.SGD(learning_rate=0.01, momentum=0.9, nesterov=True)"
        )
        reason = _("{old} so far: another way of choosing the steps, at its own usual learning rate")
        return Plan((SetCompileArgument("optimizer", source),), reason.format(old=record.compile.optimizer))
