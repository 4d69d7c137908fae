"""An eager train step under observation: every call of a layer, every operation, and what was finite."""

from __future__ import annotations

import contextlib
import functools
import linecache
import math
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import EllipsisType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kerasdoctor.instrumentation.patching import replaced
from kerasdoctor.instrumentation.taps import value_of

_LIBRARIES = (
    sysconfig.get_paths()["stdlib"],
    *(str(Path(sys.modules[name].__file__ or "").parent) for name in ("keras", "tensorflow", "kerasdoctor")),
)


@dataclass(eq=False)
class Call:
    """One call of a layer or an operation of the functional API."""

    operation: Any
    parent: Call | None
    inputs: list[Any]
    outputs: list[Any] = field(default_factory=list)
    result: Any = None
    #: Whether what goes in stays finite in the dtype in which the layer computes.
    fits: bool = True
    arguments: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})


@dataclass(eq=False)
class MadeBad:
    """What made something that is not finite: an operation of TensorFlow, the batch, or a variable that was read."""

    kind: str
    phase: str
    call: Call | None
    line: str
    #: Place in the order of the step.
    order: int
    #: Path of the variable that it read, which was not finite before the step.
    variable: str = ""
    #: The first of what it made, and of what was made of that, with a row for each of the batch.
    by_row: list[Any] = field(default_factory=list)

    @property
    def is_data(self) -> bool:
        """Whether the batch itself was not finite."""
        return self.phase == "data"


#: Operations that read a variable: what they give was made elsewhere.
_READS = frozenset({"ReadVariableOp", "ResourceGather", "ResourceGatherNd"})


class Witness:
    """Sees every call and every operation of an eager step."""

    def __init__(self, size: int) -> None:
        """Args: size: rows of the batch."""
        #: In the order in which they ended: what is inside comes before what is around it.
        self.calls: list[Call] = []
        self.bad: list[MadeBad] = []
        self.failure: Exception | None = None
        self._phase = "forward"
        self._stack: list[Call] = []
        #: id of a tensor -> the tensor, which keeps its id, and the line that made it.
        self._lines: dict[int, tuple[Any, str]] = {}
        #: id of a tensor that is not finite -> the tensor, which keeps its id, and what made it so.
        self._sources: dict[int, tuple[Any, MadeBad]] = {}
        #: id of the handle of a variable that was not finite before the step -> path.
        self._variables: dict[int, str] = {}
        #: id of the handle of a variable -> what made what it was given not finite.
        self._given: dict[int, MadeBad] = {}
        self._size = size

    def run(self, model: keras.Model, step: Callable[[Any], Any], batch: Any) -> tf.GradientTape:
        """Runs a step; returns a tape that tells gradients of its loss.

        An exception of the step is kept as `failure`.
        """
        tape = tf.GradientTape(persistent=True)
        data = MadeBad("", "data", None, "", -1)
        self._sources = {id(tensor): (tensor, data) for tensor in floats(batch) if not all_finite([tensor])}
        self._variables = {
            id(variable.value.handle): variable.path
            for variable in model.variables
            if not all_finite([value_of(variable)])
        }
        with _eager_functions(), tape, self._watching(tape, model):
            try:
                step(batch)
            except Exception as error:  # an operation may refuse what the compiled step turned into NaN
                self.failure = error
        return tape

    @contextlib.contextmanager
    def _watching(self, tape: tf.GradientTape, model: keras.Model) -> Iterator[None]:
        optimizer = type(model.optimizer)
        owner = next(base for base in optimizer.__mro__ if "apply" in base.__dict__)
        with (
            replaced(owner, "apply", self._apply),
            replaced(keras.Operation, "__call__", functools.partial(self._operation, tape)),
            replaced(keras.layers.Layer, "__call__", functools.partial(self._layer, tape)),
            replaced(tf.GradientTape, "gradient", functools.partial(self._gradient, tape)),
            self._operations(),
        ):
            yield

    def _layer(self, tape: tf.GradientTape, original: Any) -> Any:
        def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
            return self._called(tape, original, layer, args, kwargs)

        return call

    def _operation(self, tape: tf.GradientTape, original: Any) -> Any:
        def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(operation, keras.layers.Layer):
                # seen by its own `__call__`, before its inputs are cast
                return original(operation, *args, **kwargs)
            return self._called(tape, original, operation, args, kwargs)

        return call

    def _called(self, tape: tf.GradientTape, original: Any, operation: Any, args: Any, kwargs: Any) -> Any:
        inputs = floats((args, kwargs))
        for tensor in inputs:
            tape.watch(tensor)
        call = Call(operation, self._stack[-1] if self._stack else None, inputs, arguments=(args, kwargs))
        dtype = getattr(operation, "compute_dtype", None)
        if dtype == "float16" and operation.autocast:
            call.fits = all(bool(np.isfinite(tensor.numpy().astype("float16")).all()) for tensor in inputs)
        self._stack.append(call)
        try:
            outputs = original(operation, *args, **kwargs)
        finally:
            self._stack.pop()
        call.outputs, call.result = floats(outputs), outputs
        self.calls.append(call)
        return outputs

    def _gradient(self, outer: tf.GradientTape, original: Any) -> Any:
        def gradient(tape: tf.GradientTape, *args: Any, **kwargs: Any) -> Any:
            with self._in("backward"), outer.stop_recording():
                return original(tape, *args, **kwargs)

        return gradient

    def _apply(self, original: Any) -> Any:
        def apply(optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            with self._in("update"):
                return original(optimizer, *args, **kwargs)

        return apply

    @contextlib.contextmanager
    def _in(self, phase: str) -> Iterator[None]:
        earlier, self._phase = self._phase, phase
        try:
            yield
        finally:
            self._phase = earlier

    # what was seen -------------------------------------------------------------------------------------------------

    def predictions(self, model: keras.Model) -> Call | None:
        """The call whose outputs the loss was computed of: the model's own, or the last one."""
        outermost = [call for call in self.calls if call.parent is None]
        own = [call for call in outermost if call.operation is model]
        return own[-1] if own else outermost[-1] if outermost else None

    def source(self, tensors: Sequence[Any]) -> MadeBad | None:
        """What made tensors not finite, through all operations between; None where that was not seen."""
        known = [self._sources[id(tensor)][1] for tensor in floats(tensors) if id(tensor) in self._sources]
        return min(known, key=lambda made: made.order, default=None)

    def given(self, variable: keras.Variable) -> MadeBad | None:
        """What made the value not finite that a variable was given; None where that was not seen."""
        return self._given.get(id(variable.value.handle))

    def first(self, phase: str, call: Call | EllipsisType | None = ...) -> MadeBad | None:
        """The first operation of a phase that made it, of a call where one is given; None for outside of all."""
        return next((bad for bad in self.bad if bad.phase == phase and call in (..., bad.call)), None)

    @contextlib.contextmanager
    def _operations(self) -> Iterator[None]:
        # TensorFlow's debugger uses it; without it the operation stays unnamed
        from tensorflow.python.framework import op_callbacks

        op_callbacks.add_op_callback(self._executed)
        try:
            yield
        finally:
            op_callbacks.remove_op_callback(self._executed)

    def _executed(
        self, kind: Any, inputs: Any, attrs: Any, outputs: Any, op_name: Any = None, graph: Any = None
    ) -> None:
        kind = kind.decode() if isinstance(kind, bytes) else str(kind)
        if graph is not None:
            return
        line = ""
        if self._phase == "forward":
            line = users_line()
            if line:
                # the last operation that touches a tensor before the backward pass does
                for tensor in (*inputs, *outputs):
                    self._lines[id(tensor)] = tensor, line
        if kind == "AssignVariableOp" and not all_finite(inputs):
            made = self.source(inputs)
            if made is not None:
                self._given.setdefault(id(inputs[0]), made)
        spoilt = [tensor for tensor in floats(outputs) if not all_finite([tensor])]
        made = self._made(kind, inputs, spoilt, line) if spoilt else None
        if made is None:
            return
        made.by_row = made.by_row or [tensor for tensor in spoilt if tensor.shape.rank and len(tensor) == self._size]
        for tensor in spoilt:
            self._sources[id(tensor)] = tensor, made

    def _made(self, kind: str, inputs: Any, spoilt: Sequence[Any], line: str) -> MadeBad | None:
        """What made the outputs of an operation not finite: an earlier one, or this."""
        earlier = self.source(inputs)
        if earlier is not None:
            return earlier
        bad = [tensor for tensor in floats(inputs) if not all_finite([tensor])]
        if bad and (_holds_nan(bad) or not _holds_nan(spoilt)):
            # handed on from a constant, an infinite mask mostly; NaN is made only of what becomes of it
            return None
        # the backward pass of an operation reads what its forward pass read or made
        touched = [self._lines[id(tensor)][1] for tensor in inputs if id(tensor) in self._lines]
        call = self._stack[-1] if self._stack else None
        made = MadeBad(kind, self._phase, call, line or (touched[-1] if touched else ""), len(self._sources))
        if kind in _READS:
            made.variable = self._variables.get(id(inputs[0]), "")
            # others were set in this step: metrics, and what keeps a state
            return made if made.variable else None
        self.bad.append(made)
        return made


def users_line() -> str:
    """The line of the innermost frame, inside a step that is witnessed, that is none of a library's; else empty."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not Witness.run.__code__:
        name = frame.f_code.co_filename
        if not name.startswith(_LIBRARIES) and "site-packages" not in name:
            return linecache.getline(name, frame.f_lineno).strip()
        frame = frame.f_back
    return ""


@contextlib.contextmanager
def _eager_functions() -> Iterator[None]:
    """Also what the user decorated with `tf.function` runs operation by operation."""
    earlier = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(earlier)


def floats(structure: Any) -> list[Any]:
    """The eager tensors with floating numbers in any nest of arguments."""
    flat = [_dense(part) for part in tf.nest.flatten(structure)]
    return [part for part in flat if isinstance(part, tf.Tensor) and part.dtype.is_floating]


def _dense(tensor: Any) -> Any:
    return tensor.values if isinstance(tensor, tf.IndexedSlices) else tensor


def _holds_nan(tensors: Sequence[Any]) -> bool:
    return any(bool(np.isnan(array(tensor)).any()) for tensor in tensors)


def array(tensor: Any) -> NDArray[np.floating]:
    """The numbers of an eager tensor, half precisions as float32."""
    numbers: NDArray[np.floating] = tensor.numpy()
    return numbers if numbers.itemsize >= 4 else numbers.astype(np.float32)


def all_finite(tensors: Sequence[Any]) -> bool:
    """Whether no floating number in them is NaN or infinite."""
    return all(bool(np.isfinite(array(tensor)).all()) for tensor in floats(tensors))


def largest(tensors: Sequence[Any]) -> float:
    """Largest absolute finite value; NaN without any."""
    found = math.nan
    for tensor in floats(tensors):
        numbers = np.abs(array(tensor))
        found = float(np.fmax(found, np.max(numbers, initial=-1.0, where=np.isfinite(numbers))))
    return found if found >= 0 else math.nan
