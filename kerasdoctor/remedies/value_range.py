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
        wrong: dict[str, int] = {}
        for layer in record.model.layers:
            if layer.kind == "Rescaling":
                # what stands behind it gets other images
                scale = layer.config.get("scale")
                if not isinstance(scale, int | float) or layer.config.get("offset", 0.0):
                    return None
                top *= scale
            elif layer in layers:
                # 255 / 255 in float32 may be a little more than 1
                high = 1 if top <= 1.001 else 255
                if list(layer.config["value_range"]) != [0, high]:
                    wrong[layer.name] = high
        if not wrong:
            return None
        reason = _("the images run from 0 to {high}, which {layers} must be told").format(
            high=" / ".join(map(str, sorted(set(wrong.values())))), layers=", ".join(wrong)
        )
        changes = tuple(SetLayerArgument(name, "value_range", f"(0, {high})") for name, high in wrong.items())
        return Plan(changes, reason)
