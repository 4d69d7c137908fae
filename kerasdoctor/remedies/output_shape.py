"""Bring the output into the shape of the targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.target_form import TargetForm
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import InsertLayer, Plan, Remedy, SetLayerArgument


@dataclass(frozen=True)
class OutputShape(Remedy):
    """As many units as a row of targets has values; a Flatten in front of the last Dense where axes are left over."""

    title: ClassVar[str] = _("Give the output the shape of the targets")

    def plan(self, record: TrainingRecord) -> Plan | None:
        measured = record.quantities.get("target_form")
        top = [layer for layer in record.model.layers if layer.top_level and layer.kind != "InputLayer"]
        if len(record.model.outputs) != 1 or not isinstance(measured, TargetForm) or len(measured.outputs) != 1:
            return None
        given, wanted = record.model.outputs[0].shape, next(iter(measured.outputs.values())).shape
        if record.model.kind == "subclassed" or len(top) < 2 or top[-1].kind != "Dense":
            return None
        reason = _("a row of targets has the shape {wanted}, one of {layer} has {given}").format(
            wanted=wanted, layer=top[-1].name, given=given
        )
        if wanted and len(given) == len(wanted) and given[:-1] == wanted[:-1]:
            return Plan((SetLayerArgument(top[-1].name, "units", str(wanted[-1])),), reason)
        # labels of one number a row have no axis of their own
        if len(given) > max(len(wanted), 1):
            return Plan((InsertLayer(top[-2].name, "keras.layers.Flatten()"),), reason)
        return None
