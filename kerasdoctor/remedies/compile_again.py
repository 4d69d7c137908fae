"""Compile with a new optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetCompileArgument


@dataclass(frozen=True)
class CompileAgain(Remedy):
    """`compile` with the same arguments and a new optimizer, built for what is trainable now."""

    title: ClassVar[str] = _("Compile again")

    def plan(self, record: TrainingRecord) -> Plan | None:
        source = record.compile.source.get("optimizer")
        if source is None:
            return None
        return Plan((SetCompileArgument("optimizer", source),), _("`trainable` takes effect at `compile`"))
