"""Give the last layer another activation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.heads import Head, heads, plain
from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Change, Plan, Remedy, SetCompileArgument, SetLayerArgument

#: Losses that take the logarithm of what the network puts out.
_OF_LOGARITHMS = {"poisson", "meansquaredlogarithmicerror", "msle"}
_OF_KINDS = {"binary": "sigmoid", "categorical": "softmax", "sparse": "softmax", "regression": "linear"}


@dataclass(frozen=True)
class OutputActivation(Remedy):
    """The activation that suits the loss, with the loss that goes with it where `loss` names one."""

    title: ClassVar[str] = _("Give the last layer the activation that its loss expects")
    #: Empty: what the loss is made for, of probabilities, positive numbers or any.
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
        activation = self.activation or _suited(head)
        if activation is None or (activation == head.activation and not self.loss):
            return None
        changes: list[Change] = [SetLayerArgument(layer.name, "activation", f'"{activation}"')]
        if self.loss:
            changes.append(SetCompileArgument("loss", f'"{self.loss}"'))
        reason = _("{layer}, the last layer, has the activation {activation} and {units} units; {loss} follows").format(
            layer=layer.name, activation=head.activation, units=head.units, loss=head.loss.name
        )
        return Plan(tuple(changes), reason)


def _suited(head: Head) -> str | None:
    """The activation whose values a loss of Keras's is made for; None where that is not known."""
    loss = plain(head.loss.name) if head.loss.builtin else ""
    if loss in _OF_LOGARITHMS:
        return "softplus"
    if loss in {"kldivergence", "kullbackleiblerdivergence", "kld"}:
        return "softmax"
    return _OF_KINDS.get(head.kind)
