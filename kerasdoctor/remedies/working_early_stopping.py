"""Give EarlyStopping something to watch and time to act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import AddCallback, Plan, Remedy, SetFitArgument
from kerasdoctor.remedies.keep_best import best_of
from kerasdoctor.remedies.written_callbacks import in_its_place, with_keywords


@dataclass(frozen=True)
class WorkingEarlyStopping(Remedy):
    """The user's EarlyStopping with a monitor that is logged, its direction, and the best weights restored.

    Where it is not written out in the call, a new one takes its place among the callbacks.
    """

    title: ClassVar[str] = _("Make EarlyStopping work")
    patience: int = 5

    def plan(self, record: TrainingRecord) -> Plan | None:
        logged = [name for name in record.history if name.startswith("val_")] or list(record.history)
        if not logged:
            return None
        monitor, mode = ("val_loss" if "val_loss" in logged else "loss"), "min"
        settings = record.fit.settings_of("EarlyStopping")
        judged = best_of(record)
        wanted = settings[0].get("monitor") if settings else None
        if judged is not None and isinstance(wanted, str) and "acc" in wanted:
            monitor, mode = f"val_{judged[0].name}", "max" if judged[0].direction == "up" else "min"
        planned = record.fit.epochs - record.fit.initial_epoch
        patience = max(1, min(self.patience, planned // 3))
        keywords = {
            "monitor": f"'{monitor}'",
            "mode": f"'{mode}'",
            "patience": str(patience),
            "restore_best_weights": "True",
        }
        reason = _("{monitor} is logged; patience={patience} of {epochs} epochs; the best weights come back").format(
            monitor=monitor, patience=patience, epochs=planned
        )
        source = with_keywords(record, "EarlyStopping", keywords)
        keywords = {name: value.replace("'", '"') for name, value in keywords.items()}
        if source is None and len(settings) == 1:
            source = in_its_place(record, "EarlyStopping", settings[0], keywords)
        if source is not None:
            return Plan((SetFitArgument("callbacks", source),), reason)
        written = ", ".join(f"{name}={value}" for name, value in keywords.items())
        return Plan((AddCallback(f"keras.callbacks.EarlyStopping({written})"),), reason)
