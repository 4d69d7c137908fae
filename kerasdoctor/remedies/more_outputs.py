"""Give the last layer a unit for every class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.heads import heads
from kerasdoctor.locale import _
from kerasdoctor.quantities.target_form import TargetForm
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument


@dataclass(frozen=True)
class MoreOutputs(Remedy):
    """As many units as the largest label asks for."""

    title: ClassVar[str] = _("Give the last layer a unit for every class")

    def plan(self, record: TrainingRecord) -> Plan | None:
        measured = record.quantities.get("target_form")
        found = heads(record.model, record.compile, measured if isinstance(measured, TargetForm) else None)
        if len(found) != 1 or not found[0].alone or found[0].kind != "sparse":
            return None
        head = found[0]
        forms = head.forms
        if head.layer is None or not head.layer.top_level or head.layer.kind != "Dense" or not forms:
            return None
        low, high = min(form.minimum for form in forms), max(form.maximum for form in forms)
        if low < 0 or not all(form.whole for form in forms) or high < (head.units or 0):
            return None
        needed = int(high) + 1
        reason = _("the labels run up to {high:g}: {layer} needs {needed} units in place of {units}").format(
            high=high, layer=head.layer.name, needed=needed, units=head.units
        )
        return Plan((SetLayerArgument(head.layer.name, "units", str(needed)),), reason)
