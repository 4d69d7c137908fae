"""Tell augmentation layers the range of the images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument


@dataclass(frozen=True)
class ValueRange(Remedy):
    """`value_range` of every augmentation layer set to the range of the images that it gets."""

    title: ClassVar[str] = _("Give the augmentation layers the value range of the images")

    def plan(self, record: TrainingRecord) -> Plan | None:
        """None where layers before the augmentation change the range, which a cell cannot tell."""
        measured = record.quantities.get("input_range")
        layers = [layer for layer in record.model.layers if "value_range" in layer.config]
        if not layers or record.model.kind == "subclassed" or not isinstance(measured, InputRange):
            return None
        top = max(values.maximum for values in measured.inputs.values())
        if any(layer.kind == "Rescaling" for layer in record.model.layers):
            # augmentation behind it gets images in [0, 1]
            top = 1.0
        high = 1 if top <= 1 else 255
        reason = _("the images run from 0 to {high}, which {layers} must be told").format(
            high=high, layers=", ".join(layer.name for layer in layers)
        )
        changes = tuple(SetLayerArgument(layer.name, "value_range", f"(0, {high})") for layer in layers)
        return Plan(changes, reason)
