"""Bring the inputs into the shape that the first layer takes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Change, Plan, Remedy, ReplaceInputs


@dataclass(frozen=True)
class InputAxes(Remedy):
    """All values of a row in one axis, where a layer takes as many there."""

    title: ClassVar[str] = _("Give the inputs the axes that the model takes")

    def plan(self, record: TrainingRecord) -> Plan | None:
        measured = record.quantities.get("input_range")
        if record.data.containers.get("x") != "ndarray" or not isinstance(measured, InputRange):
            return None
        if len(measured.inputs) != 1 or record.source is None or "x" not in record.source.arguments:
            return None
        shape = next(iter(measured.inputs.values())).shape[1:]
        said = re.search(
            r"axis -1 of input shape to have value (\d+)|xpected shape=?\s?\(None, (\d+)\)", record.outcome.exception
        )
        values = int(said[1] or said[2]) if said is not None else 0
        if len(shape) < 2 or values != math.prod(shape):
            return None
        source = "{x}.reshape(len({x}), -1)"
        reason = _("a row of x has the shape {shape}; the model takes {count} values in one axis").format(
            shape=shape, count=values
        )
        changes: tuple[Change, ...] = (ReplaceInputs("training", source),)
        if "validation_data" in record.source.arguments:
            changes += (ReplaceInputs("validation", source),)
        return Plan(changes, reason)
