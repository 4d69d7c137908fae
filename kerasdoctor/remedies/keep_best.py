"""Keep the epoch that validated best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.locale import _
from kerasdoctor.record import Metric, TrainingRecord
from kerasdoctor.remedies import AddCallback, Plan, Remedy


@dataclass(frozen=True)
class KeepBest(Remedy):
    """Keras's `ModelCheckpoint` of the epoch with the best validation accuracy; with the lowest loss without one."""

    title: ClassVar[str] = _("Save the model of the best epoch")
    path: str = "best.keras"

    def plan(self, record: TrainingRecord) -> Plan | None:
        judged = best_of(record)
        if judged is None or any(settings.get("save_best_only") for settings in record.fit.callback_settings):
            return None
        metric, epoch = judged
        reason = _("val_{name} was best in epoch {best} of {epochs} ({value:.3g}): load it by keras.models.load_model")
        source = (
            f'keras.callbacks.ModelCheckpoint("{self.path}", monitor="val_{metric.name}", '
            f'mode="{"max" if metric.direction == "up" else "min"}", save_best_only=True)'
        )
        return Plan(
            (AddCallback(source),),
            reason.format(
                name=metric.name, best=epoch, epochs=len(metric.validation), value=metric.validation[epoch - 1]
            ),
        )


def best_of(record: TrainingRecord) -> tuple[Metric, int] | None:
    """The validation accuracy, or else the loss, with its best epoch, from 1; None where neither was validated."""
    metrics = record.metrics
    judged = [metric for metric in metrics.values() if metric.proportion and metric.direction == "up"]
    for metric in (*judged, *(metric for name, metric in metrics.items() if name == "loss")):
        if np.isfinite(metric.validation).any():
            best = np.nanargmax if metric.direction == "up" else np.nanargmin
            return metric, int(best(metric.validation)) + 1
    return None
