"""Compute in float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument


@dataclass(frozen=True)
class FullPrecision(Remedy):
    """Every layer in float32, whose largest number is 3e38 in place of 65,504."""

    title: ClassVar[str] = _("Compute in float32")

    def plan(self, record: TrainingRecord) -> Plan | None:
        layers = [layer for layer in record.model.layers if layer.top_level and layer.kind != "InputLayer"]
        if record.model.kind == "subclassed" or record.compile.dtype_policy != "mixed_float16" or not layers:
            return None
        reason = _("{policy}: float16 ends at 65,504").format(policy=record.compile.dtype_policy)
        return Plan(tuple(SetLayerArgument(layer.name, "dtype", '"float32"') for layer in layers), reason)
