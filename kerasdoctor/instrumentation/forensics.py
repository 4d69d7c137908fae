"""Finds where the first number that is not finite came from: replays the flight, and runs its last step by hand.

Everything is put back afterwards: weights, optimizer, metrics and random numbers are as the fit left them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kerasdoctor.engine import describe
from kerasdoctor.instrumentation.flight_recorder import Flight, State
from kerasdoctor.instrumentation.patching import kept_random_numbers
from kerasdoctor.instrumentation.side_effects import lasting
from kerasdoctor.instrumentation.summaries import data
from kerasdoctor.instrumentation.taps import Seen, TappedStep, half_square, value_of
from kerasdoctor.instrumentation.witness import Call, Witness, all_finite, array, floats, largest
from kerasdoctor.locale import _
from kerasdoctor.quantities.first_nonfinite import FirstNonfinite

#: Fields of `FirstNonfinite`.
Facts = dict[str, Any]

#: Rows that are named, and searched for in the arrays.
MOST_ROWS = 16
#: Bytes of the arrays that are searched for the rows: a second or two.
SEARCHED_BYTES = 2**31


def investigate(
    flight: Flight, model: keras.Model, step: Callable[[Any], Any], arguments: Mapping[str, Any]
) -> FirstNonfinite:
    """Where the last step of the flight stopped being finite.

    Args:
        flight: from a finite state to that step.
        model: the model, after its fit.
        step: the traced train step.
        arguments: `fit`'s own arguments, to find the rows in.
    """
    traced, reason = _inspected(model, step, flight.batches[-1])
    if reason:
        return FirstNonfinite(step=flight.step, remark=_("not replayed: {reason}").format(reason=reason))
    after = State.of(model, step=traced)
    with kept_random_numbers():
        try:
            flight.before.restore()
            for batch, rate in zip(flight.batches[:-1], flight.learning_rates[:-1], strict=True):
                _set_learning_rate(model, rate)
                step(batch)
            _set_learning_rate(model, flight.learning_rates[-1])
            found = _examine(model, flight.batches[-1])
        finally:
            after.restore()
    rows = found.get("rows", ())
    samples = _samples(flight.batches[-1], rows, arguments) if rows else ()
    return FirstNonfinite(step=flight.step, samples=samples, **found)


def _inspected(model: keras.Model, step: Any, batch: Any) -> tuple[Any, str]:
    """The step as it is traced, and why replaying it would leave something behind."""
    if hasattr(step, "graph"):
        return step, lasting(step)
    try:
        with kept_random_numbers():
            traced = tf.function(TappedStep(model), autograph=False).get_concrete_function(batch)
    except Exception as error:  # a step that runs eagerly may be one that cannot be traced
        reason = _("the step runs eagerly, and what it changes cannot be seen: {error}")
        return None, reason.format(error=describe(error).splitlines()[0])
    return traced, lasting(traced, eagerly=True)


def _set_learning_rate(model: keras.Model, rate: float) -> None:
    """A callback may have set it between two steps."""
    held = getattr(model.optimizer, "_learning_rate", None)
    if math.isfinite(rate) and isinstance(held, keras.Variable):
        held.assign(rate)


# where it began ----------------------------------------------------------------------------------------------------


def _examine(model: keras.Model, batch: Any) -> Facts:
    """Runs the step eagerly and tells where it is first not finite."""
    before, step, witness = State.of(model), TappedStep(model), Witness()
    weights = [value_of(variable) for variable in model.trainable_variables]
    tape = witness.run(model, step, batch)
    updated = [(variable, value_of(variable)) for variable, _, _ in step.seen.updated.values()]
    # also where only its square overflows: that is what the norm, and every penalty, sees
    spoilt = _paths(variable for variable, value in updated if not all_finite([value, half_square(value)]))
    # what is looked at more closely is the step, not its result
    before.restore()
    return {**_origin(model, batch, witness, step.seen, tape, spoilt), "largest_weight": largest(weights)}


def _origin(
    model: keras.Model, batch: Any, witness: Witness, seen: Seen, tape: tf.GradientTape, spoilt: tuple[str, ...]
) -> Facts:
    predictions = witness.predictions(model)
    loss_is_bad = witness.failure is not None or not all_finite([seen.loss])
    gradients = [gradient for _, gradient, _ in seen.updated.values()]
    if seen.loss is None and witness.failure is None:
        # a step of the user's own that Keras sees no loss of
        loss_is_bad = predictions is not None and not all_finite(predictions.outputs)
    if loss_is_bad:
        if predictions is None or not all_finite(predictions.outputs):
            return _from_forward(batch, witness)
        return _from_loss(model, batch, witness, predictions)
    if not all_finite(gradients):
        return _from_backward(batch, witness, seen, tape, predictions)
    if spoilt:
        return {
            "origin": "update",
            "operation": witness.operation("update"),
            "variables": spoilt,
            "largest": largest(gradients),
        }
    remark = _("replaying the step showed only finite numbers")
    return {"remark": remark, "largest": largest(gradients)}


def _from_forward(batch: Any, witness: Witness) -> Facts:
    """The predictions are not finite."""
    size = _batch_size(batch)
    made = [call for call in witness.calls if all_finite(call.inputs) and not all_finite(call.outputs)]
    if made:
        call = _innermost(made)[-1]
        return dict(
            origin="layer",
            **_named(call),
            operation=witness.operation("forward", call),
            line=witness.line("forward", call),
            rows=_bad_rows(call.outputs, size),
            largest=largest(call.inputs),
            half_precision=_is_finite_in_float32(call),
        )
    x, _y, _weight = keras.utils.unpack_x_y_sample_weight(batch)
    first = next((call for call in witness.calls if not all_finite(call.outputs)), None)
    named = {} if first is None else _named(first)
    if all_finite(floats(x)):
        return dict(**named, remark=_("no single layer made it from finite numbers"))
    return dict(origin="input", **named, rows=_bad_rows(floats(x), size))


def _from_loss(model: keras.Model, batch: Any, witness: Witness, predictions: Call) -> Facts:
    """The predictions are finite, the loss is not."""
    x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
    size = _batch_size(batch)

    def loss_is_finite(rows: NDArray[np.int64]) -> bool:
        x_, y_, predicted, weight_ = (_taken(part, rows) for part in (x, y, predictions.result, weight))
        try:
            loss = model.compute_loss(x=x_, y=y_, y_pred=predicted, sample_weight=weight_, training=True)
        except tf.errors.InvalidArgumentError:
            return False
        return all_finite([loss])

    try:
        rows = _halved(loss_is_finite, np.arange(size))
    except Exception:  # a loss that cannot be had of single rows
        rows = ()
    if len(rows) == size > 1:
        rows = ()
    common: Facts = {"largest": largest(predictions.outputs)}
    for origin, part in (("target", y), ("sample_weight", weight)):
        bad = set(_bad_rows(floats(part), size, all_too=True))
        if bad and (not rows or bad.intersection(rows)):
            return dict(**common, origin=origin, rows=tuple(sorted(bad))[:MOST_ROWS])
    remark = "" if witness.failure is None else describe(witness.failure).splitlines()[0]
    return dict(
        **common,
        origin="loss",
        operation=witness.operation("forward", None),
        line=witness.line("forward", None),
        rows=rows[:MOST_ROWS],
        remark=remark,
    )


def _from_backward(batch: Any, witness: Witness, seen: Seen, tape: tf.GradientTape, predictions: Call | None) -> Facts:
    """The loss is finite, gradients are not."""
    size = _batch_size(batch)
    spoilt = {key for key, (_, gradient, _) in seen.updated.items() if not all_finite([gradient])}
    common: Facts = {
        "backward": True,
        "operation": witness.operation("backward"),
        "line": witness.line("backward"),
        "variables": _paths(variable for key, (variable, _, _) in seen.updated.items() if key in spoilt),
    }
    x, _y, _weight = keras.utils.unpack_x_y_sample_weight(batch)
    if not all_finite(floats(x)):
        # a layer that makes numbers of NaN hides it from the loss, but not from the gradients
        return dict(**common, origin="input", rows=_bad_rows(floats(x), size))
    if seen.loss is None:
        return dict(**common, remark=_("the train step of your own shows no loss to take gradients of"))
    tensors = {id(tensor): tensor for call in witness.calls for tensor in (*call.inputs, *call.outputs)}
    gradients = dict(zip(tensors, tape.gradient(seen.loss, list(tensors.values())), strict=True))

    def of(some: Sequence[Any]) -> list[Any]:
        return [gradients[id(tensor)] for tensor in some if gradients[id(tensor)] is not None]

    def made_it(call: Call) -> bool:
        arrived = of(call.outputs)
        own = {id(variable) for variable in getattr(call.operation, "trainable_variables", ())}
        return bool(arrived) and all_finite(arrived) and (not all_finite(of(call.inputs)) or bool(own & spoilt))

    made = [call for call in witness.calls if made_it(call)]
    if made:
        call = _innermost(made)[-1]
        arrived = of(call.outputs)
        return dict(
            **common,
            origin="layer",
            **_named(call),
            rows=_bad_rows(of(call.inputs), size),
            largest=largest(arrived),
        )
    if predictions is not None and not all_finite(of(predictions.outputs)):
        rows = _bad_rows(of(predictions.outputs), size)
        return dict(**common, origin="loss", rows=rows, largest=largest(predictions.outputs))
    return dict(**common, remark=_("no single layer made it from finite gradients"))


def _innermost(calls: Sequence[Call]) -> list[Call]:
    """Those that are not around another one."""
    around: set[int] = set()
    for call in calls:
        parent = call.parent
        while parent is not None:
            around.add(id(parent))
            parent = parent.parent
    return [call for call in calls if id(call) not in around]


def _named(call: Call) -> dict[str, Any]:
    operation = call.operation
    return {"layer": getattr(operation, "path", None) or operation.name, "kind": type(operation).__name__}


def _is_finite_in_float32(call: Call) -> bool:
    """Whether it is float16 that makes the output of a layer not finite."""
    layer = call.operation
    if not call.fits:
        return True
    if getattr(layer, "compute_dtype", None) != "float16":
        return False
    policy = layer.dtype_policy
    args, kwargs = call.arguments
    layer.dtype_policy = "float32"
    try:
        outputs = layer(*args, **kwargs)
    finally:
        layer.dtype_policy = policy
    return all_finite(floats(outputs))


# rows --------------------------------------------------------------------------------------------------------------


def _batch_size(batch: Any) -> int:
    return next((int(part.shape[0]) for part in tf.nest.flatten(batch) if getattr(part, "shape", None)), 0)


def _bad_rows(tensors: Sequence[Any], size: int, *, all_too: bool = False) -> tuple[int, ...]:
    """Rows with a number that is not finite; none when that are all, unless `all_too`."""
    bad = np.zeros(size, bool)
    for tensor in tensors:
        if tensor.shape.rank and tensor.shape[0] == size and not isinstance(tensor, tf.IndexedSlices):
            bad |= ~np.isfinite(array(tensor).reshape(size, -1)).all(axis=1)
    rows = tuple(np.flatnonzero(bad).tolist())
    return () if len(rows) == size > 1 and not all_too else rows[:MOST_ROWS]


def _taken(structure: Any, rows: NDArray[np.int64]) -> Any:
    return tf.nest.map_structure(lambda part: None if part is None else tf.gather(part, rows), structure)


def _halved(is_finite: Callable[[NDArray[np.int64]], bool], rows: NDArray[np.int64]) -> tuple[int, ...]:
    """The rows that are not finite each for itself, found by halving."""
    if len(rows) == 0 or is_finite(rows):
        return ()
    if len(rows) == 1:
        return (int(rows[0]),)
    middle = len(rows) // 2
    return (*_halved(is_finite, rows[:middle]), *_halved(is_finite, rows[middle:]))


def _paths(variables: Iterable[Any]) -> tuple[str, ...]:
    return tuple(getattr(variable, "path", variable.name) for variable in variables)


# positions in the arrays -------------------------------------------------------------------------------------------


def _samples(batch: Any, rows: Sequence[int], arguments: Mapping[str, Any]) -> tuple[int, ...]:
    """Positions of rows of a batch in the arrays that `fit` was given; none where they are no arrays."""
    if not data.is_arrays(arguments.get("x")):
        return ()
    x, y, _weight = keras.utils.unpack_x_y_sample_weight(batch)
    given = [*tf.nest.flatten(arguments["x"]), *tf.nest.flatten(arguments.get("y"))]
    drawn = [*tf.nest.flatten(x), *tf.nest.flatten(y)]
    pairs = [(data.array(whole), part.numpy()) for whole, part in zip(given, drawn, strict=True) if part is not None]
    if sum(whole.nbytes for whole, _ in pairs) > SEARCHED_BYTES:
        return ()
    found: set[int] = set()
    for row in rows:
        candidates = np.arange(len(pairs[0][0]))
        for whole, part in pairs:
            candidates = candidates[_equals(whole, candidates, part[row])]
        found.update(candidates.tolist())
    return tuple(sorted(found))[:MOST_ROWS]


def _equals(whole: NDArray[np.generic], rows: NDArray[np.int64], value: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which rows have the same bits, NaN included, in the dtype of the batch."""
    same = np.zeros(len(rows), bool)
    wanted = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
    stretch = max(1, 2**24 // max(1, wanted.nbytes))
    for begin in range(0, len(rows), stretch):
        part = whole[rows[begin : begin + stretch]].astype(value.dtype)
        bits = np.ascontiguousarray(part).reshape(len(part), -1).view(np.uint8)
        same[begin : begin + stretch] = (bits == wanted).all(axis=1)
    return same
