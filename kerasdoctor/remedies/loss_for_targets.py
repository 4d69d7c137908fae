"""Compile with the loss for the form that the targets have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetCompileArgument


@dataclass(frozen=True)
class LossForTargets(Remedy):
    """The cross-entropy for labels, or for one-hot rows, on logits where the old one was."""

    title: ClassVar[str] = _("Use the loss for this form of labels")
    #: Class of `keras.losses`.
    loss: str = "SparseCategoricalCrossentropy"

    def plan(self, record: TrainingRecord) -> Plan | None:
        if len(record.compile.losses) != 1:
            return None
        old = record.compile.losses[0]
        source = f"keras.losses.{self.loss}({'from_logits=True' if old.from_logits else ''})"
        return Plan((SetCompileArgument("loss", source),), _("{old} takes another form of labels").format(old=old.name))
