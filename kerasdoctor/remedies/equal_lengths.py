"""Pad the rows to one length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetFitArgument


@dataclass(frozen=True)
class EqualLengths(Remedy):
    """`keras.utils.pad_sequences` with 0 behind the values; as long as the model's input where that is fixed."""

    title: ClassVar[str] = _("Pad the rows to one length")

    def plan(self, record: TrainingRecord) -> Plan | None:
        given = record.source.arguments.get("x") if record.source else None
        content = record.data.contents.get("x")
        if record.source is None or given is None or content is None or content.kind != "rows":
            return None
        if record.data.containers.get("validation_data", "none") != "none":
            return None
        words = any(layer.kind == "Embedding" for layer in record.model.layers)
        # None where the model takes any length
        fixed = "" if record.model.kind == "subclassed" else f", maxlen={record.source.model}.input_shape[1]"
        kind = "" if words else ', dtype="float32"'
        reason = _("{rows} rows of different lengths: 0 fills the short ones").format(
            rows=_("the") if record.data.n_train is None else f"{record.data.n_train:,}"
        )
        source = f'keras.utils.pad_sequences({given}, padding="post", truncating="post"{fixed}{kind})'
        return Plan((SetFitArgument("x", source),), reason)
