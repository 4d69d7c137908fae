"""Finds where the first number that is not finite came from: replays the flight, and runs its last step by hand.

Everything is put back afterwards: weights, optimizer, metrics and random numbers are as the fit left them.
"""

from __future__ import annotations

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
from kerasdoctor.instrumentation.witness import Call, MadeBad, Witness, all_finite, array, floats, largest
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
    after, last = State.of(model, step=traced), len(flight.batches) - 1
    with kept_random_numbers():
        try:
            _replay(flight, last, model, step)
            found = _examine(model, flight.batches[last])
            if "origin" not in found and flight.outside:
                found = {**found, "origin": "variable", "variables": tuple(flight.outside), "remark": ""}
            if found.get("origin") == "variable":
                last, found = _who_set(found, flight, model, step)
        finally:
            after.restore()
    rows = found.get("rows", ())
    samples = _samples(flight.batches[last], rows, arguments) if rows else ()
    return FirstNonfinite(step=flight.step - (len(flight.batches) - 1 - last), samples=samples, **found)


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


def _replay(
    flight: Flight, steps: int, model: keras.Model, step: Callable[[Any], Any], until: keras.Variable | None = None
) -> int:
    """Makes the first steps of the flight again, ready for the next one; as long as `until` is finite.

    Returns how many it has made.
    """
    flight.before.restore()
    for index in range(steps):
        _set_learning_rate(model, flight.learning_rates[index])
        step(flight.batches[index])
        if until is not None and not all_finite([value_of(until)]):
            return index + 1
    _set_learning_rate(model, flight.learning_rates[steps])
    return steps


def _who_set(found: Facts, flight: Flight, model: keras.Model, step: Callable[[Any], Any]) -> tuple[int, Facts]:
    """How a variable came to be not finite before the last step: the batch of the flight that did so, and the facts."""
    path, last, rate = found["variables"][0], len(flight.batches) - 1, _held_rate(model)
    variable = next((variable for variable in model.variables if variable.path == path), None)
    by_a_step = {**found, "remark": _("an earlier step left it so")}
    if variable is None or variable is rate or path in flight.outside or flight.step == 1:
        return last, {**found, "line": flight.outside.get(path, "")}
    if last == 0:
        # what is trainable was finite after the step before, of the rest the taps tell nothing
        return last, found if variable.trainable else by_a_step
    # a layer that keeps a state made it so, which no loss and no gradient showed
    made_by = _replay(flight, last, model, step, until=variable) - 1
    _replay(flight, made_by, model, step)
    before, witness = State.of(model), Witness(_batch_size(flight.batches[made_by]))
    witness.run(model, TappedStep(model), flight.batches[made_by])
    made = witness.given(variable)
    before.restore()
    if made is None or made.call is None:
        return last, by_a_step
    facts = _from_layer(made.call, made, _batch_size(flight.batches[made_by]))
    return made_by, {**facts, "largest_weight": found["largest_weight"]}


def _set_learning_rate(model: keras.Model, rate: float | None) -> None:
    """A callback may have set it between two steps."""
    held = _held_rate(model)
    if rate is not None and held is not None:
        held.assign(rate)


def _held_rate(model: keras.Model) -> keras.Variable | None:
    """The variable of the learning rate; None for a schedule."""
    held = getattr(getattr(model.optimizer, "inner_optimizer", model.optimizer), "_learning_rate", None)
    return held if isinstance(held, keras.Variable) else None


# where it began ----------------------------------------------------------------------------------------------------


def _examine(model: keras.Model, batch: Any) -> Facts:
    """Runs the step eagerly and tells where it is first not finite."""
    before, step, witness = State.of(model), TappedStep(model), Witness(_batch_size(batch))
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
    outputs = [] if predictions is None else predictions.outputs
    loss_is_bad = witness.failure is not None or not all_finite([seen.loss])
    gradients = [gradient for _, gradient, _ in seen.updated.values()]
    if seen.loss is None and witness.failure is None:
        # a step of the user's own that Keras sees no loss of
        loss_is_bad = not all_finite(outputs)
    forward = loss_is_bad and (predictions is None or not all_finite(outputs))
    made = witness.source(outputs if forward else [seen.loss] if loss_is_bad else gradients)
    if made is not None and made.variable:
        return {"origin": "variable", "variables": (made.variable,)}
    if forward:
        return _from_forward(batch, witness, made)
    if loss_is_bad and predictions is not None:
        return _from_loss(model, batch, witness, made, predictions)
    if not all_finite(gradients):
        return _from_backward(batch, witness, made, seen, tape, predictions)
    if spoilt:
        return _from_update(model, witness, seen, spoilt)
    remark = _("replaying the step showed only finite numbers")
    return {"remark": remark, "largest": largest(gradients)}


def _from_forward(batch: Any, witness: Witness, made: MadeBad | None) -> Facts:
    """The predictions are not finite."""
    size = _batch_size(batch)
    if made is not None and made.call is not None:
        return _from_layer(made.call, made, size)
    calls = [call for call in witness.calls if all_finite(call.inputs) and not all_finite(call.outputs)]
    if calls and (made is None or not made.is_data):
        call = _innermost(calls)[-1]
        return _from_layer(call, witness.first("forward", call), size)
    x, _y, _weight = keras.utils.unpack_x_y_sample_weight(batch)
    first = next((call for call in witness.calls if not all_finite(call.outputs)), None)
    named = {} if first is None else _named(first)
    if all_finite(floats(x)):
        return dict(**named, remark=_("no single layer made it from finite numbers"))
    return dict(origin="input", **named, rows=_bad_rows(floats(x), size))


def _from_layer(call: Call, made: MadeBad | None, size: int) -> Facts:
    """A layer makes it from finite numbers: its output, or what it adds to the loss."""
    return dict(
        origin="layer",
        **_named(call),
        **_done(made),
        rows=_bad_rows(call.outputs, size) or _bad_rows([] if made is None else made.by_row, size),
        largest=largest(call.inputs),
        half_precision=_is_finite_in_float32(call),
    )


def _done(made: MadeBad | None) -> dict[str, str]:
    """The operation, and the user's line that called it."""
    return {} if made is None else {"operation": made.kind, "line": made.line}


def _from_loss(model: keras.Model, batch: Any, witness: Witness, made: MadeBad | None, predictions: Call) -> Facts:
    """The predictions are finite, the loss is not."""
    size = _batch_size(batch)
    if made is not None and made.call is not None:
        return _from_layer(made.call, made, size)
    penalized = _penalized(model)
    if penalized is not None:
        return {**penalized, **_done(made)}
    rows = _rows_of_the_loss(model, batch, predictions)
    common: Facts = {"largest": largest(predictions.outputs)}
    # inputs that are not finite may be meant to be, as the predictions are
    parts = ("target", "sample_weight", "input") if made is not None else ("target", "sample_weight")
    spoilt = _spoilt_data(batch, parts, rows) if made is None or made.is_data else None
    if spoilt is not None:
        return {**common, **spoilt}
    remark = ""
    if witness.failure is not None:
        # nothing of what follows the loss has run
        made, remark = witness.first("forward", None), describe(witness.failure).splitlines()[0]
    rows = rows[:MOST_ROWS] or _bad_rows([] if made is None else made.by_row, size)
    return dict(**common, origin="loss", **_done(made), rows=rows, remark=remark)


def _rows_of_the_loss(model: keras.Model, batch: Any, predictions: Call) -> tuple[int, ...]:
    """Rows whose own loss is not finite; none when that are all."""
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
    return () if len(rows) == size > 1 else rows


def _spoilt_data(batch: Any, parts: Sequence[str], rows: Sequence[int] = ()) -> Facts | None:
    """The first of these parts of the batch that is not finite, in these rows where some are given."""
    of = dict(zip(("input", "target", "sample_weight"), keras.utils.unpack_x_y_sample_weight(batch), strict=True))
    for origin in parts:
        bad = _bad_rows(floats(of[origin]), _batch_size(batch), all_too=True)
        if bad and (not rows or set(bad).intersection(rows)):
            return {"origin": origin, "rows": bad}
    return None


def _penalized(model: keras.Model) -> Facts | None:
    """The first weight whose regularizer makes it."""
    for layer in model._flatten_layers():
        for variable in layer._trainable_variables:
            if variable.regularizer is not None and not all_finite([variable.regularizer(variable)]):
                return {
                    "origin": "layer",
                    "layer": layer.path or layer.name,
                    "kind": type(layer).__name__,
                    "variables": (variable.path,),
                    "largest": largest([value_of(variable)]),
                }
    return None


def _from_backward(
    batch: Any,
    witness: Witness,
    made: MadeBad | None,
    seen: Seen,
    tape: tf.GradientTape,
    predictions: Call | None,
) -> Facts:
    """The loss is finite, gradients are not."""
    size = _batch_size(batch)
    spoilt = {key for key, (_, gradient, _) in seen.updated.items() if not all_finite([gradient])}
    common: Facts = {
        "backward": True,
        **_done(witness.first("backward") if made is None or made.is_data else made),
        "variables": _paths(variable for key, (variable, _, _) in seen.updated.items() if key in spoilt),
    }
    # a layer that makes numbers of NaN, or a loss that leaves it out, hides it from the loss, not from the gradients
    parts = ("input",) if made is None else ("input", "target", "sample_weight")
    data_is_bad = _spoilt_data(batch, parts) if made is None or made.is_data else None
    if data_is_bad is not None:
        return {**common, **data_is_bad}
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

    calls = [call for call in witness.calls if made_it(call)]
    if calls:
        call = _innermost(calls)[-1]
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


def _from_update(model: keras.Model, witness: Witness, seen: Seen, spoilt: tuple[str, ...]) -> Facts:
    """The gradients are finite, what the optimizer makes of them is not."""
    gradients = [gradient for _, gradient, _ in seen.updated.values()]
    facts: Facts = {"origin": "update", **_done(witness.first("update")), "variables": spoilt}
    if not all_finite([seen.learning_rate]):
        held = _held_rate(model)
        if held is not None:
            return {"origin": "variable", "variables": (held.path,)}
        facts["remark"] = _("the learning rate is {rate}").format(rate=float(seen.learning_rate))
    return {**facts, "largest": largest(gradients)}


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
    """Whether it is float16 that makes the output of a layer, or what it adds to the loss, not finite."""
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
    return all_finite(floats([outputs, getattr(layer, "losses", [])]))


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
