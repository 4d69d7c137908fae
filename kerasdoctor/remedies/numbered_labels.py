"""Number the classes from 0 on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.heads import heads
from kerasdoctor.locale import _
from kerasdoctor.quantities.target_form import TargetForm
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, ReplaceTargets


@dataclass(frozen=True)
class NumberedLabels(Remedy):
    """The place of each label among all different ones, for names of classes and for numbers with gaps."""

    title: ClassVar[str] = _("Number the labels from 0 on")

    def plan(self, record: TrainingRecord) -> Plan | None:
        """None where the inputs are text, or the validation part has targets that must get the same numbers."""
        containers, contents = record.data.containers, record.data.contents
        content = contents.get("y")
        if containers.get("y") not in {"ndarray", "Series", "list"} or (content and content.kind != "text"):
            return None
        words = any(other.kind == "text" for name, other in contents.items() if name != "y")
        if words or containers.get("validation_data", "none") != "none":
            return None
        numpy = record.source.modules.get("numpy") if record.source else None
        if numpy is None:
            return None
        measured = record.quantities.get("target_form")
        found = heads(record.model, record.compile, measured if isinstance(measured, TargetForm) else None)
        if len(found) != 1 or not found[0].units:
            return None
        numbers = {number for form in found[0].forms for number in form.numbers}
        if not content and not 2 <= len(numbers) <= found[0].units:
            return None
        reason = _("{units} units, for the numbers from 0 to {last}; the labels are {what}").format(
            units=found[0].units,
            last=found[0].units - 1,
            what=_("text") if content else f"{min(numbers):g} ... {max(numbers):g}",
        )
        return Plan((ReplaceTargets(f"{numpy}.unique({{y}}, return_inverse=True)[1]", "numbers"),), reason)
