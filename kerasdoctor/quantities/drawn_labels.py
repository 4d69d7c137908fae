"""Labels of what Keras draws from a pipeline, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import BatchTap, Quantity
from kerasdoctor.quantities.split_labels import MOST_CLASSES


@dataclass
class Labels:
    """Labels of the batches drawn for one part."""

    batches: int = 0
    rows: int = 0
    #: Sum over the batches of the number of different labels in each.
    distinct: int = 0
    #: Label -> rows.
    counts: dict[str, int] = field(default_factory=dict)


@dataclass
class DrawnLabels(Quantity):
    """Labels of the first output in the first batches of the first epoch ("train") and the first validation.

    Whole numbers, or one-hot rows; a part with more than 1,000 different ones has no labels.
    """

    grows: ClassVar[bool] = True

    parts: dict[str, Labels] = field(default_factory=dict)
    #: Parts whose targets are no labels.
    without: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.parts)

    def on_batch(self, batch: BatchTap) -> None:
        if batch.epoch != 1 or not batch.targets or batch.part in self.without:
            return
        labels = labels_of(next(iter(batch.targets.values())))
        found = self.parts.get(batch.part, Labels())
        if labels is not None:
            names, counts = np.unique(labels, return_counts=True)
            found.batches += 1
            found.rows += len(labels)
            found.distinct += len(names)
            for name, count in zip(names.tolist(), counts.tolist(), strict=True):
                found.counts[str(name)] = found.counts.get(str(name), 0) + count
            self.parts[batch.part] = found
        if labels is None or len(found.counts) > MOST_CLASSES:
            self.parts.pop(batch.part, None)
            self.without.append(batch.part)


def labels_of(targets: NDArray[np.generic]) -> NDArray[np.int64] | None:
    """One label per row, shape (n,), of whole numbers or one-hot rows; None for anything else."""
    if targets.dtype.kind not in "biuf" or targets.ndim > 2:
        return None
    if targets.ndim == 2 and targets.shape[1] > 1:
        one_hot = ((targets == 0) | (targets == 1)).all() and (targets.sum(axis=1) == 1).all()
        return targets.argmax(axis=1).astype(np.int64) if one_hot else None
    flat = targets.reshape(-1)
    if flat.dtype.kind == "f" and not (np.isfinite(flat).all() and (flat == np.floor(flat)).all()):
        return None
    return flat.astype(np.int64)
