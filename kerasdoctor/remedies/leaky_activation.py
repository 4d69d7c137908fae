"""Replace relu by a leaky one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument
from kerasdoctor.remedies.relu_activation import nested_too


@dataclass(frozen=True)
class LeakyActivation(Remedy):
    """Leaky relu in the hidden layers: a unit that puts out less than 0 still has a gradient (Maas et al., 2013)."""

    title: ClassVar[str] = _("Use leaky relu in the hidden layers")

    def plan(self, record: TrainingRecord) -> Plan | None:
        layers = [layer for layer in nested_too(record) if layer.activation == "relu"]
        if not layers:
            return None
        reason = _("a relu that is off has no gradient and stays off; a leaky one comes back")
        return Plan(tuple(SetLayerArgument(layer.name, "activation", '"leaky_relu"') for layer in layers), reason)
