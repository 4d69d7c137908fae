"""Divide every row of targets by its sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.target_form import TargetForm
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, ReplaceTargets


@dataclass(frozen=True)
class RowsSumToOne(Remedy):
    """Every row of targets over its sum, which makes shares of counts."""

    title: ClassVar[str] = _("Divide every row of the targets by its sum")

    def plan(self, record: TrainingRecord) -> Plan | None:
        """None where a row sums to 0 or holds values below 0, of which no shares can be made."""
        measured = record.quantities.get("target_form")
        if record.data.containers.get("y") != "ndarray" or not isinstance(measured, TargetForm):
            return None
        forms = [*measured.outputs.values(), *measured.validation.values()]
        if len(measured.outputs) != 1 or any(form.minimum < 0 or form.empty for form in forms):
            return None
        form = forms[0]
        reason = _("{count:,} of {rows:,} rows of targets do not sum to 1").format(
            count=form.other, rows=form.positions
        )
        return Plan((ReplaceTargets("{y} / {y}.sum(axis=-1, keepdims=True)", "shares"),), reason)
