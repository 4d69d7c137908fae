"""Validate forward in time."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SplitForward
from kerasdoctor.remedies.stratified_split import SPLITTABLE


@dataclass(frozen=True)
class ForwardSplit(Remedy):
    """Several validations, each behind all of its training rows, by scikit-learn's `TimeSeriesSplit`."""

    title: ClassVar[str] = _("Keep the order and validate forward, on several later parts")
    folds: int = 3

    def plan(self, record: TrainingRecord) -> Plan | None:
        containers = {record.data.containers.get(name, "none") for name in ("x", "y")}
        if not containers <= SPLITTABLE or importlib.util.find_spec("sklearn") is None:
            return None
        reason = _("the rows follow each other in time: train on the past, validate on what comes after it")
        return Plan((SplitForward(self.folds),), reason)
