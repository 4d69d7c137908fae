"""What the targets look like that a pipeline delivers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from kerasdoctor.quantities import BatchTap, Quantity
from kerasdoctor.quantities.target_form import Form

#: Values of one batch that are counted: up to 64 batches are looked at within a second.
COUNTED = 2**14


@dataclass
class DrawnTargets(Quantity):
    """Form of the targets in the batches that Keras drew in the first epoch, as far as they were looked at."""

    grows: ClassVar[bool] = True

    outputs: dict[str, Form] = field(default_factory=dict)
    #: Of the first validation.
    validation: dict[str, Form] = field(default_factory=dict)
    batches: int = 0

    def __len__(self) -> int:
        return self.batches

    def on_batch(self, batch: BatchTap) -> None:
        if batch.epoch > 1 or not batch.targets:
            return
        found = self.outputs if batch.part == "train" else self.validation
        for name, values in batch.targets.items():
            form = Form.of(values, len(values), COUNTED)
            if form is not None:
                found[name] = found[name].merged(form) if name in found else form
        self.batches += 1
