"""Go back to what ModelCheckpoint has saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import KeepWeights, Plan, Remedy, SetFitArgument, SetLearningRate
from kerasdoctor.remedies.continue_training import has_model


@dataclass(frozen=True)
class SavedWeights(Remedy):
    """The weights that the user's ModelCheckpoint has saved last, and a learning rate `factor` times smaller."""

    title: ClassVar[str] = _("Go back to the saved weights, with a smaller learning rate")
    factor: float = 10.0

    def plan(self, record: TrainingRecord) -> Plan | None:
        rate, saved = record.compile.learning_rate, _saved(record)
        if rate is None or saved is None or "optimizer" not in record.compile.source or not has_model(record):
            return None
        path, epoch = saved
        smaller = float(f"{rate / self.factor:.3g}")
        last = max(record.fit.epochs, epoch + 1)
        reason = _("{path} holds the weights of epoch {epoch}; learning rate {rate:.3g} -> {smaller:.3g}")
        changes = (
            KeepWeights(path),
            SetLearningRate(smaller),
            SetFitArgument("initial_epoch", str(epoch)),
            SetFitArgument("epochs", str(last)),
        )
        return Plan(changes, reason.format(path=path, epoch=epoch, rate=rate, smaller=smaller))


def _saved(record: TrainingRecord) -> tuple[str, int] | None:
    """File of the last finite epoch that was saved, and its number from 1; None where that cannot be told."""
    settings = record.fit.settings_of("ModelCheckpoint")
    path, monitor = (settings[0].get("filepath"), settings[0].get("monitor")) if len(settings) == 1 else (None, None)
    if not isinstance(path, str) or settings[0].get("save_freq", "epoch") != "epoch":
        return None
    best_only = bool(settings[0].get("save_best_only"))
    judged = record.history.get(str(monitor) if best_only else "loss", [])
    values = np.array(judged, dtype=np.float64)
    if not np.isfinite(values).any() or (not best_only and "{epoch" not in path and not np.isfinite(values[-1])):
        # the file of the last epoch is not finite either
        return None
    if not best_only:
        index = int(np.flatnonzero(np.isfinite(values))[-1])
    else:
        rises = settings[0].get("mode") == "max" or "acc" in str(monitor)
        index = int((np.nanargmax if rises else np.nanargmin)(np.where(np.isfinite(values), values, np.nan)))
    epoch = record.fit.initial_epoch + index + 1
    logs = {name: series[index] for name, series in record.history.items() if index < len(series)}
    try:
        return path.format(epoch=epoch, **logs), epoch
    except (KeyError, ValueError, IndexError):
        return None
