"""Start from fresh weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy


@dataclass(frozen=True)
class FreshWeights(Remedy):
    """The same fit of a new copy of the model."""

    title: ClassVar[str] = _("Start from fresh weights")

    def plan(self, record: TrainingRecord) -> Plan | None:
        return Plan((), _("fit goes on from the weights that the model has: a fresh start takes a new model"))
