"""The first batches that Keras draws from a pipeline, on their way to the quantities."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

import keras

from kerasdoctor.instrumentation.summaries import data
from kerasdoctor.quantities import BatchTap
from kerasdoctor.record import TrainingRecord

Part = Literal["train", "validation"]

#: Epochs, and batches of each, that are looked at.
EPOCHS, BATCHES = 2, 64
#: Seconds that looking at them may take in all.
SECONDS = 1.0


class DrawnBatches:
    """Hands on what a pipeline delivers, as far as Keras draws it; arrays are examined before the fit instead."""

    def __init__(self, take_in: Callable[[BatchTap], None]) -> None:
        self._take_in = take_in
        self._epoch: dict[Part, int] = {"train": 0, "validation": 0}
        self._index: dict[Part, int] = {"train": 0, "validation": 0}
        self._pipelines: set[Part] = set()
        self._spent = 0.0

    def begin(self, record: TrainingRecord) -> None:
        """Before a fit whose facts are known."""
        kinds: dict[Part, str] = {"train": record.data.kind, "validation": record.data.validation_kind}
        self._pipelines = {part for part, kind in kinds.items() if kind not in {"arrays", "none"}}
        self._epoch = {"train": 0, "validation": 0}
        self._spent = 0.0

    def new_epoch(self, part: Part) -> None:
        """An epoch, or a validation, begins."""
        self._epoch[part] += 1
        self._index[part] = 0

    def drawn(self, part: Part, batch: Any) -> None:
        """Keras has drawn a batch, which is only read here."""
        index = self._index[part]
        if part not in self._pipelines or self._epoch[part] > EPOCHS or index >= BATCHES or self._spent > SECONDS:
            return
        began = time.perf_counter()
        self._index[part] += 1
        x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
        self._take_in(
            BatchTap(
                part=part,
                epoch=self._epoch[part],
                index=index,
                inputs=data.named(x, "x"),
                targets={} if y is None else data.named(y, "y"),
                sample_weight=None if weight is None else next(iter(data.named(weight, "weight").values())),
            )
        )
        self._spent += time.perf_counter() - began
