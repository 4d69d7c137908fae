"""Normalize between the layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import InsertLayer, Plan, Remedy

#: Layers behind which a normalization over the rows stands; a recurrent one has its own.
_LAYERS = {"Dense", "Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "SeparableConv2D", "DepthwiseConv2D"}


@dataclass(frozen=True)
class BatchNormalization(Remedy):
    """BatchNormalization behind every hidden Dense and convolution, against vanishing gradients and for speed.

    Each epoch takes longer, fewer are needed (Ioffe and Szegedy 2015). It needs batches of more than a few rows; with
    Dropout it goes together.
    """

    title: ClassVar[str] = _("Add BatchNormalization between the layers")

    def plan(self, record: TrainingRecord) -> Plan | None:
        if (record.fit.batch_size or 32) < 8:
            return None
        top = [layer for layer in record.model.layers if layer.top_level]
        if any(layer.kind == "BatchNormalization" for layer in record.model.layers):
            return None
        hidden = [layer for layer in top[:-1] if layer.kind in _LAYERS]
        # the last of them may be the output, with a Reshape or an Activation behind it
        weighted = [layer for layer in top if layer.kind in _LAYERS]
        hidden = [layer for layer in hidden if layer is not weighted[-1]]
        if not hidden:
            return None
        reason = _("{count} hidden layers without normalization: gradients stay in range, each epoch takes longer")
        return Plan(
            tuple(InsertLayer(layer.name, "keras.layers.BatchNormalization()") for layer in hidden),
            reason.format(count=len(hidden)),
        )
