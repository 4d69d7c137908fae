"""Let EarlyStopping wait longer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument
from kerasdoctor.remedies.written_callbacks import in_its_place, with_keywords


@dataclass(frozen=True)
class MorePatience(Remedy):
    """A patience `factor` times as large, ten epochs at least, with the weights of the best epoch restored.

    Where EarlyStopping is not written out in the call, a new one takes its place among the callbacks.
    """

    title: ClassVar[str] = _("Let EarlyStopping wait longer")
    factor: int = 3

    def plan(self, record: TrainingRecord) -> Plan | None:
        settings = record.fit.settings_of("EarlyStopping")
        patience = settings[0].get("patience") if len(settings) == 1 else None
        if not isinstance(patience, int):
            return None
        longer = max(10, self.factor * patience)
        keywords = {"patience": str(longer), "restore_best_weights": "True"}
        source = with_keywords(record, "EarlyStopping", keywords) or in_its_place(
            record, "EarlyStopping", settings[0], keywords
        )
        if source is None:
            return None
        reason = _("patience={patience} stopped a curve that was still falling: {longer}")
        return Plan((SetFitArgument("callbacks", source),), reason.format(patience=patience, longer=longer))
