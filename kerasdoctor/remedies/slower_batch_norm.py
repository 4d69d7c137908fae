"""Let the moving statistics of BatchNormalization remember more batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument
from kerasdoctor.remedies.faster_batch_norm import momenta


@dataclass(frozen=True)
class SlowerBatchNorm(Remedy):
    """A momentum of 0.9, which remembers about ten batches; PyTorch's 0.1 means the same."""

    title: ClassVar[str] = _("Use a larger momentum in BatchNormalization")
    momentum: float = 0.9

    def plan(self, record: TrainingRecord) -> Plan | None:
        layers = {name: now for name, now in momenta(record).items() if now < self.momentum}
        if not layers:
            return None
        reason = _("momentum {old:g} remembers the last batch or two, {new:g} about ten").format(
            old=min(layers.values()), new=self.momentum
        )
        return Plan(tuple(SetLayerArgument(name, "momentum", repr(self.momentum)) for name in layers), reason)
