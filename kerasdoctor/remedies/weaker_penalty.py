"""Make the penalties of the weights small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Change, Plan, Remedy, SetLayerArgument

_ARGUMENTS = ("kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "activity_regularizer")


@dataclass(frozen=True)
class WeakerPenalty(Remedy):
    """An L2 penalty of `l2` on every kernel that has a regularizer, and none on activities and biases."""

    title: ClassVar[str] = _("Use a weaker penalty")
    l2: float = 1e-4

    def plan(self, record: TrainingRecord) -> Plan | None:
        if record.model.kind == "subclassed":
            return None
        weak = f"keras.regularizers.L2({self.l2!r})"
        changes: list[Change] = [
            SetLayerArgument(layer.name, argument, weak if argument in _ARGUMENTS[:2] else "None")
            for layer in record.model.layers
            for argument in _ARGUMENTS
            if isinstance(layer.config.get(argument), Mapping)
        ]
        reason = _("a penalty of {l2:g} times the squares leaves the loss to the data").format(l2=self.l2)
        return Plan(tuple(changes), reason) if changes else None
