"""Drop fewer units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument


@dataclass(frozen=True)
class SmallerDropout(Remedy):
    """Every dropout layer above `rate` set to it (Srivastava et al. 2014: 0.2 at inputs, up to 0.5 between layers)."""

    title: ClassVar[str] = _("Use a smaller dropout rate")
    rate: float = 0.3

    def plan(self, record: TrainingRecord) -> Plan | None:
        layers = [
            layer
            for layer in record.model.layers
            if (layer.top_level or record.model.kind != "subclassed")
            and "Dropout" in layer.kind
            and (layer.rate or 0) > self.rate
        ]
        if not layers:
            return None
        reason = _("{names}: {keep:.0%} of the units go on in each step, in place of {kept:.0%}").format(
            names=", ".join(layer.name for layer in layers[:3]),
            keep=1 - self.rate,
            kept=1 - max(layer.rate or 0 for layer in layers),
        )
        return Plan(tuple(SetLayerArgument(layer.name, "rate", repr(self.rate)) for layer in layers), reason)
