"""What a train step tells beside the training: extra outputs of the graph, put in while TensorFlow traces it.

Nothing of the step is changed: the taps only read tensors that the step computes anyway, and they add their own
operations behind it, so that operations with a random seed keep their place in the graph, and with it their seed.
"""

from __future__ import annotations

import contextlib
import math
import threading
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kerasdoctor.quantities import StepTap


@dataclass
class Seen:
    """Tensors of one step, of one replica."""

    loss: Any = None
    learning_rate: Any = None
    loss_scale: Any = None
    #: id of the variable -> variable, its gradient, its value before the update.
    updated: dict[int, tuple[Any, Any, Any]] = field(default_factory=dict)
    #: id of a gradient -> operations that read it before the optimizer did.
    readers: dict[int, set[str]] = field(default_factory=dict)
    #: Ids of the gradients that the optimizer reads twice or more.
    shared: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Layout:
    """What the numbers of the vector are that a tapped step returns, in their order."""

    #: Whether the vector begins with the loss, the learning rate and the loss scale.
    loss: bool
    learning_rate: bool
    loss_scale: bool
    #: Paths of the variables; behind the single numbers come half the squared norms of their gradients, updates and
    #: values.
    variables: tuple[str, ...]
    #: Whether cosines of the gradients and their counts of what is not finite come behind these.
    full: bool = False

    def is_sound(self, vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Whether each step left a finite loss and finite weights, shape (n,), for vectors of shape (n, numbers).

        The norm of a gradient may be infinite where its square overflows; if the gradient is, the weights are too.
        Under a loss scale gradients may overflow: the optimizer then skips the step.
        """
        single, v = self.loss + self.learning_rate + self.loss_scale, len(self.variables)
        numbers = np.isfinite(vectors[:, :single]).all(axis=1)
        weights = np.isfinite(vectors[:, single + 2 * v : single + 3 * v]).all(axis=1)
        if self.loss_scale:
            return np.asarray(numbers & weights)
        return np.asarray(numbers & weights & ~np.isnan(vectors[:, single : single + v]).any(axis=1))

    def learning_rates(self, vectors: NDArray[np.float32]) -> list[float]:
        """The learning rate that each step used, NaN where it is not told."""
        return [float(vector[int(self.loss)]) if self.learning_rate else math.nan for vector in vectors]

    def tap(self, steps: NDArray[np.int64], vectors: NDArray[np.float32], losses: NDArray[np.float64]) -> StepTap:
        """What further steps told.

        Args:
            steps: shape (n,).
            vectors: shape (n, numbers).
            losses: shape (n,): what Keras's logs tell of the loss of each batch, where the vector has none.
        """
        single = [self.loss, self.learning_rate, self.loss_scale]
        columns = np.split(vectors.astype(np.float64), np.cumsum(single), axis=1)
        loss, rate, scale, rest = columns
        v = len(self.variables)
        # tf.nn.l2_loss is half the squared norm
        gradients, updates, weights = np.split(np.sqrt(2 * rest[:, : 3 * v]), [v, 2 * v], axis=1)
        return StepTap(
            step=steps,
            loss=loss[:, 0] if self.loss else losses,
            learning_rate=rate[:, 0] if self.learning_rate else None,
            loss_scale=scale[:, 0] if self.loss_scale else None,
            variables=self.variables,
            gradient_norm=(gradients / scale if self.loss_scale else gradients) if v else None,
            update_norm=updates if v else None,
            weight_norm=weights if v else None,
            gradient_cosine=rest[:, 3 * v : 4 * v] if self.full and v else None,
            nonfinite_gradients=rest[:, 4 * v :] if self.full and v else None,
        )


class TappedStep:
    """A model's train step that also returns a vector of what it tells.

    It may be called by several replicas in threads of their own: `tf.distribute` traces them in turns.
    """

    def __init__(self, model: keras.Model, *, full: bool = False) -> None:
        """Args: full: whether to keep each gradient until the next step, in memory as large as the weights."""
        #: Whether gradients are compared with those of the step before; replicas have no step before in common.
        self.full = full
        #: id of the variable -> its gradient in the last step.
        self._earlier: dict[int, tf.Variable] = {}
        #: Known once the step was traced.
        self.layout: Layout | None = None
        self.tells_loss = True
        #: A crash of our own, which never reaches the step: a trace that fails leaves variables without values.
        self.failure: Exception | None = None
        #: Names of the operations that the taps added to the last trace.
        self.added: set[str] = set()
        # a cached function must not keep a model alive
        self._model = weakref.ref(model)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._inside = 0

    def __call__(self, data: Any) -> tuple[Any, tf.Tensor]:
        """Keras's own outputs of the step, and the vector."""
        model = self._model()
        if model is None:
            raise ReferenceError("the model is gone")
        seen = self._local.seen = Seen()
        self.added = set()
        with self._patched(model):
            outputs = model.train_step(data)
        if not self.tells_loss:
            seen.loss = None
        with self._noting():
            vector = tf.zeros((0,), tf.float32)
        with self._noting():
            vector = self._vector(seen)
        return outputs, vector

    def told(self, seen: Seen) -> tuple[Layout, tf.Tensor]:
        """What an update tells that was made eagerly and not by the model's train step, after it."""
        vector = self._vector(seen)
        if self.layout is None:
            raise TypeError("a step that was not seen")
        return self.layout, vector

    def forget(self) -> None:
        """The next step is the first of a fit."""
        for earlier in self._earlier.values():
            earlier.assign(tf.zeros_like(earlier))

    @property
    def seen(self) -> Seen:
        """Tensors of the last step that this thread traced or ran."""
        seen: Seen = self._local.seen
        return seen

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        before = len(graph.get_operations()) if graph is not None else 0
        try:
            yield
        except Exception as error:  # see `failure`
            self.failure = error
        if graph is not None:
            self.added.update(operation.name for operation in graph.get_operations()[before:])

    @contextlib.contextmanager
    def _patched(self, model: keras.Model) -> Iterator[None]:
        """The optimizer and the tracker of the loss tell what they are given while any replica is traced."""
        # fit reads Keras's own; a train step of the user's own may do without it
        tracker, optimizer = getattr(model, "_loss_tracker", None), model.optimizer
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                # past the trackers of attributes, which would note ours as part of the model
                if optimizer is not None:
                    optimizer.__dict__["apply"] = self._apply(optimizer)
                if tracker is not None:
                    tracker.__dict__["update_state"] = self._update_state(tracker)
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    for patched, name in ((optimizer, "apply"), (tracker, "update_state")):
                        if patched is not None:
                            patched.__dict__.pop(name, None)

    def _update_state(self, tracker: keras.metrics.Metric) -> Any:
        original = tracker.update_state

        def update_state(values: Any, *args: Any, **kwargs: Any) -> Any:
            self._local.seen.loss = values
            return original(values, *args, **kwargs)

        return update_state

    def _apply(self, optimizer: keras.optimizers.Optimizer) -> Any:
        original = optimizer.apply

        def apply(grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> Any:
            seen: Seen = self._local.seen
            grads = list(grads)
            with self._noting():
                if optimizer.built:
                    _read_rates(seen, optimizer)
                # what `apply` falls back to
                variables = optimizer._trainable_variables if trainable_variables is None else trainable_variables
                for variable, gradient in zip(variables, grads, strict=False):
                    if gradient is not None:
                        seen.readers[id(gradient)] = _readers(gradient)
                        known = seen.updated.get(id(variable))
                        seen.updated[id(variable)] = (variable, gradient, known[2] if known else value_of(variable))
            if not optimizer.built:
                optimizer.__dict__["build"] = self._build(optimizer)
            try:
                return original(grads, trainable_variables)
            finally:
                optimizer.__dict__.pop("build", None)
                with self._noting():
                    more = [gradient for gradient in grads if gradient is not None]
                    seen.shared |= {id(one) for one in more if len(_readers(one) - seen.readers[id(one)]) > 1}

        return apply

    def _build(self, optimizer: keras.optimizers.Optimizer) -> Any:
        original = optimizer.build

        def build(variables: Sequence[Any]) -> None:
            original(variables)
            with self._noting():
                # before the first update changes them
                _read_rates(self._local.seen, optimizer)

        return build

    def _vector(self, seen: Seen) -> tf.Tensor:
        # the body of a loop or a condition is a graph of its own, whose tensors end with it
        here = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        visible = [tensor for tensor in (seen.loss, seen.learning_rate, seen.loss_scale) if _is_in(tensor, here)]
        updated = [entry for entry in seen.updated.values() if _is_in(_dense(entry[1]), here)]
        self.layout = Layout(
            loss=_is_in(seen.loss, here),
            learning_rate=_is_in(seen.learning_rate, here),
            loss_scale=_is_in(seen.loss_scale, here),
            variables=tuple(getattr(variable, "path", variable.name) for variable, _, _ in updated),
            full=self.full,
        )
        after = [value_of(variable) for variable, _, _ in updated]
        copies: dict[str, Any] = {}
        numbers = [_float(_apart(tensor, copies)) for tensor in visible]
        # what the optimizer itself reads twice stays as it is, however often it is read
        gradients = [
            (variable, gradient if id(gradient) in seen.shared else _apart(gradient, copies))
            for variable, gradient, _ in updated
        ]
        numbers += [half_square(gradient) for _, gradient in gradients]
        numbers += [half_square(new - old) for new, (_, _, old) in zip(after, updated, strict=True)]
        numbers += [half_square(new) for new in after]
        if self.full:
            gradients = [(variable, _as_dense(gradient)) for variable, gradient in gradients]
            numbers += [self._cosine(variable, gradient) for variable, gradient in gradients]
            numbers += [
                tf.math.count_nonzero(~tf.math.is_finite(gradient), dtype=tf.float32) for _, gradient in gradients
            ]
        return tf.stack(numbers) if numbers else tf.zeros((0,), tf.float32)

    def _cosine(self, variable: Any, gradient: tf.Tensor) -> tf.Tensor:
        """Of the angle to the gradient before, whose place the gradient takes."""
        if id(variable) not in self._earlier:
            with tf.init_scope():
                self._earlier[id(variable)] = tf.Variable(tf.zeros(variable.shape), trainable=False)
        earlier = self._earlier[id(variable)]
        before = earlier.read_value()
        dot = tf.reduce_sum(gradient * before)
        earlier.assign(gradient)
        return dot / (2 * tf.sqrt(tf.nn.l2_loss(gradient)) * tf.sqrt(tf.nn.l2_loss(before)))


def _read_rates(seen: Seen, optimizer: Any) -> None:
    seen.learning_rate = tf.convert_to_tensor(optimizer.learning_rate)
    scale = getattr(optimizer, "dynamic_scale", None)
    if scale is not None:
        seen.loss_scale = tf.convert_to_tensor(scale)


def _readers(gradient: Any) -> set[str]:
    """Operations of the graph that read a gradient, also through identities; none outside of a graph.

    Equal ones count once, as the graph optimizer makes one of them: Nesterov's `gradient * learning_rate` is written
    twice.
    """
    tensor = _dense(gradient)
    if tf.executing_eagerly() or not isinstance(tensor, tf.Tensor):
        return set()
    found: set[str] = set()
    for operation in tensor.consumers():
        if operation.type in {"Identity", "IdentityN"}:
            places = [place for place, source in enumerate(operation.inputs) if source is tensor]
            found = found.union(*(_readers(operation.outputs[place]) for place in places))
        else:
            found.add(_written(operation))
    return found


def _written(operation: Any, depth: int = 3) -> str:
    """An operation by what it computes, some operations deep: two that are written alike give the same."""
    if operation.op_def is None or operation.op_def.is_stateful or not depth:
        return str(operation.name)
    attributes = sorted(
        (name, value.SerializeToString(deterministic=True))
        for name, value in operation.node_def.attr.items()
        if not name.startswith("_")
    )
    inputs = [f"{_written(source.op, depth - 1)}:{source.value_index}" for source in operation.inputs]
    return f"{operation.type}{attributes}({', '.join(inputs)})"


def value_of(variable: Any) -> tf.Tensor:
    """The value of a Keras or TensorFlow variable at this point of the step."""
    native = variable.value if isinstance(variable, keras.Variable) else variable
    return native.read_value() if hasattr(native, "read_value") else tf.convert_to_tensor(native)


#: Operations that TensorFlow's graph optimizer puts together, takes apart or changes places of, as long as nobody else
#: asks for their result.
_REARRANGED = frozenset(
    {
        *("Add", "AddN", "AddV2", "Cast", "Div", "DivNoNan", "ExpandDims", "Identity", "Maximum", "Minimum", "Mul"),
        *("Neg", "Pack", "RealDiv", "Reciprocal", "Reshape", "Rsqrt", "Select", "SelectV2", "Sqrt", "Square"),
        *("SquaredDifference", "Squeeze", "Sub", "Transpose"),
    }
)


def _apart(tensor: Any, copies: dict[str, Any]) -> Any:
    """The same value from operations of its own, as far as the graph optimizer might rearrange the original ones.

    A gradient that is a product and has one consumer, the optimizer's `learning_rate * gradient`, is multiplied in
    another order than one that is also read here: the last bit of the weights would differ.
    """
    if isinstance(tensor, tf.IndexedSlices):
        return tf.IndexedSlices(_apart(tensor.values, copies), tensor.indices, tensor.dense_shape)
    if tf.executing_eagerly() or not isinstance(tensor, tf.Tensor) or tensor.op.type not in _REARRANGED:
        return tensor
    # from the inputs up, without recursion: a sum of many terms is deep
    pending = [tensor.op]
    while pending:
        operation = pending[-1]
        missing = [
            source.op for source in operation.inputs if source.op.type in _REARRANGED and source.op.name not in copies
        ]
        if missing:
            pending += missing
            continue
        pending.pop()
        if operation.name not in copies:
            copies[operation.name] = _copied(operation, copies)
    return copies[tensor.op.name]


def _copied(operation: Any, copies: dict[str, Any]) -> Any:
    sources = [copies.get(source.op.name, source) for source in operation.inputs]
    copy = operation.graph.create_op(
        operation.type,
        sources,
        [output.dtype for output in operation.outputs],
        attrs=dict(operation.node_def.attr),
        op_def=operation.op_def,
        name="kerasdoctor",
    )
    # equal operations are merged again unless their attributes differ
    copy._set_attr("_kerasdoctor", tf.compat.v1.AttrValue(b=True))
    return copy.outputs[0]


def _dense(gradient: Any) -> Any:
    return gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient


def _is_in(tensor: Any, graph: Any) -> bool:
    return tensor is not None and (graph is None or getattr(tensor, "graph", graph) is graph)


def _float(tensor: Any) -> tf.Tensor:
    return tf.reshape(tf.cast(tensor, tf.float32), ())


def half_square(tensor: Any) -> tf.Tensor:
    """Half the squared L2 norm, in float32, shape ()."""
    return tf.nn.l2_loss(_as_dense(tensor))


def _as_dense(tensor: Any) -> tf.Tensor:
    """The tensor in float32; rows of a sparse one that were looked up more than once add up."""
    return tf.cast(tf.convert_to_tensor(tensor), tf.float32)
