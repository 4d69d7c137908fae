"""Stop when the validation accuracy no longer improves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import AddCallback, Plan, Remedy
from kerasdoctor.remedies.keep_best import best_of


@dataclass(frozen=True)
class StopOnAccuracy(Remedy):
    """Keras's `EarlyStopping` on the validation accuracy, with the weights of its best epoch restored."""

    title: ClassVar[str] = _("Stop by the validation accuracy and restore its best epoch")
    patience: int = 10

    def plan(self, record: TrainingRecord) -> Plan | None:
        judged = best_of(record)
        if judged is None or judged[0].direction != "up" or "EarlyStopping" in record.fit.callbacks:
            return None
        metric, epoch = judged
        reason = _("val_{name} was best in epoch {best} of {epochs} ({value:.1%})").format(
            name=metric.name, best=epoch, epochs=len(metric.validation), value=metric.validation[epoch - 1]
        )
        source = (
            f'keras.callbacks.EarlyStopping(monitor="val_{metric.name}", mode="max", patience={self.patience}, '
            "restore_best_weights=True)"
        )
        return Plan((AddCallback(source),), reason)
