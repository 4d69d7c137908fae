"""Let the last layer learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import KeepWeights, Plan, Remedy, SetCompileArgument, TrainOnly
from kerasdoctor.remedies.continue_training import has_model


@dataclass(frozen=True)
class TrainableHead(Remedy):
    """`trainable=True` in the last layer with weights; the others keep theirs, which may be pretrained."""

    title: ClassVar[str] = _("Unfreeze the last layer")

    def plan(self, record: TrainingRecord) -> Plan | None:
        optimizer = record.compile.source.get("optimizer")
        weighted = [layer for layer in record.model.layers if layer.top_level and layer.parameters]
        if len(weighted) < 2 or weighted[-1].trainable or optimizer is None or not has_model(record):
            return None
        if record.model.kind == "subclassed":
            return None
        head = weighted[-1]
        reason = _("{name}, the last layer, has {parameters:,} of {total:,} parameters").format(
            name=head.name, parameters=head.parameters, total=record.model.parameters
        )
        # `compile` makes it count
        changes = (KeepWeights(), TrainOnly(head.name), SetCompileArgument("optimizer", optimizer))
        return Plan(changes, reason)
