"""Train an autoencoder on its own inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument


@dataclass(frozen=True)
class InputsAsTargets(Remedy):
    """The inputs as targets, of a model whose output has their shape."""

    title: ClassVar[str] = _("Take the inputs for the targets")

    def plan(self, record: TrainingRecord) -> Plan | None:
        measured = record.quantities.get("input_range")
        given = record.source.arguments.get("x") if record.source else None
        if given is None or not isinstance(measured, InputRange) or len(measured.inputs) != 1:
            return None
        shape = next(iter(measured.inputs.values())).shape[1:]
        if record.data.kind != "arrays" or len(record.model.outputs) != 1 or record.model.outputs[0].shape != shape:
            return None
        reason = _("the output has the shape {shape} of the inputs, as that of an autoencoder").format(shape=shape)
        return Plan((SetFitArgument("y", given),), reason)
