"""Let EarlyStopping wait longer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument
from kerasdoctor.remedies.written_callbacks import with_keywords


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
        source = with_keywords(record, "EarlyStopping", keywords) or _in_its_place(record, settings[0], keywords)
        if source is None:
            return None
        reason = _("patience={patience} stopped a curve that was still falling: {longer}")
        return Plan((SetFitArgument("callbacks", source),), reason.format(patience=patience, longer=longer))


def _in_its_place(record: TrainingRecord, settings: Mapping[str, Any], keywords: Mapping[str, str]) -> str | None:
    """Source of the `callbacks` argument with a new EarlyStopping for the one that a variable holds."""
    given = record.source.arguments.get("callbacks") if record.source else None
    if given is None or not isinstance(settings.get("monitor"), str):
        return None
    kept = {
        name: json.dumps(settings[name]) for name in ("monitor", "mode") if settings.get(name) not in (None, "auto")
    }
    kept |= {name: repr(settings[name]) for name in ("min_delta", "start_from_epoch") if settings.get(name)}
    arguments = ", ".join(f"{name}={value}" for name, value in {**kept, **keywords}.items())
    stopping = f"keras.callbacks.EarlyStopping({arguments})"
    if record.data.containers.get("callbacks") not in {"list", "tuple"}:
        return f"[{stopping}]"
    others = f"*(other for other in {given} if not isinstance(other, keras.callbacks.EarlyStopping))"
    return f"[{others}, {stopping}]"
