"""Give an Embedding a row for every index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument


@dataclass(frozen=True)
class WiderEmbedding(Remedy):
    """The largest index and one as `input_dim` of the only Embedding, on the only input."""

    title: ClassVar[str] = _("Give the Embedding a row for every index")

    def plan(self, record: TrainingRecord) -> Plan | None:
        measured = record.quantities.get("input_range")
        layers = [layer for layer in record.model.layers if layer.kind == "Embedding"]
        if not isinstance(measured, InputRange) or len(measured.inputs) != 1 or len(layers) != 1:
            return None
        ranges = [*measured.inputs.values(), *measured.validation.values()]
        low, high = min(found.minimum for found in ranges), max(found.maximum for found in ranges)
        rows = layers[0].config.get("input_dim")
        if not layers[0].top_level or not isinstance(rows, int) or not (low >= 0 and rows <= high < 2**31):
            return None
        reason = _("the indices run from {low:.0f} to {high:.0f}, and {layer} has {rows:,} rows").format(
            low=low, high=high, layer=layers[0].name, rows=rows
        )
        return Plan((SetLayerArgument(layers[0].name, "input_dim", str(int(high) + 1)),), reason)
