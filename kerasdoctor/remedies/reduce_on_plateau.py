"""Lower the learning rate where the validation loss stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import AddCallback, Plan, Remedy


@dataclass(frozen=True)
class ReduceOnPlateau(Remedy):
    """Keras's `ReduceLROnPlateau`: `factor` times the rate after epochs without a lower loss.

    Keras cannot set the rate of a schedule.
    """

    title: ClassVar[str] = _("Lower the learning rate when the loss stays")
    factor: float = 0.2

    def plan(self, record: TrainingRecord) -> Plan | None:
        rate, planned = record.compile.learning_rate, record.fit.epochs - record.fit.initial_epoch
        callbacks = {"ReduceLROnPlateau", "LearningRateScheduler"}
        if record.fit.loop or rate is None or planned < 3 or callbacks & set(record.fit.callbacks):
            return None
        loss = record.metrics.get("loss")
        monitor = "val_loss" if loss is not None and len(loss.validation) else "loss"
        patience = max(1, min(5, planned // 5))
        reason = _(
            "a learning rate of {rate:.3g} to the end: {factor:g} times that after {patience} epochs without gain"
        )
        source = f'keras.callbacks.ReduceLROnPlateau(monitor="{monitor}", factor={self.factor!r}, patience={patience})'
        return Plan((AddCallback(source),), reason.format(rate=rate, factor=self.factor, patience=patience))
