"""Tell the loss what the last layer gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.heads import heads
from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetCompileArgument


@dataclass(frozen=True)
class LossOnLogits(Remedy):
    """The same loss with `from_logits` as the last layer needs it."""

    title: ClassVar[str] = _("Tell the loss whether it gets logits")

    def plan(self, record: TrainingRecord) -> Plan | None:
        found = heads(record.model, record.compile)
        if len(found) != 1 or not found[0].alone or found[0].kind not in {"binary", "categorical", "sparse"}:
            return None
        head = found[0]
        logits = head.activation == "linear"
        # a metric that asks for probabilities would be wrong next
        if logits and head.kind == "binary":
            return None
        name = {"binary": "Binary", "categorical": "Categorical", "sparse": "SparseCategorical"}[head.kind]
        source = f"keras.losses.{name}Crossentropy({'from_logits=True' if logits else ''})"
        reason = _("{layer}, the last layer, has the activation {activation}").format(
            layer=head.where, activation=head.activation
        )
        return Plan((SetCompileArgument("loss", source),), reason)
