"""Give the last layer another activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.heads import heads
from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Change, Plan, Remedy, SetCompileArgument, SetLayerArgument


@dataclass(frozen=True)
class OutputActivation(Remedy):
    """The activation that suits the loss, with the loss that goes with it where `loss` names one."""

    title: ClassVar[str] = _("Give the last layer the activation that its loss expects")
    #: Empty: sigmoid for a binary loss, softmax for one over classes.
    activation: str = ""
    #: Empty: the loss stays.
    loss: str = ""

    def plan(self, record: TrainingRecord) -> Plan | None:
        found = heads(record.model, record.compile)
        if len(found) != 1 or not found[0].alone:
            return None
        head = found[0]
        layer = head.layer
        if layer is None or not layer.top_level or not layer.kind.startswith(("Dense", "Conv", "Activation")):
            return None
        activation = self.activation or ("sigmoid" if head.kind == "binary" else "softmax")
        changes: list[Change] = [SetLayerArgument(layer.name, "activation", f'"{activation}"')]
        if self.loss:
            changes.append(SetCompileArgument("loss", f'"{self.loss}"'))
        reason = _("{layer}, the last layer, has the activation {activation} and {units} units; {loss} follows").format(
            layer=layer.name, activation=head.activation, units=head.units, loss=head.loss.name
        )
        return Plan(tuple(changes), reason)
