"""Show every image a little different each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kerasdoctor.locale import _
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Plan, PrependLayer, Remedy


@dataclass(frozen=True)
class ImageAugmentation(Remedy):
    """Keras's random translation, rotation and zoom in front of the model, at work in training alone.

    No flip: mirrored letters, digits and road signs are other classes.
    """

    title: ClassVar[str] = _("Augment the images")
    amount: float = 0.1

    def plan(self, record: TrainingRecord) -> Plan | None:
        shape = only_shape(record)
        images = len(shape) == 4 and shape[-1] in {1, 3, 4}
        if not images or record.model.kind == "subclassed" or _augmented(record):
            return None
        amount = self.amount
        source = (
            f"keras.Sequential([keras.layers.RandomTranslation({amount}, {amount}), "
            f"keras.layers.RandomRotation({amount / 2}), keras.layers.RandomZoom({amount})])"
        )
        reason = _(
            "{rows:,} images: moved, turned and zoomed by up to a tenth each time; add RandomFlip where mirror images "
            "keep their class"
        )
        return Plan((PrependLayer(source),), reason.format(rows=record.data.n_train or shape[0]))


def only_shape(record: TrainingRecord) -> tuple[int, ...]:
    """Shape of the only input, rows first; empty where there are several or it is not known."""
    measured = record.quantities.get("input_range")
    if not isinstance(measured, InputRange) or len(measured.inputs) != 1:
        return ()
    return next(iter(measured.inputs.values())).shape


def _augmented(record: TrainingRecord) -> bool:
    return any(layer.kind.startswith("Random") for layer in record.model.layers)
