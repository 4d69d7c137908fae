"""Train the head first, then everything with small steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import FineTune, KeepWeights, Plan, Remedy
from kerasdoctor.remedies.continue_training import has_model
from kerasdoctor.remedies.frozen_batch_norm import NESTED, holders


@dataclass(frozen=True)
class TwoStages(Remedy):
    """The pretrained layers frozen until the head has learned, then all of them with a small learning rate.

    BatchNormalization of the pretrained part stays frozen, which makes it run in inference mode (Keras guide, Transfer
    learning and fine-tuning).
    """

    title: ClassVar[str] = _("Train the head first, then fine-tune all layers with small steps")
    factor: float = 100.0

    def plan(self, record: TrainingRecord) -> Plan | None:
        weighted = [layer for layer in record.model.layers if layer.top_level and layer.parameters]
        rate = record.compile.learning_rate
        if len(weighted) < 2 or not rate or not has_model(record) or "optimizer" not in record.compile.source:
            return None
        if record.model.kind == "subclassed" or holders(record.model.layers, "BatchNormalization") is None:
            return None
        nested = [layer for layer in weighted if layer.kind in NESTED]
        if len(nested) > 1 or (nested and nested[0] is weighted[-1]):
            return None
        body = nested[0].parameters if nested else sum(layer.parameters for layer in weighted[:-1])
        total = sum(layer.parameters for layer in weighted)
        planned = record.fit.epochs - record.fit.initial_epoch
        change = FineTune(
            nested=nested[0].name if nested else "",
            head=weighted[-1].name,
            epochs=record.fit.initial_epoch + max(1, planned // 2),
            rate=rate,
            smaller=float(f"{rate / self.factor:.3g}"),
        )
        reason = _("{body:,} of {total:,} parameters stand in front of the head: first at rest, then at {smaller:.3g}")
        return Plan((KeepWeights(), change), reason.format(body=body, total=total, smaller=change.smaller))
