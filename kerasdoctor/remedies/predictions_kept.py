"""Take the Dropout behind the output out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument


@dataclass(frozen=True)
class PredictionsKept(Remedy):
    """A rate of 0 in the Dropout that ends the model, so that it does nothing."""

    title: ClassVar[str] = _("Drop none of the predictions")

    def plan(self, record: TrainingRecord) -> Plan | None:
        top = [layer for layer in record.model.layers if layer.top_level]
        if record.model.kind == "subclassed" or not top or "Dropout" not in top[-1].kind or not top[-1].rate:
            return None
        reason = _("{name} is the last layer and drops {rate:.0%} of the predictions").format(
            name=top[-1].name, rate=top[-1].rate
        )
        return Plan((SetLayerArgument(top[-1].name, "rate", "0.0"),), reason)
