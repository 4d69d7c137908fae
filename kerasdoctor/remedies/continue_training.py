"""Go on from the weights that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Change, KeepWeights, Plan, Remedy, SetFitArgument
from kerasdoctor.remedies.more_patience import MorePatience


@dataclass(frozen=True)
class ContinueTraining(Remedy):
    """The same model trained on: with its weights, the state of its optimizer, and the number of its epoch.

    What was asked for and not trained, where that is much; else `factor` times the epochs of the run once more.
    """

    title: ClassVar[str] = _("Go on from these weights, with the optimizer and the number of the epoch")
    factor: int = 2

    def plan(self, record: TrainingRecord) -> Plan | None:
        if record.fit.loop or not has_model(record) or not record.outcome.epochs:
            return None
        before = record.fit.initial_epoch
        if record.earlier is not None and record.earlier.same_weights:
            before = max(before, record.earlier.epochs)
        asked, done = record.fit.epochs - record.fit.initial_epoch, before + record.outcome.epochs
        left = asked - record.outcome.epochs
        last = done + (left if 2 * left >= asked else self.factor * asked)
        reason = _("{done} epochs are trained: those up to {last} follow, with all that the optimizer knows").format(
            done=done, last=last
        )
        changes: tuple[Change, ...] = (
            KeepWeights(),
            SetFitArgument("initial_epoch", str(done)),
            SetFitArgument("epochs", str(last)),
        )
        if record.outcome.status == "stopped_early":
            # what stopped it would do so again
            patient = MorePatience().plan(record)
            if patient is None:
                return None
            changes += patient.changes
        return Plan(changes, reason)


def has_model(record: TrainingRecord) -> bool:
    """Whether the model of the call can be named: `build().fit(...)` has left none."""
    return record.source is not None and "(" not in record.source.model
