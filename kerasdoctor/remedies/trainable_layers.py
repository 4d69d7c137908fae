"""Let every layer learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument


@dataclass(frozen=True)
class TrainableLayers(Remedy):
    """`trainable=True` in every layer that has weights and is frozen; takes effect with `compile`."""

    title: ClassVar[str] = _("Unfreeze the layers")

    def plan(self, record: TrainingRecord) -> Plan | None:
        frozen = [
            layer for layer in record.model.layers if layer.top_level and layer.parameters and not layer.trainable
        ]
        if not frozen or record.model.kind == "subclassed":
            return None
        reason = _("{count} layers with weights are frozen").format(count=len(frozen))
        return Plan(tuple(SetLayerArgument(layer.name, "trainable", "True") for layer in frozen), reason)
