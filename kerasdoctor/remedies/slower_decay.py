"""Let the learning rate fall over the whole run."""

from __future__ import annotations

from collections.abc import Mapping
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

    A warm-up that the run had not left goes on to its own target, in a tenth of the run.

    Loshchilov and Hutter (2017).
    """

    title: ClassVar[str] = _("Let the learning rate fall over the whole run")

    def plan(self, record: TrainingRecord) -> Plan | None:
        rates, begins = record.quantities.get("learning_rate"), record.quantities.get("epoch_begin")
        if (
            # it sets the rate, which Keras cannot do with that of a schedule
            "ReduceLROnPlateau" in record.fit.callbacks
            or not isinstance(rates, LearningRate)
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
        target = _target(record)
        if target is not None and target > highest:
            warmup = max(1, steps // 10)
            reason = _("a warm-up of {warmup:,} of {steps:,} steps to {rate:g}, from there to 0").format(
                warmup=warmup, steps=steps, rate=target
            )
            arguments = f"decay_steps={steps - warmup}, warmup_target={target!r}, warmup_steps={warmup}"
            source = f"keras.optimizers.schedules.CosineDecay(0.0, {arguments})"
            return Plan((SetOptimizerArgument("learning_rate", source),), reason)
        reason = _("{steps:,} steps from a learning rate of {rate:g} to 0").format(steps=steps, rate=highest)
        source = f"keras.optimizers.schedules.CosineDecay({highest!r}, decay_steps={steps})"
        return Plan((SetOptimizerArgument("learning_rate", source),), reason)


def _target(record: TrainingRecord) -> float | None:
    """The rate that the schedule of this run warms up to."""
    rate = record.compile.optimizer_config.get("learning_rate")
    config = rate.get("config") if isinstance(rate, Mapping) else None
    target = config.get("warmup_target") if isinstance(config, Mapping) else None
    return float(target) if isinstance(target, int | float) else None
