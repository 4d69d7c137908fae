"""Limit the length of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.locale import _
from kerasdoctor.quantities.weight_norm import WeightNorm
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetOptimizerArgument

#: Optimizers that divide the gradient by its own size: clipping leaves the length of their steps.
_ADAPTIVE = {"Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "Nadam", "RMSprop"}
#: Share of its norm by which one step changes weights that are thrown away (rules/dead_units.py).
LONG = 0.3


@dataclass(frozen=True)
class ClipGradients(Remedy):
    """`global_clipnorm`: a gradient longer than `norm` is shortened to it, and keeps its direction.

    Pascanu et al. (2013) clip the norm of the whole gradient.
    """

    title: ClassVar[str] = _("Clip the norm of the gradient")
    norm: float = 1.0
    #: Whether also for an optimizer whose steps are as long whatever the length of the gradient.
    adaptive: bool = True

    def plan(self, record: TrainingRecord) -> Plan | None:
        clipped = any(
            record.compile.optimizer_config.get(name) for name in ("clipnorm", "global_clipnorm", "clipvalue")
        )
        useless = not self.adaptive and record.compile.optimizer in _ADAPTIVE
        if "optimizer" not in record.compile.source or clipped or useless or self._longest(record) > LONG:
            return None
        reason = _("no gradient longer than {norm:g} reaches the optimizer").format(norm=self.norm)
        return Plan((SetOptimizerArgument("global_clipnorm", repr(self.norm)),), reason)

    def _longest(self, record: TrainingRecord) -> float:
        """The longest step of a clipped gradient, as a share of the norm of all weights at the start; 0 if unknown."""
        weights, rate = record.quantities.get("weight_norm"), record.compile.learning_rate
        if record.compile.optimizer in _ADAPTIVE or rate is None or not isinstance(weights, WeightNorm) or not weights:
            return 0.0
        momentum = record.compile.optimizer_config.get("momentum")
        # steps of one direction add up to 1 / (1 - momentum) of them
        held = momentum if isinstance(momentum, int | float) and 0 <= momentum < 1 else 0.0
        total = float(np.sqrt(np.nansum(weights.minimum[0].astype(float) ** 2)))
        return rate * self.norm / (1 - held) / total if total > 0 else 0.0
