"""Take the cross-entropy that suits the form of the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetCompileArgument

_NAMES = {"sparse_categorical_crossentropy": "SparseCategoricalCrossentropy"}
_NAMES |= {"categorical_crossentropy": "CategoricalCrossentropy"}


@dataclass(frozen=True)
class SuitedLoss(Remedy):
    """The loss of the same probabilities for the other form of labels: `sparse`, one number a row, or one-hot rows."""

    title: ClassVar[str] = _("Take the cross-entropy for this form of labels")
    sparse: bool = True

    def plan(self, record: TrainingRecord) -> Plan | None:
        if len(record.compile.losses) != 1:
            return None
        given = record.compile.losses[0]
        name = "sparse_categorical_crossentropy" if self.sparse else "categorical_crossentropy"
        source = f"keras.losses.{_NAMES[name]}(from_logits=True)" if given.from_logits else f'"{name}"'
        labels = _("labels of one number a row") if self.sparse else _("one-hot rows")
        reason = _("{loss} -> {name}, which takes {labels}").format(loss=given.name, name=name, labels=labels)
        return Plan((SetCompileArgument("loss", source),), reason)
