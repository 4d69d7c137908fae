"""Leave the rows without a label out of the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.heads import heads
from kerasdoctor.locale import _
from kerasdoctor.quantities.target_form import TargetForm
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetCompileArgument


@dataclass(frozen=True)
class IgnoredClass(Remedy):
    """`ignore_class` for the one number that stands for no label."""

    title: ClassVar[str] = _("Leave the rows without a label out of the loss")

    def plan(self, record: TrainingRecord) -> Plan | None:
        measured = record.quantities.get("target_form")
        found = heads(record.model, record.compile, measured if isinstance(measured, TargetForm) else None)
        if len(found) != 1 or not found[0].alone or found[0].kind != "sparse" or not found[0].units:
            return None
        head = found[0]
        outside = {number for form in head.forms for number in form.numbers if not 0 <= number < (head.units or 0)}
        if len(outside) != 1 or not (ignored := outside.pop()).is_integer():
            return None
        logits = ", from_logits=True" if head.loss.from_logits else ""
        source = f"keras.losses.SparseCategoricalCrossentropy(ignore_class={int(ignored)}{logits})"
        reason = _("{value} stands for no label; the accuracy counts these rows as wrong all the same").format(
            value=int(ignored)
        )
        return Plan((SetCompileArgument("loss", source),), reason)
