"""Leave out the first of two softmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument


@dataclass(frozen=True)
class SingleSoftmax(Remedy):
    """No activation in the layer before the one that applies softmax last."""

    title: ClassVar[str] = _("Apply softmax once")

    def plan(self, record: TrainingRecord) -> Plan | None:
        top = [layer for layer in record.model.layers if layer.top_level]
        if record.model.kind == "subclassed":
            return None
        twice = [layer for layer in top[:-1] if layer.activation == "softmax" and "activation" in layer.config]
        if not twice:
            return None
        first = twice[-1]
        reason = _("{first} has softmax, and {last} applies it again").format(first=first.name, last=top[-1].name)
        return Plan((SetLayerArgument(first.name, "activation", '"linear"'),), reason)
