"""Measure each label for itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.heads import heads
from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetCompileArgument


@dataclass(frozen=True)
class LabelMetrics(Remedy):
    """The area under the precision-recall curve over all labels, instead of an accuracy."""

    title: ClassVar[str] = _("Measure precision and recall of the labels")

    def plan(self, record: TrainingRecord) -> Plan | None:
        found = heads(record.model, record.compile)
        if len(found) != 1 or "metrics" not in record.compile.source or not found[0].units:
            return None
        logits = ", from_logits=True" if found[0].loss.from_logits else ""
        source = (
            f'[keras.metrics.AUC(curve="PR", multi_label=True, num_labels={found[0].units}{logits}, name="pr_auc")]'
        )
        reason = _("{units} labels, several in a row: the precision-recall curve of each").format(units=found[0].units)
        return Plan((SetCompileArgument("metrics", source),), reason)
