"""Rows of the validation part that the training part has as well."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import DataTap, Quantity
from kerasdoctor.quantities.split_labels import class_labels

#: Rows and bytes of both parts together that are compared; about 0.3 s.
MOST_ROWS, MOST_BYTES = 2**19, 2**28
#: Different rows that tell whether rows can be equal by chance, and with how few nothing is told.
SAMPLE, FEWEST = 512, 20
#: Shared rows whose closest other row is looked for, different training rows among which it is, and values of the
#: latter; about 0.1 s.
SHARED, OTHERS, VALUES = 64, 2048, 2**20


@dataclass(frozen=True)
class RowOverlap(Quantity):
    """Rows whose inputs are equal to the last bit, compared by a hash of 64 bits; targets do not count.

    Rows that repeat within the training part tell how many equal rows such data has anyway.
    """

    #: Validation rows, and those of them that are training rows too.
    validation: int
    shared: int
    #: Training rows, and those of them that repeat an earlier one.
    train: int
    repeated: int
    #: First validation row that is shared: its place in the validation part; -1 where there is none.
    first_shared: int
    #: Different rows among the shared ones: one that is blank may occur a hundred times.
    distinct: int = 0
    #: Whether rows cannot well be equal by chance: a feature has hardly two equal values among different rows, or two
    #: rows differ in 30 places on average.
    identifying: bool = False
    #: Share of the training rows of a class that repeat an earlier one: in the class with the largest, and with the
    #: smallest share; NaN without classes.
    most_repeated: float = float("nan")
    least_repeated: float = float("nan")
    #: Places in which the closest different training row differs from a shared row, the median over the shared rows;
    #: NaN without one. Where rows are equal by chance, others differ in a place or two: a far neighbour says copies.
    nearest: float = float("nan")

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        """None without a validation part of arrays, and where too few of the rows can be looked at."""
        if data.sampled or not data.inputs or not data.split_at:
            return None
        names = list(data.inputs)
        train = [data.inputs[name][: data.split_at] for name in names]
        if data.split_at < data.n:
            held_out = [data.inputs[name][data.split_at :] for name in names]
        elif _forms(data.inputs) == _forms(data.validation_inputs):
            held_out = [data.validation_inputs[name] for name in names]
        else:
            return None
        rows, size = len(train[0]) + len(held_out[0]), sum(part.nbytes for part in (*train, *held_out))
        if rows > MOST_ROWS or size > MOST_BYTES or any(part.dtype.hasobject for part in train):
            return None
        train_keys = list(_hashes(train))
        seen: set[int] = set(train_keys)
        keys = list(_hashes(held_out))
        common = [place for place, key in enumerate(keys) if key in seen]
        places: dict[int, int] = {}
        for place, key in enumerate(train_keys):
            places.setdefault(key, place)
        first = np.fromiter(places.values(), np.int64, len(places))
        shares = _repeated_by_class(data, first, len(train_keys))
        return cls(
            validation=len(held_out[0]),
            shared=len(common),
            train=len(train[0]),
            repeated=len(train[0]) - len(seen),
            first_shared=common[0] if common else -1,
            distinct=len({keys[place] for place in common}),
            identifying=_identifying([part[first[:SAMPLE]] for part in train]),
            nearest=_nearest(train, first, sorted({places[keys[place]] for place in common})),
            most_repeated=max(shares, default=float("nan")),
            least_repeated=min(shares, default=float("nan")),
        )


def _identifying(parts: list[NDArray[np.generic]]) -> bool:
    """See `RowOverlap.identifying`; `parts` are different rows."""
    flat = [part.reshape(len(part), -1) for part in parts if part.size]
    if not flat or len(flat[0]) < FEWEST:
        return False
    places = sum(float((part[1:] != part[:-1]).sum(axis=1).mean()) for part in flat)
    columns = [part[:, column] for part in flat for column in range(min(part.shape[1], 64))]
    return places >= 30 or any(len(np.unique(column)) >= 0.9 * len(column) for column in columns)


def _nearest(parts: list[NDArray[np.generic]], first: NDArray[np.int64], shared: list[int]) -> float:
    """See `RowOverlap.nearest`; `first` are the places of the different rows, `shared` of those that are shared."""
    size = sum(math.prod(part.shape[1:]) for part in parts)
    others = first[:: -(-len(first) // max(1, min(OTHERS, VALUES // max(1, size))))]
    if not shared or len(others) < FEWEST:
        return float("nan")
    candidates = [part[others].reshape(len(others), -1) for part in parts]
    closest = []
    for row in shared[:: -(-len(shared) // SHARED)]:
        pairs = zip(candidates, parts, strict=True)
        apart = sum((some != part[row].reshape(-1)).sum(axis=1) for some, part in pairs)
        closest.append(int(np.min(apart[others != row])))
    return float(np.median(closest))


def _repeated_by_class(data: DataTap, first: NDArray[np.int64], n: int) -> list[float]:
    """Share of repeated rows in each class of the training part."""
    targets = next(iter(data.targets.values()), None)
    labels = None if targets is None else class_labels(targets[:n])
    if labels is None:
        return []
    _names, codes = np.unique(labels, return_inverse=True)
    rows, kept = np.bincount(codes), np.bincount(codes[first], minlength=codes.max() + 1)
    return [1 - one / all_ for one, all_ in zip(kept.tolist(), rows.tolist(), strict=True)]


def _forms(parts: Mapping[str, NDArray[np.generic]]) -> dict[str, tuple[np.dtype[np.generic], tuple[int, ...]]]:
    return {name: (part.dtype, part.shape[1:]) for name, part in parts.items()}


def _hashes(parts: Iterable[NDArray[np.generic]]) -> Iterator[int]:
    """One for each row of the parts together."""
    flat = [np.ascontiguousarray(part).reshape(len(part), -1) for part in parts]
    for row in range(len(flat[0])):
        yield hash(b"".join(part[row].tobytes() for part in flat))
