"""Let the learning rate fall over the whole run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.locale import _
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetOptimizerArgument


@dataclass(frozen=True)
class SlowerDecay(Remedy):
    """A cosine decay from the highest rate of this run that ends with its last step.

    Loshchilov and Hutter (2017).
    """

    title: ClassVar[str] = _("Let the learning rate fall over the whole run")

    def plan(self, record: TrainingRecord) -> Plan | None:
        rates, begins = record.quantities.get("learning_rate"), record.quantities.get("epoch_begin")
        if (
            not isinstance(rates, LearningRate)
            or not isinstance(begins, EpochBegin)
            or len(begins) < 2
            or "optimizer" not in record.compile.source
        ):
            return None
        finite = rates.values[np.isfinite(rates.values)]
        steps = int(begins.steps[1] - begins.steps[0]) * record.fit.epochs
        if not len(finite) or finite.max() <= 0 or steps <= 0:
            return None
        highest = float(f"{finite.max():.3g}")
        reason = _("{steps:,} steps from a learning rate of {rate:g} to 0").format(steps=steps, rate=highest)
        source = f"keras.optimizers.schedules.CosineDecay({highest!r}, decay_steps={steps})"
        return Plan((SetOptimizerArgument("learning_rate", source),), reason)
