"""Ask the network for less than certainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetCompileArgument

#: Losses that can smooth, by the name without underscores; the sparse one cannot.
_CLASSES = {"categoricalcrossentropy": "CategoricalCrossentropy", "binarycrossentropy": "BinaryCrossentropy"}


@dataclass(frozen=True)
class LabelSmoothing(Remedy):
    """Targets a little inside of 0 and 1, so that no weight has to grow without end (Szegedy et al. 2016)."""

    title: ClassVar[str] = _("Smooth the labels")
    amount: float = 0.1

    def plan(self, record: TrainingRecord) -> Plan | None:
        if len(record.compile.losses) != 1 or "loss" not in record.compile.source:
            return None
        loss = record.compile.losses[0]
        name = _CLASSES.get(loss.name.replace("_", "").lower())
        if name is None or loss.config.get("label_smoothing"):
            return None
        logits = "from_logits=True, " if loss.from_logits else ""
        source = f"keras.losses.{name}({logits}label_smoothing={self.amount})"
        reason = _("label_smoothing={amount:g}: the target of the right class is below 1, so certainty does not pay")
        reason = reason.format(amount=self.amount)
        return Plan((SetCompileArgument("loss", source),), reason)
