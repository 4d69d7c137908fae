"""Let ReduceLROnPlateau wait longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument
from kerasdoctor.remedies.written_callbacks import in_its_place, with_keywords

_KIND = "ReduceLROnPlateau"


@dataclass(frozen=True)
class PatientPlateau(Remedy):
    """A third of the run for every plateau, so that the rate falls three times at most.

    A schedule cannot take its place beside it: Keras cannot set the rate of a schedule.
    """

    title: ClassVar[str] = _("Let ReduceLROnPlateau wait longer")

    def plan(self, record: TrainingRecord) -> Plan | None:
        settings = record.fit.settings_of(_KIND)
        patience = settings[0].get("patience") if len(settings) == 1 else None
        longer = (record.fit.epochs - record.fit.initial_epoch) // 3
        if not isinstance(patience, int) or longer <= patience:
            return None
        keywords = {"patience": str(longer)}
        source = with_keywords(record, _KIND, keywords) or in_its_place(
            record, _KIND, settings[0], keywords, ("factor", "min_delta", "cooldown", "min_lr")
        )
        if source is None:
            return None
        reason = _("patience={patience} lowered the rate while the loss still fell: {longer}")
        return Plan((SetFitArgument("callbacks", source),), reason.format(patience=patience, longer=longer))
