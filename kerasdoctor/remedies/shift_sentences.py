"""Show every sentence once more, shifted cyclically."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, Remedy
from kerasdoctor.remedies import ShiftSentences as Shift
from kerasdoctor.remedies.image_augmentation import only_shape


@dataclass(frozen=True)
class ShiftSentences(Remedy):
    """Twice the training rows: each sequence of tokens also with its words shifted by a random number of places.

    Only rows that train are copied; the order of the words that remain neighbours is kept.
    """

    title: ClassVar[str] = _("Augment the sentences by cyclic shifts")
    seed: int = 1024

    def plan(self, record: TrainingRecord) -> Plan | None:
        containers = {name: record.data.containers.get(name, "none") for name in ("x", "y", "sample_weight")}
        measured = record.quantities.get("input_range")
        if (
            len(only_shape(record)) != 2
            or not isinstance(measured, InputRange)
            or not any(layer.kind == "Embedding" for layer in record.model.layers)
            or (containers["x"], containers["y"]) != ("ndarray", "ndarray")
            or containers["sample_weight"] not in {"none", "ndarray"}
        ):
            return None
        values = next(iter(measured.inputs.values()))
        if values.minimum < 0:
            return None
        reason = _("{rows:,} sentences: each once more with its words shifted cyclically, which keeps most neighbours")
        return Plan((Shift(self.seed),), reason.format(rows=record.data.n_train or values.shape[0]))
