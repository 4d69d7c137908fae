"""Train with a larger learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.overfit_batch import OverfitBatch
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLearningRate

#: The rate that Keras's optimizers have by default; 0.001 for all others.
DEFAULT_RATES = {"SGD": 0.01}


def default_rate(optimizer: str) -> float:
    """The learning rate that an optimizer of Keras has where none is given."""
    return DEFAULT_RATES.get(optimizer, 0.001)


@dataclass(frozen=True)
class LargerLearningRate(Remedy):
    """The same optimizer with Keras's default learning rate, or `factor` times the present one where that is less."""

    title: ClassVar[str] = _("Use a larger learning rate")
    factor: float = 10.0

    def plan(self, record: TrainingRecord) -> Plan | None:
        rate = record.compile.learning_rate
        if rate is None or rate <= 0 or "optimizer" not in record.compile.source:
            return None
        larger = float(f"{max(rate * self.factor, default_rate(record.compile.optimizer)):.3g}")
        tried = record.quantities.get("overfit_batch")
        worked = tried.attempt("faster") if isinstance(tried, OverfitBatch) else None
        if worked is not None and worked.learned:
            larger = worked.rate
        reason = _("learning rate {rate:.3g} -> {larger:.3g}").format(rate=rate, larger=larger)
        return Plan((SetLearningRate(larger),), reason)
