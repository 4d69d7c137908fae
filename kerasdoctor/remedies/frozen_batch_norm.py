"""Let pretrained BatchNormalization run by the statistics that it came with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import Layer, TrainingRecord
from kerasdoctor.remedies import FreezeBatchNorm, KeepWeights, Plan, Remedy, SetLearningRate
from kerasdoctor.remedies.continue_training import has_model

#: Classes of models that stand as a layer in another one.
NESTED = ("Functional", "Sequential", "Model")


@dataclass(frozen=True)
class FrozenBatchNorm(Remedy):
    """`trainable=False` on every BatchNormalization, which makes it run in inference mode, and small steps.

    The model keeps its weights: a fresh one has no pretrained ones.
    """

    title: ClassVar[str] = _("Freeze the batch normalizations and train on with a small learning rate")
    factor: float = 10.0

    def plan(self, record: TrainingRecord) -> Plan | None:
        rate = record.compile.learning_rate
        found = [layer for layer in record.model.layers if layer.kind == "BatchNormalization" and layer.trainable]
        if not found or rate is None or not has_model(record) or record.model.kind == "subclassed":
            return None
        nested = holders(record.model.layers, "BatchNormalization")
        if "optimizer" not in record.compile.source or nested is None:
            return None
        smaller = float(f"{rate / self.factor:.3g}")
        reason = _("{count} trainable BatchNormalization layers keep their statistics; learning rate {smaller:.3g}")
        changes = (KeepWeights(), FreezeBatchNorm(nested), SetLearningRate(smaller))
        return Plan(changes, reason.format(count=len(found), smaller=smaller))


def holders(layers: tuple[Layer, ...], kind: str) -> tuple[str, ...] | None:
    """Names of the nested models that hold layers of a class; empty for the model itself, None for both."""
    found: list[str] = []
    holder = ""
    for layer in layers:
        if layer.top_level:
            holder = layer.name if layer.kind in NESTED else ""
        elif layer.kind in NESTED:
            # a model in a nested model
            return None
        if layer.kind == kind and holder not in found:
            found.append(holder)
    return None if "" in found and len(found) > 1 else tuple(name for name in found if name)
