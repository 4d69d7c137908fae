"""Normalize what goes from layer to layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import InsertLayer, Plan, Remedy
from kerasdoctor.remedies.relu_activation import hidden_layers


@dataclass(frozen=True)
class BatchNormalization(Remedy):
    """BatchNormalization behind every hidden layer (Ioffe and Szegedy, 2015)."""

    title: ClassVar[str] = _("Normalize between the layers")

    def plan(self, record: TrainingRecord) -> Plan | None:
        layers = hidden_layers(record)
        kinds = {layer.kind for layer in record.model.layers}
        if not layers or record.model.kind == "subclassed" or kinds & {"BatchNormalization", "LayerNormalization"}:
            return None
        reason = _("gradients reach the first of {count} hidden layers when each is normalized").format(
            count=len(layers)
        )
        return Plan(tuple(InsertLayer(layer.name, "keras.layers.BatchNormalization()") for layer in layers), reason)
