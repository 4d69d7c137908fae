"""Labels of the two parts into which Keras will split the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import DataTap, Quantity

#: More distinct integer values than this are a quantity, not class names.
MOST_CLASSES = 1000
#: Bins, of equal counts, that stand for the classes of a continuous target.
BINS = 10


@dataclass(frozen=True)
class SplitLabels(Quantity):
    """How often each label stands in the training rows and in the rows that validate.

    Classes of an integer or one-hot target; ten bins of equal counts of a continuous one. The first output of
    a model with several.
    """

    kind: Literal["classes", "bins"]
    #: Label (or upper edge of the bin) -> rows, both mappings with the same keys in the same order.
    train: Mapping[str, int]
    validation: Mapping[str, int]
    #: Where the validation rows come from.
    source: Literal["validation_split", "validation_data"]

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        if not data.targets:
            return None
        targets = next(iter(data.targets.values()))
        labels: NDArray[np.generic] | None = class_labels(targets)
        if data.split_at < data.n:
            head = data.rows < data.split_at
            source: Literal["validation_split", "validation_data"] = "validation_split"
        elif data.validation_targets:
            tail = class_labels(next(iter(data.validation_targets.values())))
            if labels is None or tail is None:
                return None
            head = np.arange(len(labels) + len(tail)) < len(labels)
            labels = np.concatenate([labels, tail])
            source = "validation_data"
        else:
            return None
        kind: Literal["classes", "bins"] = "classes"
        if labels is None:
            labels = binned(targets)
            kind = "bins"
            if labels is None:
                return None
        names, codes = np.unique(labels, return_inverse=True)
        train = np.bincount(codes[head], minlength=len(names))
        validation = np.bincount(codes[~head], minlength=len(names))
        keys = [str(name) for name in names]
        return cls(
            kind=kind,
            train=dict(zip(keys, train.tolist(), strict=True)),
            validation=dict(zip(keys, validation.tolist(), strict=True)),
            source=source,
        )


def class_labels(targets: NDArray[np.generic]) -> NDArray[np.int64] | None:
    """One class per row, shape (n,): of integers, whole floats or one-hot rows; None for anything else."""
    if targets.dtype.kind not in "biuf" or not len(targets):
        return None
    if targets.ndim == 2 and targets.shape[1] > 1:
        one_hot = ((targets == 0) | (targets == 1)).all() and (targets.sum(axis=1) == 1).all()
        return targets.argmax(axis=1).astype(np.int64) if one_hot else None
    if targets.ndim > 2 or not np.isfinite(targets).all() or not (targets == np.floor(targets)).all():
        return None
    if np.abs(targets.astype(np.float64)).max() > 2**53:
        # beyond the whole numbers that a float tells apart
        return None
    labels = targets.reshape(len(targets)).astype(np.int64)
    distinct = len(np.unique(labels))
    # ages, counts, prices: whole numbers that hardly repeat are a quantity
    return labels if distinct <= min(MOST_CLASSES, max(2, len(labels) // 5)) else None


def binned(targets: NDArray[np.generic]) -> NDArray[np.float64] | None:
    """The upper edge of each row's bin, shape (n,), for a continuous target of one value a row."""
    if targets.dtype.kind not in "biuf" or targets.size != len(targets):
        return None
    values = targets.reshape(-1).astype(np.float64)
    if not np.isfinite(values).all():
        return None
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:]))
    upper: NDArray[np.float64] = edges[np.searchsorted(edges, values).clip(max=len(edges) - 1)]
    return upper
