"""Put LayerNormalization between the layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import InsertLayer, Plan, Remedy
from kerasdoctor.remedies.relu_activation import hidden_layers


@dataclass(frozen=True)
class LayerNormalization(Remedy):
    """LayerNormalization behind every hidden layer: over the units of each row, whatever the size of the batch.

    Ba et al. (2016). It is the same in training and in inference.
    """

    title: ClassVar[str] = _("Add LayerNormalization between the layers")

    def plan(self, record: TrainingRecord) -> Plan | None:
        hidden = hidden_layers(record)
        kinds = {layer.kind for layer in record.model.layers}
        if record.model.kind == "subclassed" or not hidden or kinds & {"LayerNormalization", "BatchNormalization"}:
            return None
        reason = _("{count} hidden layers without normalization: each row is normalized by itself")
        return Plan(
            tuple(InsertLayer(layer.name, "keras.layers.LayerNormalization()") for layer in hidden),
            reason.format(count=len(hidden)),
        )
