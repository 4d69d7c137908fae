"""Bring the columns of both parts into one order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.part_scale import PartScale
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, ReplaceInputs


@dataclass(frozen=True)
class SameColumns(Remedy):
    """The columns of the validation part by their names, in the order of the training part."""

    title: ClassVar[str] = _("Take the columns of both parts in one order")

    def plan(self, record: TrainingRecord) -> Plan | None:
        arguments = record.source.arguments if record.source else {}
        if record.data.containers.get("x") != "DataFrame" or not {"x", "validation_data"} <= set(arguments):
            return None
        if not arguments["x"].isidentifier():
            return None
        scale = record.quantities.get("part_scale")
        if not isinstance(scale, PartScale) or len(scale.inputs) != 1:
            return None
        reason = _("{moved} of {features} columns stand elsewhere: take them by their names").format(
            moved=next(iter(scale.inputs.values())).moved, features=next(iter(scale.inputs.values())).features
        )
        return Plan((ReplaceInputs("validation", f"{{x}}[{arguments['x']}.columns]"),), reason)
