"""What `x` and `y` hold where they are not arrays of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.record import Content, ContentKind

#: Python objects that are looked at; about 5 ms.
MOST = 100_000


def contents(name: str, value: Any) -> dict[str, Content]:
    """What is not numbers in an argument of `fit`, by the names that its parts have in the record."""
    parts = {name: value}
    if isinstance(value, Mapping):
        parts = {str(key): part for key, part in value.items()}
    elif isinstance(value, list | tuple) and any(hasattr(part, "shape") and len(part.shape) for part in value):
        parts = {f"{name}[{place}]": part for place, part in enumerate(value[:MOST])}
    return {part: content for part, held in parts.items() if (content := _content(held))}


def _content(value: Any) -> Content | None:
    if hasattr(value, "row_lengths") or hasattr(value, "to_tensor"):
        return Content(kind="rows")
    if hasattr(value, "iloc"):
        return _columns(value) if hasattr(value, "columns") else _array(value.to_numpy())
    if isinstance(value, np.ndarray):
        return _array(value)
    return _list(value) if isinstance(value, list | tuple) else None


def _columns(frame: Any) -> Content | None:
    for place, name in enumerate(frame.columns):
        part = frame.iloc[:MOST, place]
        found = None if getattr(part.dtype, "kind", "O") in "biuf" else _array(part.to_numpy())
        if found:
            return Content(kind=found.kind, where=str(name))
    return None


def _array(values: NDArray[np.generic]) -> Content | None:
    if values.dtype.kind in "US":
        return Content(kind="text")
    if values.dtype.kind in "mM":
        return Content(kind="dates")
    if values.dtype.kind != "O" or not values.size:
        return None
    flat = values.reshape(-1)[:MOST].tolist()
    shapes = {_shape(part) for part in flat}
    if all(shapes):
        return Content(kind="arrays" if len(shapes) == 1 else "rows")
    for place, part in enumerate(flat):
        kind = _kind(part)
        if kind != "numbers":
            where = ", ".join(str(int(index)) for index in np.unravel_index(place, values.shape))
            width = values.shape[-1] if values.ndim > 1 else 1
            column = [_kind(other) for other in flat[place % width :: width]]
            if kind == "text" and 2 * column.count("numbers") > len(column):
                kind = "mixed"
            return Content(kind=kind, where=f"[{where}]")
    return Content(kind="numbers")


def _shape(part: Any) -> tuple[int, ...]:
    """Sizes of a row that is an object of its own; empty for a single value."""
    if isinstance(part, list | tuple):
        return (len(part),)
    return tuple(int(size) for size in getattr(part, "shape", ()))


def _kind(part: Any) -> ContentKind:
    if isinstance(part, str | bytes):
        return "text"
    if part is None or type(part).__name__ == "NAType":
        return "missing"
    return "numbers" if isinstance(part, int | float | np.number | np.bool_) else "objects"


def _list(values: Sequence[Any]) -> Content | None:
    if not values:
        return None
    if len({len(row) for row in values[:MOST] if isinstance(row, list | tuple)}) > 1:
        return Content(kind="rows")
    return next((Content(kind="text") for part in _leaves(values) if isinstance(part, str | bytes)), None)


def _leaves(values: Sequence[Any]) -> Iterator[Any]:
    for part in values[:MOST]:
        if isinstance(part, list | tuple):
            yield from part
        else:
            yield part
