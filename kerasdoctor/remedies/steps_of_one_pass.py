"""Say how many batches an epoch takes of an endless pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from kerasdoctor.locale import _
from kerasdoctor.record import PipelineStep, TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument

#: Steps behind the endless one that bring one element for each that goes in.
_ONE_TO_ONE = {"prefetch", "map", "shuffle"}


@dataclass(frozen=True)
class StepsOfOnePass(Remedy):
    """As many batches as one pass through the rows has, before they are repeated."""

    title: ClassVar[str] = _("Take one pass of an endless pipeline")
    part: Literal["training", "validation"]

    def plan(self, record: TrainingRecord) -> Plan | None:
        validates = self.part == "validation"
        batches = batches_of_one_pass(record.data.validation_pipeline if validates else record.data.pipeline)
        if batches is None:
            return None
        reason = _("one pass has {batches:,} batches, and the pipeline repeats them without end").format(
            batches=batches
        )
        argument = "validation_steps" if validates else "steps_per_epoch"
        return Plan((SetFitArgument(argument, str(batches)),), reason)


def batches_of_one_pass(pipeline: Sequence[PipelineStep]) -> int | None:
    """Batches of the rows before they are repeated; None where that cannot be told."""
    endless = next((place for place, step in enumerate(pipeline) if step.elements == -1), 0)
    elements = pipeline[endless - 1].elements if endless else None
    if elements is None or elements < 1:
        return None
    for step in pipeline[endless + 1 :]:
        size = step.settings.get("batch_size")
        if step.kind == "batch" and isinstance(size, int) and size > 0:
            elements = -(-elements // size)
        elif step.kind not in _ONE_TO_ONE:
            return None
    return elements
