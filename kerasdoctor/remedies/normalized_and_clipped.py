"""Normalize the inputs and shorten the steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Change, Plan, Remedy, SetLearningRate
from kerasdoctor.remedies.clip_gradients import ClipGradients
from kerasdoctor.remedies.larger_learning_rate import default_rate
from kerasdoctor.remedies.min_max_normalization import MinMaxNormalization
from kerasdoctor.remedies.normalization_layer import NormalizationLayer


@dataclass(frozen=True)
class NormalizedAndClipped(Remedy):
    """Normalized inputs, no larger learning rate than Keras's default, and a clipped gradient, in one cell.

    Either alone leaves the other cause of the NaN in the run.
    """

    title: ClassVar[str] = _("Normalize the inputs and keep the steps short")

    def plan(self, record: TrainingRecord) -> Plan | None:
        rate = record.compile.learning_rate
        scaled = MinMaxNormalization().plan(record) or NormalizationLayer().plan(record)
        if scaled is None or rate is None or "optimizer" not in record.compile.source:
            return None
        lower = min(rate, default_rate(record.compile.optimizer))
        clipped = ClipGradients(adaptive=False).plan(record)
        changes: tuple[Change, ...] = scaled.changes
        reason = scaled.reason
        if lower < rate:
            changes += (SetLearningRate(lower),)
            reason = _("{reason}; learning rate {rate:.3g} -> {lower:.3g}").format(
                reason=reason, rate=rate, lower=lower
            )
        if clipped is not None:
            changes += clipped.changes
            reason = _("{reason}; {other}").format(reason=reason, other=clipped.reason)
        return Plan(changes, reason) if len(changes) > 1 else None
