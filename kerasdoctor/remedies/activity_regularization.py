"""Penalize large activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument
from kerasdoctor.remedies.weight_regularization import kernel_kind


@dataclass(frozen=True)
class ActivityRegularization(Remedy):
    """L1 and L2 penalties on the outputs of hidden Dense layers; around TimeDistributed on the wrapper.

    Keras divides the penalty by the rows of the batch, not by the positions and units, so it is small here.
    """

    title: ClassVar[str] = _("Add an L1/L2 penalty to the activations")
    l1: float = 1e-5
    l2: float = 1e-4

    def plan(self, record: TrainingRecord) -> Plan | None:
        if record.model.kind == "subclassed":
            return None
        layers = [layer for layer in record.model.layers if layer.top_level and kernel_kind(layer) == "Dense"]
        last = next((layer for layer in reversed(record.model.layers) if layer.top_level and layer.parameters), None)
        hidden = [layer for layer in layers if layer is not last and layer.trainable and not _has_one(layer.config)]
        if not hidden:
            return None
        reason = _("{names}: activations without a penalty; on TimeDistributed it belongs to the wrapper").format(
            names=", ".join(layer.name for layer in hidden[:3])
        )
        source = f"keras.regularizers.L1L2({self.l1!r}, {self.l2!r})"
        return Plan(tuple(SetLayerArgument(layer.name, "activity_regularizer", source) for layer in hidden), reason)


def _has_one(config: object) -> bool:
    return isinstance(config, dict) and bool(config.get("activity_regularizer"))
