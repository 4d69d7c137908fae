"""Draw the first weights at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import Layer, TrainingRecord
from kerasdoctor.remedies import Change, Plan, Remedy, SetLayerArgument

#: Initializers that Keras gives to kernels and that scale with the size of the layer.
_SCALED = {"GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal", "VarianceScaling"}


@dataclass(frozen=True)
class DefaultInitialization(Remedy):
    """Kernels by Glorot's or He's initialization and biases of 0, where a layer has other ones."""

    title: ClassVar[str] = _("Initialize the weights at random, by the size of the layer")

    def plan(self, record: TrainingRecord) -> Plan | None:
        changes: list[Change] = []
        for layer in record.model.layers:
            kernel, bias = _class(layer, "kernel_initializer"), _class(layer, "bias_initializer")
            if kernel and kernel not in _SCALED:
                source = '"he_normal"' if layer.activation == "relu" else '"glorot_uniform"'
                changes.append(SetLayerArgument(layer.name, "kernel_initializer", source))
            if bias == "Constant":
                changes.append(SetLayerArgument(layer.name, "bias_initializer", '"zeros"'))
        reason = _("the units of a layer must begin different, and no larger than its size allows")
        return Plan(tuple(changes), reason) if changes else None


def _class(layer: Layer, name: str) -> str:
    found = layer.config.get(name)
    return str(found.get("class_name", "")) if isinstance(found, Mapping) else ""
