"""Put LayerNormalization in the place of BatchNormalization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, ReplaceLayer


@dataclass(frozen=True)
class LayerForBatchNorm(Remedy):
    """LayerNormalization, which looks at one row at a time, for every BatchNormalization of the model itself."""

    title: ClassVar[str] = _("Use LayerNormalization in place of BatchNormalization")

    def plan(self, record: TrainingRecord) -> Plan | None:
        found = [layer for layer in record.model.layers if layer.kind == "BatchNormalization"]
        if record.model.kind == "subclassed" or not found or not all(layer.top_level for layer in found):
            return None
        rows = record.fit.batch_size
        reason = _("{count} layers take their statistics from batches of {rows} rows; these take them from each row")
        return Plan(
            tuple(ReplaceLayer(layer.name, "keras.layers.LayerNormalization()") for layer in found),
            reason.format(count=len(found), rows=_("few") if rows is None else rows),
        )
