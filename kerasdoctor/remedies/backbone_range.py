"""Bring the images into the range of the pretrained network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import KeepWeights, Plan, PrependLayer, Remedy
from kerasdoctor.remedies.continue_training import has_model


@dataclass(frozen=True)
class BackboneRange(Remedy):
    """A Rescaling layer in front of the model, which keeps its weights: back to bytes, or from bytes to [-1, 1]."""

    title: ClassVar[str] = _("Rescale the images as the pretrained network was trained")
    bytes_wanted: bool

    def plan(self, record: TrainingRecord) -> Plan | None:
        measured = record.quantities.get("input_range")
        if (
            not isinstance(measured, InputRange)
            or len(measured.inputs) != 1
            or record.model.kind == "subclassed"
            or not has_model(record)
        ):
            return None
        if record.compile.source.get("optimizer") is None:
            return None
        values = next(iter(measured.inputs.values()))
        if self.bytes_wanted:
            # from [-1, 1] or from [0, 1]
            centred = values.minimum < -0.5
            source = "keras.layers.Rescaling(127.5, offset=127.5)" if centred else "keras.layers.Rescaling(255)"
        elif any(layer.name.startswith("densenet") for layer in record.model.layers):
            source = "keras.layers.Rescaling(1 / 255)"
        else:
            source = "keras.layers.Rescaling(1 / 127.5, offset=-1)"
        reason = _("the images run from {low:.3g} to {high:.3g}; the pretrained weights are kept").format(
            low=values.minimum, high=values.maximum
        )
        return Plan((KeepWeights(), PrependLayer(source)), reason)
