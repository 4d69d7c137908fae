"""Replace sigmoid and tanh in hidden layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import Layer, TrainingRecord
from kerasdoctor.remedies import Change, Plan, Remedy, SetLayerArgument

_LAYERS = {"Dense", "Conv1D", "Conv2D", "Conv3D"}


def hidden_layers(record: TrainingRecord) -> list[Layer]:
    """Dense and convolutional layers of the model itself but the outputs."""
    outputs = {output.layer for output in record.model.outputs}
    layers = [layer for layer in record.model.layers if layer.top_level and layer.kind in _LAYERS]
    return [layer for layer in (layers if outputs else layers[:-1]) if layer.name not in outputs]


def nested_too(record: TrainingRecord) -> list[Layer]:
    """The same, with those inside of nested models that are trainable."""
    outputs = {output.layer for output in record.model.outputs}
    nested = [layer for layer in record.model.layers if not layer.top_level and layer.kind in _LAYERS]
    inside = [layer for layer in nested if layer.trainable and layer.name not in outputs]
    return hidden_layers(record) + (inside if outputs else [])


@dataclass(frozen=True)
class ReluActivation(Remedy):
    """Relu in the hidden layers that have a sigmoid or tanh, with the initialization of He that belongs to it.

    Glorot et al. (2011), Deep sparse rectifier neural networks; He et al. (2015).
    """

    title: ClassVar[str] = _("Use relu in the hidden layers")

    def plan(self, record: TrainingRecord) -> Plan | None:
        layers = [layer for layer in nested_too(record) if layer.activation in {"sigmoid", "tanh"}]
        if not layers:
            return None
        changes: tuple[Change, ...] = tuple(SetLayerArgument(layer.name, "activation", '"relu"') for layer in layers)
        changes += tuple(SetLayerArgument(layer.name, "kernel_initializer", '"he_normal"') for layer in layers)
        reason = _("the derivative of relu is 1 where a unit is active; {count} layers have {activation}").format(
            count=len(layers), activation=layers[0].activation
        )
        return Plan(changes, reason)
