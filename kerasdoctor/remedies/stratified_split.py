"""Split so that both parts hold the same label shares."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SplitStratified

#: Containers that scikit-learn's `train_test_split` takes apart.
SPLITTABLE = {"ndarray", "DataFrame", "Series"}


@dataclass(frozen=True)
class StratifiedSplit(Remedy):
    """A shuffled split with equal label shares, by scikit-learn where it is installed."""

    title: ClassVar[str] = _("Split with the same label shares in both parts")
    seed: int = 1024
    #: Rows of every class that either part has to get; `train_test_split` needs one.
    fewest: int = 1

    def plan(self, record: TrainingRecord) -> Plan | None:
        labels = record.quantities.get("split_labels")
        containers = {record.data.containers.get(name, "none") for name in ("x", "y")}
        if (
            not isinstance(labels, SplitLabels)
            or labels.kind != "classes"
            or labels.source != "validation_split"
            or not containers <= SPLITTABLE
            or importlib.util.find_spec("sklearn") is None
        ):
            return None
        rarest = min(labels.train[label] + labels.validation[label] for label in labels.train)
        if rarest * min(record.fit.validation_split, 1 - record.fit.validation_split) < self.fewest:
            return None
        reason = _("validation_split takes the last {share:.0%} of the rows: give both parts the same label shares")
        return Plan(
            (SplitStratified(record.fit.validation_split, self.seed),),
            reason.format(share=record.fit.validation_split),
        )
