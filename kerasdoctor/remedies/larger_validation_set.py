"""Let more rows validate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument


@dataclass(frozen=True)
class LargerValidationSet(Remedy):
    """`share` of the rows for the validation, of arrays that `validation_split` parts."""

    title: ClassVar[str] = _("Let more rows validate")
    share: float = 0.3

    def plan(self, record: TrainingRecord) -> Plan | None:
        before = record.fit.validation_split
        if not 0 < before < self.share:
            return None
        rows = (record.data.n_train or 0) + (record.data.n_validation or 0)
        reason = _("{before:,} rows validate: {share:.0%} are {more:,}").format(
            before=record.data.n_validation or 0, share=self.share, more=int(self.share * rows)
        )
        return Plan((SetFitArgument("validation_split", repr(self.share)),), reason)
