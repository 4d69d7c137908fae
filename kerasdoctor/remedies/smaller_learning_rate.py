"""Train with a smaller learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.overfit_batch import OverfitBatch
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLearningRate


@dataclass(frozen=True)
class SmallerLearningRate(Remedy):
    """The same optimizer with a learning rate `factor` times smaller."""

    title: ClassVar[str] = _("Use a smaller learning rate")
    factor: float = 10.0

    def plan(self, record: TrainingRecord) -> Plan | None:
        rate = record.compile.learning_rate
        if rate is None or "optimizer" not in record.compile.source:
            return None
        smaller = float(f"{rate / self.factor:.3g}")
        tried = record.quantities.get("overfit_batch")
        worked = tried.attempt("slower") if isinstance(tried, OverfitBatch) else None
        if worked is not None and worked.learned:
            smaller = worked.rate
        reason = _("learning rate {rate:.3g} -> {smaller:.3g}").format(rate=rate, smaller=smaller)
        return Plan((SetLearningRate(smaller),), reason)
