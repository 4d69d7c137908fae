"""Windows of the validation part that share all but one value with a window of the training part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import DataTap, Quantity

#: Rows and bytes of both parts together that are compared; about 0.2 s.
MOST_ROWS, MOST_BYTES = 2**17, 2**27
#: Positions on the first axis of a row from which it may be a window, and up to which it is looked at.
SHORTEST, LONGEST = 4, 4096


@dataclass(frozen=True)
class WindowOverlap(Quantity):
    """Validation rows that are a training row moved by one place: its values but for the first or the last.

    Shuffled windows of a series, split afterwards, nearly all are; rows in order are so at the border alone. The
    first input with such windows.
    """

    validation: int
    overlapping: int
    #: Rows that share all but one value with a training row in the same places: in windows of a series those that are
    #: copies, in a table of few different values as many as overlap by chance.
    aligned: int = 0

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        if data.sampled:
            return None
        for name, values in data.inputs.items():
            train, held_out = values[: data.split_at], values[data.split_at :]
            if not len(held_out):
                held_out = data.validation_inputs.get(name, held_out)
            if not len(held_out) or not is_window(train, held_out):
                continue
            if len(train) + len(held_out) > MOST_ROWS or train.nbytes + held_out.nbytes > MOST_BYTES:
                continue
            heads, tails = set(), set()
            for head, tail in ends(train):
                heads.add(head)
                tails.add(tail)
            pairs = list(ends(held_out))
            return cls(
                validation=len(held_out),
                overlapping=sum(head in tails or tail in heads for head, tail in pairs),
                aligned=sum(head in heads or tail in tails for head, tail in pairs),
            )
        return None


def is_window(*parts: NDArray[np.generic]) -> bool:
    """Whether rows of these arrays are of one form that windows have."""
    first = parts[0]
    forms = {(part.dtype, part.shape[1:]) for part in parts}
    return (
        len(forms) == 1
        and first.ndim in {2, 3}
        and SHORTEST <= first.shape[1] <= LONGEST
        and first.dtype.kind in "biuf"
    )


def ends(rows: NDArray[np.generic]) -> Iterator[tuple[int, int]]:
    """Hashes of each row without its last and without its first place; constant rows are left out."""
    rows = np.ascontiguousarray(rows)
    moving = (rows[:, 1:] != rows[:, :-1]).reshape(len(rows), -1).any(axis=1)
    heads, tails = np.ascontiguousarray(rows[:, :-1]), np.ascontiguousarray(rows[:, 1:])
    for row in np.flatnonzero(moving):
        yield hash(heads[row].tobytes()), hash(tails[row].tobytes())
