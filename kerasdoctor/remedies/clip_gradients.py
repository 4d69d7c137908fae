"""Limit the length of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetOptimizerArgument


@dataclass(frozen=True)
class ClipGradients(Remedy):
    """`global_clipnorm`: a gradient longer than `norm` is shortened to it, and keeps its direction.

    Pascanu et al. (2013) clip the norm of the whole gradient.
    """

    title: ClassVar[str] = _("Clip the norm of the gradient")
    norm: float = 1.0

    def plan(self, record: TrainingRecord) -> Plan | None:
        clipped = any(
            record.compile.optimizer_config.get(name) for name in ("clipnorm", "global_clipnorm", "clipvalue")
        )
        if "optimizer" not in record.compile.source or clipped:
            return None
        reason = _("no gradient longer than {norm:g} reaches the optimizer").format(norm=self.norm)
        return Plan((SetOptimizerArgument("global_clipnorm", repr(self.norm)),), reason)
