"""Give a narrow layer more units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument


@dataclass(frozen=True)
class WiderLayer(Remedy):
    """At least `units` units in every hidden Dense layer of a Sequential model."""

    title: ClassVar[str] = _("Give narrow layers more units")
    units: int = 64

    def plan(self, record: TrainingRecord) -> Plan | None:
        if record.model.kind != "Sequential":
            return None
        weighted = [layer for layer in record.model.layers if layer.top_level and layer.parameters]
        narrow = [
            layer
            for layer in weighted[:-1]
            if layer.kind == "Dense" and layer.output_shape and 0 < (layer.output_shape[-1] or 0) < self.units
        ]
        if not narrow:
            return None
        reason = _("{names}: {units} units in place of {few}").format(
            names=", ".join(layer.name for layer in narrow[:3]),
            units=self.units,
            few=min((layer.output_shape or (0,))[-1] or 0 for layer in narrow),
        )
        return Plan(tuple(SetLayerArgument(layer.name, "units", str(self.units)) for layer in narrow), reason)
