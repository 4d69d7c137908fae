"""What a watched fit leaves behind for the next one of the same model object, to tell whether that one starts fresh."""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from kerasdoctor.instrumentation.summaries import compilation
from kerasdoctor.quantities import DataTap
from kerasdoctor.quantities.drawn_rows import row_hashes
from kerasdoctor.record import Earlier, Source

#: Rows and bytes of both parts together that are compared; about 0.1 s.
MOST_ROWS, MOST_BYTES = 2**17, 2**26


@dataclass(frozen=True)
class Rows:
    """The rows of a fit, by hashes of their inputs."""

    trained: frozenset[int]
    validated: frozenset[int]

    @classmethod
    def of(cls, data: DataTap) -> Rows | None:
        """None where not all of them can be looked at."""
        train = [values[: data.split_at] for values in data.inputs.values()]
        if data.split_at < data.n:
            held_out = [values[data.split_at :] for values in data.inputs.values()]
        else:
            held_out = [data.validation_inputs[name] for name in data.inputs if name in data.validation_inputs]
        parts = [*train, *held_out]
        rows = sum(len(part[0]) for part in (train, held_out) if part)
        size = sum(part.nbytes for part in parts)
        if data.sampled or rows > MOST_ROWS or size > MOST_BYTES or any(part.dtype.hasobject for part in parts):
            return None
        return cls(*(frozenset(row_hashes(part) if part else ()) for part in (train, held_out)))


@dataclass(frozen=True)
class Begin:
    """A model as a fit found it."""

    #: Updates that the optimizer had made.
    iterations: int
    optimizer: weakref.ref[Any]
    #: Its class and what its `get_config` tells.
    settings: Mapping[str, Any]
    #: Paths of the trainable variables, and a checksum of their values.
    variables: tuple[str, ...]
    checksum: int
    #: None where they were not looked at.
    rows: Rows | None
    #: How many executions of cells the notebook had begun; 0 outside of one.
    execution: int

    @classmethod
    def of(
        cls,
        model: keras.Model,
        weights: Mapping[str, NDArray[np.generic]],
        rows: Rows | None,
        names: Mapping[str, Any],
    ) -> Begin:
        """The state of a compiled model.

        Args:
            model: what is to be trained.
            weights: path -> value of its trainable variables.
            rows: the rows of the fit.
            names: the user's top-level names.
        """
        inputs = names.get("In")
        return cls(
            iterations=int(keras.ops.convert_to_numpy(model.optimizer.iterations)),
            optimizer=weakref.ref(model.optimizer),
            settings=compilation.settings(model.optimizer),
            variables=tuple(weights),
            checksum=_checksum(weights),
            rows=rows,
            execution=len(inputs) if isinstance(inputs, list) else 0,
        )


@dataclass(frozen=True)
class _Ended:
    """How a fit began and left its model."""

    run: str
    call: str
    cell_id: str
    begin: Begin
    asked: int
    epochs: int
    iterations: int
    variables: tuple[str, ...]
    checksum: int


_ended: weakref.WeakKeyDictionary[keras.Model, _Ended] = weakref.WeakKeyDictionary()


def earlier(model: keras.Model, begin: Begin, run: str, source: Source | None, resumed_at: int) -> Earlier | None:
    """The watched fit before this one of the same model; None for its first.

    Args:
        model: what is to be trained.
        begin: how this fit finds it.
        run: name of its record.
        source: its call.
        resumed_at: its `initial_epoch`.
    """
    before = _ended.get(model)
    if before is None:
        return None
    if before.begin.optimizer() is model.optimizer:
        optimizer = "same"
    else:
        optimizer = "equal" if before.begin.settings == begin.settings else "other"
    known, moved = _compared(before.begin.rows, begin.rows)
    return Earlier(
        run=before.run,
        place="loop" if before.run == run else _place(before, begin, source),
        asked=before.asked,
        epochs=before.epochs,
        resumed_at=resumed_at,
        iterations=before.iterations,
        iterations_now=begin.iterations,
        same_variables=before.variables == begin.variables,
        same_weights=before.variables == begin.variables and before.checksum == begin.checksum,
        optimizer=optimizer,  # type: ignore[arg-type] # one of the three
        known_rows=known,
        moved_rows=moved,
    )


def ended(
    model: keras.Model,
    begin: Begin,
    weights: Mapping[str, NDArray[np.generic]],
    *,
    run: str,
    source: Source | None,
    asked: int,
    epochs: int,
) -> None:
    """Keeps how a fit left its model, for as long as the model lives; one that made no update leaves it as it was.

    Args:
        model: what was trained.
        begin: how the fit found it.
        weights: path -> value of its trainable variables.
        run: name of the record.
        source: the call.
        asked: epochs that the call was to make.
        epochs: epochs that it completed.
    """
    iterations = int(keras.ops.convert_to_numpy(model.optimizer.iterations))
    if iterations == begin.iterations:
        return
    _ended[model] = _Ended(
        run=run,
        call="" if source is None else source.call,
        cell_id="" if source is None else source.cell_id,
        begin=begin,
        asked=asked,
        epochs=epochs,
        iterations=iterations,
        variables=tuple(weights),
        checksum=_checksum(weights),
    )


def fitted(model: keras.Model) -> bool | None:
    """Whether a `fit` has trained the model before the one that is about to begin; None where it cannot be told."""
    history = getattr(model, "history", None)
    if history is None:
        return False
    # Keras puts the new one there before the first callback is called; it knows no epoch yet
    return True if hasattr(history, "epoch") else None


def changed_layers(model: keras.Model) -> tuple[str, ...]:
    """Names of the layers whose `trainable` is not what it was at `compile`; none where Keras does not keep that."""
    state = getattr(model, "_compiled_trainable_state", None) or {}
    changed = [layer for layer, trainable in state.items() if layer.trainable != trainable]
    return tuple(layer.name for layer in changed if layer is not model)


def trains_others(model: keras.Model, changed: tuple[str, ...]) -> bool:
    """Whether the optimizer was built for other variables than those that are trainable now, of this model.

    A compiled step trains what was trainable when it was traced; one that runs eagerly looks anew each time.

    Args:
        model: a compiled model.
        changed: what `changed_layers` told of it.
    """
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not optimizer.built or model.run_eagerly:
        return False
    now = {id(variable) for variable in model.trainable_variables}
    built = {id(variable) for variable in getattr(optimizer, "_trainable_variables", ())}
    # a step of the user's own may have several optimizers: one that knows a part alone tells nothing
    return (bool(changed) and now != built) or bool(built & {id(variable) for variable in model.variables} - now)


def _place(before: _Ended, begin: Begin, source: Source | None) -> Any:
    if source is None:
        return "elsewhere"
    if source.cell_id and source.cell_id == before.cell_id and begin.execution != before.begin.execution:
        return "cell"
    return "call" if source.call == before.call else "elsewhere"


def _compared(before: Rows | None, now: Rows | None) -> tuple[float | None, float | None]:
    """Share of the rows that are known, and of those that validate which trained before and did not validate then."""
    if before is None or now is None or not now.trained:
        return None, None
    rows = now.trained | now.validated
    known = len(rows & (before.trained | before.validated)) / len(rows)
    moved = now.validated & before.trained - before.validated
    return known, len(moved) / len(now.validated) if now.validated else None


def _checksum(weights: Mapping[str, NDArray[np.generic]]) -> int:
    found = 0
    for values in weights.values():
        found = zlib.crc32(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data, found)
    return found
