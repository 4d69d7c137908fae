"""What a watched fit tells while it runs, so that a view can follow it."""

from __future__ import annotations

from dataclasses import dataclass

from kerasdoctor.record import TrainingRecord
from kerasdoctor.report import Report


@dataclass(frozen=True)
class Progress:
    """Where a running fit stands."""

    #: From 1, as Keras prints it.
    epoch: int
    #: 0 for a loop of the user's own, which has none.
    epochs: int
    #: Batches of this epoch that are done.
    step: int
    #: Batches of an epoch; None where a pipeline does not tell.
    steps: int | None
    #: Since the fit began.
    seconds: float


class Observer:
    """Follows a fit; every method is called in the training thread and may do nothing."""

    def began(self, record: TrainingRecord) -> None:
        """The facts of model, compile, data and call are in the record."""

    def stepped(self, record: TrainingRecord, progress: Progress) -> None:
        """A batch is done; called for every one, so it must be cheap."""

    def examined(self, report: Report) -> None:
        """The record was diagnosed, for the first time or anew."""

    def ended(self, report: Report) -> None:
        """The fit is over, however it ended."""
