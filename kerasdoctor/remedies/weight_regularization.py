"""Penalize large weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import Layer, TrainingRecord
from kerasdoctor.remedies import Plan, Remedy, SetLayerArgument

#: Layers with a `kernel_regularizer` of their own.
KERNEL_LAYERS = {"Dense", "Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "LSTM", "GRU", "SimpleRNN"}


@dataclass(frozen=True)
class WeightRegularization(Remedy):
    """L1 and L2 penalties on the kernels of every hidden layer that has none."""

    title: ClassVar[str] = _("Add an L1/L2 penalty to the kernels")
    l1: float = 1e-5
    l2: float = 1e-4

    def plan(self, record: TrainingRecord) -> Plan | None:
        layers = [layer for layer in record.model.layers if layer.top_level and kernel_kind(layer) in KERNEL_LAYERS]
        # the last layer maps to the targets: shrinking it shrinks the predictions
        hidden = [layer for layer in layers[:-1] if layer.trainable and not layer.regularized]
        if not hidden:
            outputs = {output.layer for output in record.model.outputs}
            nested = [
                layer for layer in record.model.layers if not layer.top_level and kernel_kind(layer) in KERNEL_LAYERS
            ]
            hidden = [
                layer for layer in nested if layer.trainable and not layer.regularized and layer.name not in outputs
            ]
        if not hidden:
            return None
        source = f"keras.regularizers.L1L2({self.l1!r}, {self.l2!r})"
        reason = _("none of these kernels is regularized: {parameters:,} parameters for {rows} training rows").format(
            parameters=sum(layer.parameters for layer in hidden),
            rows=_("an unknown number of") if record.data.n_train is None else f"{record.data.n_train:,}",
        )
        return Plan(tuple(_regularized(layer, source) for layer in hidden), reason)


def kernel_kind(layer: Layer) -> str:
    """Class of the layer that holds the kernel: inside TimeDistributed the wrapped one."""
    inner = layer.config.get("layer") if layer.kind == "TimeDistributed" else None
    return str(inner.get("class_name", "")) if isinstance(inner, Mapping) else layer.kind


def _regularized(layer: Layer, source: str) -> SetLayerArgument:
    if layer.kind != "TimeDistributed":
        return SetLayerArgument(layer.name, "kernel_regularizer", source)
    inner = f'type(layer.layer).from_config(layer.layer.get_config() | {{"kernel_regularizer": {source}}})'
    return SetLayerArgument(layer.name, "layer", f"keras.layers.serialize({inner})")
