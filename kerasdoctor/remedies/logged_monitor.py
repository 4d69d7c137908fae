"""Let a callback watch what is logged."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Change, Plan, Remedy, SetFitArgument, SetMonitor
from kerasdoctor.remedies.written_callbacks import with_keywords


@dataclass(frozen=True)
class LoggedMonitor(Remedy):
    """The metric of nearly the same name, of the same part; the loss of that part where there is none."""

    title: ClassVar[str] = _("Let the callback watch a metric that is logged")

    def plan(self, record: TrainingRecord) -> Plan | None:
        found = re.search(r"(\w+) callback received monitor=(\S+), but Keras isn't able", record.outcome.exception)
        logged = record.outcome.logged
        if found is None or not logged or record.source is None or "callbacks" not in record.source.arguments:
            return None
        kind, old = found[1], found[2]
        validated = old.startswith("val_") and any(name.startswith("val_") for name in logged)
        same_part = [name for name in logged if name.startswith("val_") == validated]
        near = difflib.get_close_matches(old, same_part, n=1, cutoff=0.5)
        new = near[0] if near else ("val_loss" if validated else "loss")
        if new not in logged:
            return None
        written = with_keywords(record, kind, {"monitor": repr(new)})
        change: Change = SetMonitor(old, new) if written is None else SetFitArgument("callbacks", written)
        reason = _("{old} is none of the {count} metrics that are logged: {names}").format(
            old=old, count=len(logged), names=", ".join(logged)
        )
        return Plan((change,), reason)
