"""Weigh the classes by their rarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import BalanceClasses, Plan, Remedy


@dataclass(frozen=True)
class ClassWeights(Remedy):
    """`class_weight` by the inverse of the class shares: each class counts the same in the training loss."""

    title: ClassVar[str] = _("Weigh the classes by the inverse of their shares")

    def plan(self, record: TrainingRecord) -> Plan | None:
        labels = record.quantities.get("split_labels")
        if (
            not isinstance(labels, SplitLabels)
            or labels.kind != "classes"
            or record.fit.class_weight
            or record.fit.sample_weight
            or record.data.containers.get("y") not in {"ndarray", "Series", "DataFrame"}
        ):
            return None
        rows = sum(labels.train.values())
        name, count = max(labels.train.items(), key=lambda item: item[1])
        if not rows:
            return None
        reason = _("class {name} is {share:.0%} of the rows that train: let each class count the same")
        return Plan((BalanceClasses(),), reason.format(name=name, share=count / rows))
