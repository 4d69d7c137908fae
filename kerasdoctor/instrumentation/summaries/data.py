"""The data that `fit` was given: its size and form, and the arrays for the data tap; a pipeline is never drawn from."""

from __future__ import annotations

import collections.abc
import contextlib
import math
import mmap
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from kerasdoctor.engine import describe
from kerasdoctor.instrumentation.summaries import pipeline
from kerasdoctor.instrumentation.summaries.contents import contents
from kerasdoctor.locale import _
from kerasdoctor.quantities import DataTap
from kerasdoctor.record import Content, Data, DataKind, PipelineStep

#: Bytes and rows of the arrays that are scanned; about half a second of a slow core. Of larger or longer ones so many
#: bytes and rows in so many stretches at even distances: what is on a disk is read in stretches.
SCANNED_BYTES, SCANNED_ROWS = 256 * 2**20, 2 * 10**6
SAMPLED_BYTES, SAMPLED_ROWS, STRETCHES = 64 * 2**20, 10**6, 256


def summarize(arguments: Mapping[str, Any], output_units: Mapping[str, int]) -> tuple[Data, DataTap | None]:
    """Facts of the data, and its arrays where they are arrays.

    Args:
        arguments: `fit`'s own arguments, before Keras split anything.
        output_units: output name -> number of values predicted per row.
    """
    kind = _data_kind(arguments["x"])
    containers = {
        name: container(arguments.get(name))
        for name in ("x", "y", "sample_weight", "validation_data", "callbacks", "class_weight")
    }
    common: dict[str, Any] = {"kind": kind, "containers": containers, "contents": _contents(arguments)}
    validation = arguments.get("validation_data")
    if validation is not None:
        x = validation[0] if isinstance(validation, list | tuple) else validation
        common["validation_kind"] = _data_kind(x)
        common["validation_pipeline"] = _steps(validation)
    common["pipeline"] = _steps(arguments["x"])
    if kind != "arrays":
        reason = _("the data is a {kind}: drawing from it would change the training").format(
            kind=type(arguments["x"]).__name__
        )
        return Data(**common, not_examined=reason), None
    reason = _sparse(arguments) or _lengths_differ(arguments)
    if reason:
        return Data(**common, not_examined=reason), None
    try:
        tap = _tap(arguments, output_units)
    except (TypeError, ValueError, AttributeError) as error:
        return Data(**common, not_examined=describe(error)), None
    held_out = next((len(values) for values in tap.validation_inputs.values()), None)
    n_validation = tap.n - tap.split_at if tap.split_at < tap.n else held_out
    return Data(**common, n_train=tap.split_at, n_validation=n_validation), tap


def _contents(arguments: Mapping[str, Any]) -> dict[str, Content]:
    try:
        return {**contents("x", arguments["x"]), **contents("y", arguments.get("y"))}
    except Exception:  # objects of any class, which may do what they like when they are looked at
        return {}


def _steps(dataset: Any) -> tuple[PipelineStep, ...]:
    if _data_kind(dataset) != "dataset":
        return ()
    try:
        return pipeline.steps(dataset)
    except Exception:  # TensorFlow's private attributes, of another version perhaps: the rules do without
        return ()


def is_cut(x: Any) -> bool:
    """Whether Keras takes `x` as arrays that it cuts into batches itself."""
    return _data_kind(x) == "arrays"


def is_arrays(x: Any) -> bool:
    """Whether these are arrays that Keras cuts into batches, of which rows can be taken as they are."""
    return is_cut(x) and not any(_is_sparse(part) for part in keras.tree.flatten(x))


def container(value: Any) -> str:
    """How a cell takes rows of it apart: see `Data.containers`."""
    if value is None:
        return "none"
    if isinstance(value, np.ndarray):
        return "ndarray"
    if isinstance(value, dict):
        return "dict" if all(isinstance(part, np.ndarray) for part in value.values()) else "nested dict"
    if isinstance(value, list | tuple):
        return type(value).__name__
    if keras.ops.is_tensor(value):
        return "tensor"
    return type(value).__name__


def _data_kind(x: Any) -> DataKind:
    if isinstance(x, keras.utils.PyDataset):
        return "py_dataset"
    modules = {base.__module__.partition(".")[0] for base in type(x).__mro__}
    if "tensorflow" in modules and hasattr(x, "element_spec"):
        return "dataset"
    if isinstance(x, collections.abc.Iterator):
        return "generator"
    flat = keras.tree.flatten(x)
    # a DataFrame has no single dtype
    return "arrays" if flat and all(hasattr(part, "shape") for part in flat) else "other"


def _is_sparse(part: Any) -> bool:
    """Whether an array keeps only what is not 0: a matrix of scipy's, a sparse tensor."""
    kind = type(part)
    return kind.__module__.startswith(("scipy.sparse", "jax.experimental.sparse")) or kind.__name__ == "SparseTensor"


def _sparse(arguments: Mapping[str, Any]) -> str:
    """Which of the arrays is a sparse one; empty where none is."""
    for name in ("x", "y", "sample_weight", "validation_data"):
        for part in keras.tree.flatten(arguments.get(name)):
            if _is_sparse(part):
                return _("{name} holds a {kind}: sparse rows are not looked at").format(
                    name=name, kind=type(part).__name__
                )
    return ""


def _lengths_differ(arguments: Mapping[str, Any]) -> str:
    """What is wrong with arrays of which one has another number of rows: fit raises. Empty where none has."""
    held_out = arguments.get("validation_data")
    parts = {"x and y": [arguments.get(name) for name in ("x", "y", "sample_weight")]}
    if isinstance(held_out, list | tuple) and _data_kind(held_out[0]) == "arrays":
        parts["validation_data"] = list(held_out)
    for name, values in parts.items():
        flat = [part for value in values if value is not None for part in keras.tree.flatten(value)]
        lengths = {int(part.shape[0]) for part in flat if len(getattr(part, "shape", ()))}
        if len(lengths) > 1:
            return _("the arrays of {name} have different lengths: {lengths}").format(
                name=name, lengths=", ".join(map(str, sorted(lengths)))
            )
    return ""


def _tap(arguments: Mapping[str, Any], output_units: Mapping[str, int]) -> DataTap:
    x, y, weight = arguments["x"], arguments.get("y"), arguments.get("sample_weight")
    n = int(_first(x).shape[0])
    split = arguments.get("validation_split") or 0.0
    validation = arguments.get("validation_data")
    # as keras.src.trainers.data_adapters.array_slicing.train_validation_split does it
    split_at = math.floor(n * (1.0 - split)) if split and validation is None else n
    rows = _sampled_rows(n, [x, y])
    inputs = _named(x, "x", rows, n)
    targets = {} if y is None else _named(y, "y", rows, n)
    held_out: dict[str, NDArray[np.generic]] = {}
    held_out_targets: dict[str, NDArray[np.generic]] = {}
    if isinstance(validation, list | tuple) and len(validation) > 1 and _data_kind(validation[0]) == "arrays":
        size = int(_first(validation[0]).shape[0])
        few = _sampled_rows(size, list(validation[:2]))
        held_out = _named(validation[0], "x", few, size)
        held_out_targets = _named(validation[1], "y", few, size)
    units = dict(zip(targets, output_units.values(), strict=False)) if len(targets) == len(output_units) else {}
    return DataTap(
        inputs=inputs,
        targets=targets,
        sample_weight=None if weight is None else _array(weight, rows, n),
        validation_inputs=held_out,
        validation_targets=held_out_targets,
        rows=rows,
        n=n,
        split_at=split_at,
        time_index=_time_index([x, y]),
        output_units=units,
    )


def _first(value: Any) -> Any:
    return keras.tree.flatten(value)[0]


def _sampled_rows(n: int, parts: list[Any]) -> NDArray[np.int64]:
    size = sum(_bytes(part) for value in parts if value is not None for part in keras.tree.flatten(value))
    if n < 2 or (size <= SCANNED_BYTES and n <= SCANNED_ROWS):
        return np.arange(n)
    wanted = max(2, min(int(n * SAMPLED_BYTES / max(size, 1)), SAMPLED_ROWS, n))
    stretches = min(STRETCHES, wanted)
    length = wanted // stretches
    # none reaches into the next one
    begins = np.arange(stretches) * (n - length) // (stretches - 1)
    return (begins[:, None] + np.arange(length)).reshape(-1)


def _bytes(part: Any) -> int:
    dtype = getattr(part, "dtype", None)
    itemsize = getattr(dtype, "itemsize", None) or getattr(dtype, "size", None) or 8
    return math.prod(int(size) for size in part.shape) * int(itemsize)


def _named(value: Any, name: str, rows: NDArray[np.int64], n: int) -> dict[str, NDArray[np.generic]]:
    if isinstance(value, dict):
        return {str(key): _array(part, rows, n) for key, part in value.items()}
    flat = keras.tree.flatten(value)
    if len(flat) == 1:
        return {name: _array(flat[0], rows, n)}
    return {f"{name}[{index}]": _array(part, rows, n) for index, part in enumerate(flat)}


def named(value: Any, name: str) -> dict[str, NDArray[np.generic]]:
    """The arrays of an input or target structure by their names, whole."""
    n = int(_first(value).shape[0])
    return _named(value, name, np.arange(n), n)


def array(part: Any) -> NDArray[np.generic]:
    """A container of rows as an array."""
    return _array(part, np.arange(len(part)), len(part))


def rows_of(part: Any, rows: NDArray[np.int64]) -> NDArray[np.generic]:
    """Some rows of a container of rows."""
    return _array(part, rows, -1)


def _array(part: Any, rows: NDArray[np.int64], n: int) -> NDArray[np.generic]:
    if hasattr(part, "iloc"):
        part = part if len(rows) == n else part.iloc[rows]
        return np.asarray(part)
    if keras.ops.is_tensor(part):
        part = keras.ops.convert_to_numpy(part)
    if len(rows) == n:
        return np.asarray(part)
    # in stretches of neighbouring rows, which also an array on a disk hands out fast
    stretches = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    taken = [part[int(stretch[0]) : int(stretch[-1]) + 1] for stretch in stretches]
    _announce(part, taken)
    return np.concatenate([np.asarray(rows) for rows in taken])


def _announce(whole: Any, parts: list[Any]) -> None:
    """Tells the system which parts of a file in memory will be read: it would read on for megabytes behind each."""
    mapped = whole
    while isinstance(mapped, np.ndarray):
        mapped = mapped.base
    # of other orders the rows are all over the file
    if not isinstance(mapped, mmap.mmap) or not whole.flags.c_contiguous or not hasattr(mapped, "madvise"):
        return
    begin = np.frombuffer(mapped, np.uint8).__array_interface__["data"][0]
    for part in parts:
        low = part.__array_interface__["data"][0] - begin
        first = low - low % mmap.PAGESIZE
        with contextlib.suppress(OSError):  # not every file system takes advice
            mapped.madvise(mmap.MADV_WILLNEED, first, low + part.nbytes - first)


def _time_index(parts: list[Any]) -> NDArray[np.int64] | None:
    for part in parts:
        index = getattr(part, "index", None)
        values = getattr(index, "values", None)
        if isinstance(values, np.ndarray) and values.dtype.kind == "M":
            return values.astype("datetime64[ns]").astype(np.int64)
    return None
