"""Add a Dropout layer where the head has most parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import Layer, TrainingRecord
from kerasdoctor.remedies import InsertLayer, Plan, Remedy


@dataclass(frozen=True)
class Dropout(Remedy):
    """Dropout in front of the Dense layer with most parameters, or behind the last Concatenate.

    Srivastava et al. (2014) put it in front of the fully connected layers; 0.5 there, 0.2 to 0.3 in small networks.
    """

    title: ClassVar[str] = _("Add a Dropout layer")
    rate: float = 0.3

    def plan(self, record: TrainingRecord) -> Plan | None:
        place = self._place(record.model.layers)
        if place is None:
            return None
        after, reason = place
        return Plan((InsertLayer(after.name, f"keras.layers.Dropout({self.rate})"),), reason)

    def _place(self, layers: tuple[Layer, ...]) -> tuple[Layer, str] | None:
        """The layer to put it behind, and why there."""
        top = [layer for layer in layers if layer.top_level and layer.kind != "InputLayer"]
        for layer in reversed(top[:-1]):
            if layer.kind == "Concatenate":
                reason = _("Dropout behind {name}, where the branches meet and {units} values go on")
                return layer, reason.format(name=layer.name, units=(layer.output_shape or (None,))[-1])
        dense = [layer for layer in top[1:] if layer.kind == "Dense"]
        if not dense:
            return None
        largest = max(dense, key=lambda layer: layer.parameters)
        before = top[top.index(largest) - 1]
        if before.kind in {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout", "GaussianDropout"}:
            return None
        reason = _("Dropout in front of {name}, which has {parameters:,} of the {total:,} parameters")
        return before, reason.format(name=largest.name, parameters=largest.parameters, total=record_total(layers))


def record_total(layers: tuple[Layer, ...]) -> int:
    """Parameters of all top-level layers."""
    return sum(layer.parameters for layer in layers if layer.top_level)
