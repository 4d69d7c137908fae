"""Leave out the rows that are not finite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import DropNonfinite, Plan, Remedy


@dataclass(frozen=True)
class DropNonfiniteRows(Remedy):
    """Train without the rows that hold a NaN or an infinity."""

    title: ClassVar[str] = _("Leave out the rows with NaN or infinity")

    def plan(self, record: TrainingRecord) -> Plan | None:
        containers = [record.data.containers.get(name, "none") for name in ("x", "y")]
        if not set(containers) <= {"ndarray", "DataFrame", "Series"} or record.data.validation_kind not in {
            "none",
            "arrays",
        }:
            return None
        inputs, targets = record.quantities.get("input_range"), record.quantities.get("target_range")
        ranges = [
            *(inputs.inputs.values() if isinstance(inputs, InputRange) else ()),
            *(targets.outputs.values() if isinstance(targets, TargetRange) else ()),
        ]
        if not any(values.nonfinite for values in ranges):
            ranges = [
                *(inputs.validation.values() if isinstance(inputs, InputRange) else ()),
                *(targets.validation.values() if isinstance(targets, TargetRange) else ()),
            ]
        count = sum(values.nonfinite for values in ranges)
        if not count:
            return None
        rows = [values.first_nonfinite_row for values in ranges if values.first_nonfinite_row is not None]
        reason = _("{count:,} values are NaN or infinite, the first in row {row:,}").format(count=count, row=min(rows))
        return Plan((DropNonfinite(),), reason)
