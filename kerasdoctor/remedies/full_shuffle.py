"""Shuffle a pipeline row by row, with a buffer for all rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument

#: Rows that a buffer may hold: more may not fit into memory, which only the user can know.
MOST_ROWS = 200_000


@dataclass(frozen=True)
class FullShuffle(Remedy):
    """The pipeline taken apart into rows, shuffled, and cut into batches of the same size again."""

    title: ClassVar[str] = _("Shuffle the rows, with a buffer for all of them")

    def plan(self, record: TrainingRecord) -> Plan | None:
        steps, source = record.data.pipeline, record.source
        given = None if source is None else source.arguments.get("x")
        batches = [step for step in steps if step.kind == "batch"]
        rows = None if not steps else steps[0].elements
        if (
            record.data.kind != "dataset"
            or given is None
            or len(batches) != 1
            or steps[0].kind != "from_tensor_slices"
            or any(
                step.kind not in {"from_tensor_slices", "map", "shuffle", "cache", "batch", "prefetch"}
                for step in steps
            )
            or rows is None
            or not 0 < rows <= MOST_ROWS
        ):
            return None
        size = batches[0].settings.get("batch_size")
        if not isinstance(size, int):
            return None
        # parentheses where a method could not follow
        pipeline = given if given.isidentifier() else f"({given})"
        shuffled = f"{pipeline}.unbatch().shuffle({rows}).batch({size})"
        reason = _("a buffer for all {rows:,} rows, in front of the batches").format(rows=rows)
        return Plan((SetFitArgument("x", shuffled),), reason)
