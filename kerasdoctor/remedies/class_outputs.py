"""Give the classes a unit each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.heads import heads
from kerasdoctor.locale import _
from kerasdoctor.quantities.target_form import TargetForm
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Change, Plan, Remedy, SetCompileArgument, SetLayerArgument

#: Most classes that whole numbers are taken for.
MOST_CLASSES = 100


@dataclass(frozen=True)
class ClassOutputs(Remedy):
    """A unit for every class, softmax, and the cross-entropy of labels that are one whole number a row."""

    title: ClassVar[str] = _("Give every class a unit, with softmax and cross-entropy")

    def plan(self, record: TrainingRecord) -> Plan | None:
        measured = record.quantities.get("target_form")
        found = heads(record.model, record.compile, measured if isinstance(measured, TargetForm) else None)
        if len(found) != 1 or not found[0].alone or not found[0].forms:
            return None
        head = found[0]
        layer = head.layer
        low, high = min(form.minimum for form in head.forms), max(form.maximum for form in head.forms)
        whole = all(form.whole and form.shape in {(), (1,)} for form in head.forms)
        if layer is None or not layer.top_level or layer.kind != "Dense" or not whole or not low >= 0:
            return None
        if not 1 <= high < MOST_CLASSES:
            return None
        units = int(high) + 1
        changes: tuple[Change, ...] = (
            SetLayerArgument(layer.name, "units", str(units)),
            SetLayerArgument(layer.name, "activation", '"softmax"'),
            SetCompileArgument("loss", '"sparse_categorical_crossentropy"'),
        )
        if "metrics" in record.compile.source:
            # those of one unit count other things
            changes += (SetCompileArgument("metrics", '["accuracy"]'),)
        reason = _("the targets are whole numbers from {low:g} to {high:g}, and {layer} has {units} units").format(
            low=low, high=high, layer=layer.name, units=head.units
        )
        return Plan(changes, reason)
