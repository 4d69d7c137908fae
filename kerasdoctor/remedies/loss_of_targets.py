"""Give compile the loss of these targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.target_form import TargetForm
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetCompileArgument


@dataclass(frozen=True)
class LossOfTargets(Remedy):
    """The loss that last activation and targets belong to: a cross-entropy, or the mean squared error."""

    title: ClassVar[str] = _("Give compile the loss that suits output and targets")

    def plan(self, record: TrainingRecord) -> Plan | None:
        measured = record.quantities.get("target_form")
        if len(record.model.outputs) != 1 or not isinstance(measured, TargetForm) or len(measured.outputs) != 1:
            return None
        output, form = record.model.outputs[0], next(iter(measured.outputs.values()))
        sparse = form.whole and form.shape in {(), (1,)}
        if output.activation == "softmax":
            loss = "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"
        elif output.activation == "sigmoid":
            loss = "binary_crossentropy"
        elif output.activation == "linear" and not form.whole:
            loss = "mean_squared_error"
        else:
            return None
        reason = _("{layer} has the activation {activation}, the targets run from {low:g} to {high:g}").format(
            layer=output.layer, activation=output.activation, low=form.minimum, high=form.maximum
        )
        return Plan((SetCompileArgument("loss", f'"{loss}"'),), reason)
