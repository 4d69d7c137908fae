"""Let batch normalizations forget their initial statistics sooner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument


def momenta(record: TrainingRecord) -> dict[str, float]:
    """Names of the batch normalizations, with their momentum."""
    known = {
        layer.name: layer.config.get("momentum", 0.99)
        for layer in record.model.layers
        if layer.kind == "BatchNormalization"
    }
    return {name: float(momentum) for name, momentum in known.items() if isinstance(momentum, int | float)}


@dataclass(frozen=True)
class FasterBatchNorm(Remedy):
    """A smaller momentum of the moving statistics: 0.9 remembers about ten batches, Keras's 0.99 about a hundred."""

    title: ClassVar[str] = _("Use a smaller momentum in BatchNormalization")
    momentum: float = 0.9

    def plan(self, record: TrainingRecord) -> Plan | None:
        layers = [name for name, now in momenta(record).items() if now > self.momentum]
        if not layers:
            return None
        reason = _("momentum {momentum:g}: after 22 updates nine tenths of the statistics are of the data").format(
            momentum=self.momentum
        )
        return Plan(tuple(SetLayerArgument(name, "momentum", repr(self.momentum)) for name in layers), reason)
