"""Limit the length of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetOptimizerArgument

#: Optimizers that divide the gradient by its own size: clipping leaves the length of their steps.
_ADAPTIVE = {"Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "Nadam", "RMSprop"}


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
        if "optimizer" not in record.compile.source or clipped or useless:
            return None
        reason = _("no gradient longer than {norm:g} reaches the optimizer").format(norm=self.norm)
        return Plan((SetOptimizerArgument("global_clipnorm", repr(self.norm)),), reason)
