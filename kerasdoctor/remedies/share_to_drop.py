"""Give Dropout the share to drop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument


@dataclass(frozen=True)
class ShareToDrop(Remedy):
    """One less the rate, where it was the share to keep."""

    title: ClassVar[str] = _("Take the dropout rate for the share to keep")
    least: float = 0.75

    def plan(self, record: TrainingRecord) -> Plan | None:
        layers = [
            layer for layer in record.model.layers if "Dropout" in layer.kind and self.least <= (layer.rate or 0) < 1
        ]
        if record.model.kind == "subclassed" or not layers:
            return None
        reason = _("{names}: rate={rate:g} drops as much, and is to be kept").format(
            names=", ".join(layer.name for layer in layers[:3]), rate=layers[0].rate
        )
        return Plan(
            tuple(SetLayerArgument(layer.name, "rate", f"{1 - (layer.rate or 0):.3g}") for layer in layers), reason
        )
