"""Stop when validation no longer improves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import AddCallback, Plan, Remedy


@dataclass(frozen=True)
class EarlyStopping(Remedy):
    """Keras's `EarlyStopping` on the validation loss, with the weights of the best epoch restored."""

    title: ClassVar[str] = _("Stop early and restore the weights of the best epoch")
    patience: int = 5

    def plan(self, record: TrainingRecord) -> Plan | None:
        loss = record.metrics.get("loss")
        if loss is None or not np.isfinite(loss.validation).any() or "EarlyStopping" in record.fit.callbacks:
            return None
        best = int(np.nanargmin(loss.validation))
        reason = _("val_loss was best in epoch {best} of {epochs} ({value:.3g})").format(
            best=best + 1, epochs=len(loss.validation), value=loss.validation[best]
        )
        source = (
            f'keras.callbacks.EarlyStopping(monitor="val_loss", patience={self.patience}, restore_best_weights=True)'
        )
        return Plan((AddCallback(source),), reason)
