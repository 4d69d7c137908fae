"""What a test step tells beside its metrics: activations of the layers, and what was predicted.

Nothing of the step is changed: its tensors are only read, as in `taps`.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from kerasdoctor.instrumentation.patching import replaced

#: What the predictions of a model are, by its loss: classes by index or one-hot, one class against the other as a
#: probability or a logit, or numbers. Empty where it cannot be told.
Task = Literal["sparse", "categorical", "binary", "binary logits", "numbers", ""]

#: Layers whose output is an activation although they have no attribute of that name. Not Softmax: attention calls it on
#: every pair of places, and a share of zeros there is the mask's.
_ACTIVATIONS = ("ReLU", "LeakyReLU", "PReLU", "ELU")
#: Activations with two ends, and how near to one of them a value is saturated: derivatives below 2 % of the largest.
_ENDS = {"sigmoid": (0.005, 0.995), "hard_sigmoid": (0.0, 1.0), "tanh": (-0.99, 0.99), "hard_tanh": (-1.0, 1.0)}
#: Activations that are never negative: the sum over a unit is 0 only where all of its values are.
_NOT_NEGATIVE = frozenset({"relu", "relu6", "sigmoid", "hard_sigmoid", "softmax", "softplus", "exponential"})
#: Places of an image or a sequence, per row, from which shares and moments are estimated; where there are more, so many
#: at even distances. Neighbours in an activation map tell little that is new, and to count in all of them would take
#: a quarter of a small network's validation.
MOST_PLACES = 64
#: Values per row that are looked at singly where the model predicts numbers.
MOST_NUMBERS = 64
#: Classes up to which the outputs are told as well.
MOST_CLASSES = 32


@dataclass(frozen=True)
class Place:
    """A layer whose output, or for batch normalization whose input, is watched."""

    #: Path of the layer; the second and later calls of a shared layer carry their number.
    name: str
    units: int
    #: Whether its activation has two ends.
    has_ends: bool = False


@dataclass(frozen=True)
class Watched:
    """What the numbers of a tapped test step are."""

    #: Layers with an activation, and the columns of their counts: values, zeros, saturated, not finite.
    activations: tuple[Place, ...] = ()
    normalizations: tuple[Place, ...] = ()


class TappedTestStep:
    """A model's test step that also returns what it tells, as a dict of tensors.

    `rows`: scalar, rows of the batch. `counts`: shape (layers, 4), see `Watched`; zeros and saturated ones among the
    values at `MOST_PLACES`, those that are not finite among all. `active`: shape (units of all layers,), whether any
    value of the unit is not 0. `sums`, `squares`: shape (channels of all normalizations,), of what they normalize at
    these places, with `values`: how many, shape (normalizations,); `mean`, `variance`: their moving statistics.
    `predicted` and `true`: shape (rows,), classes, or (rows, numbers).
    """

    def __init__(self, model: keras.Model, task: str) -> None:
        self.watched: Watched | None = None
        #: A crash of our own, which never reaches the step.
        self.failure: Exception | None = None
        #: Names of the operations that the taps added to the last trace.
        self.added: set[str] = set()
        self._task = task
        self._model = weakref.ref(model)

    def __call__(self, data: Any) -> tuple[Any, dict[str, tf.Tensor]]:
        model = self._model()
        if model is None:
            raise ReferenceError("the model is gone")
        calls: list[tuple[Any, Any, Any]] = []
        thread = threading.get_ident()

        def make(original: Any) -> Any:
            def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
                outputs = original(layer, *args, **kwargs)
                if threading.get_ident() == thread:
                    calls.append((layer, args, outputs))
                return outputs

            return call

        with replaced(keras.layers.Layer, "__call__", make):
            outputs = model.test_step(data)
        told: dict[str, tf.Tensor] = {}
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations())
        try:
            told = self._told(model, calls, data)
        except Exception as error:  # the step is done, and stays done
            self.failure = error
        self.added = {operation.name for operation in graph.get_operations()[before:]}
        return outputs, told

    def _told(self, model: keras.Model, calls: list[tuple[Any, Any, Any]], data: Any) -> dict[str, tf.Tensor]:
        graph = tf.compat.v1.get_default_graph()
        activations: list[tuple[Place, tf.Tensor, str]] = []
        normalizations: list[tuple[Place, tf.Tensor, Any]] = []
        seen: dict[str, int] = {}
        for layer, args, outputs in calls:
            if isinstance(layer, keras.layers.BatchNormalization):
                tensor = args[0] if args else None
            elif _activates(layer):
                tensor = outputs
            else:
                continue
            if tensor is None or not _is_watchable(tensor, graph):
                continue
            # a layer without variables may have no path
            path = getattr(layer, "path", None) or layer.name
            seen[path] = seen.get(path, 0) + 1
            name = path if seen[path] == 1 else f"{path}#{seen[path]}"
            if isinstance(layer, keras.layers.BatchNormalization):
                place = Place(name, int(layer.moving_mean.shape[0]))
                normalizations.append((place, tensor, layer))
            else:
                kind = _activation(layer)
                place = Place(name, int(tensor.shape[-1]), kind in _ENDS)
                activations.append((place, tensor, kind))
        self.watched = Watched(tuple(entry[0] for entry in activations), tuple(entry[0] for entry in normalizations))
        told: dict[str, tf.Tensor] = {"rows": tf.shape(keras.tree.flatten(data)[0])[0]}
        if activations:
            tensors = [tensor for _, tensor, _ in activations]
            sums = [tf.reduce_sum(tensor, axis=_others(tensor, -1)) for tensor in tensors]
            shares = tf.stack([_shares(tensor, kind) for _, tensor, kind in activations])
            told["counts"] = tf.concat([shares, _nonfinite(tensors, sums)[:, None]], axis=1)
            active = [_active(*part) for part in zip(tensors, (kind for _, _, kind in activations), sums, strict=True)]
            told["active"] = tf.concat(active, axis=0)
        if normalizations:
            told.update(_moments(normalizations))
        told.update(self._answers(model, calls, data))
        return told

    def _answers(self, model: keras.Model, calls: list[tuple[Any, Any, Any]], data: Any) -> dict[str, tf.Tensor]:
        """What was predicted, and what would have been right."""
        own = [outputs for layer, _, outputs in calls if layer is model]
        predicted = own[-1] if own else None
        _x, true, _weight = keras.utils.unpack_x_y_sample_weight(data)
        if not isinstance(predicted, tf.Tensor) or not isinstance(true, tf.Tensor) or predicted.shape.rank != 2:
            return {}
        units = predicted.shape[-1]
        if self._task == "numbers":
            if units is None or units > MOST_NUMBERS:
                return {}
            flat = tf.reshape(tf.cast(true, tf.float32), (-1, units))
            return {"predicted": tf.cast(predicted, tf.float32), "true": flat}
        classes: tf.Tensor
        if self._task == "sparse":
            classes, true = tf.argmax(predicted, axis=-1), tf.reshape(true, (-1,))
        elif self._task == "categorical":
            classes, true = tf.argmax(predicted, axis=-1), tf.argmax(true, axis=-1)
        elif self._task in {"binary", "binary logits"} and units == 1:
            threshold = 0.0 if self._task == "binary logits" else 0.5
            classes = tf.reshape(predicted > tf.cast(threshold, predicted.dtype), (-1,))
            true = tf.reshape(tf.cast(true, tf.float32) > 0.5, (-1,))
        else:
            return {}
        answers = {"predicted": tf.cast(classes, tf.int32), "true": tf.cast(true, tf.int32)}
        if units is not None and units <= MOST_CLASSES:
            answers["outputs"] = tf.cast(predicted, tf.float32)
        return answers


def _is_watchable(tensor: Any, graph: Any) -> bool:
    return (
        isinstance(tensor, tf.Tensor)
        # the body of a loop is a graph of its own
        and tensor.graph is graph
        and tensor.dtype.is_floating
        and tensor.shape.rank is not None
        and tensor.shape.rank >= 2
        and tensor.shape[-1] is not None
    )


def _activates(layer: Any) -> bool:
    """Whether a layer's output is an activation; what is linear can neither die nor saturate."""
    if type(layer).__name__ in _ACTIVATIONS:
        return True
    return getattr(layer, "activation", None) is not None and _activation(layer) != "linear"


def _activation(layer: Any) -> str:
    if type(layer).__name__ == "ReLU" and not layer.negative_slope:
        return "relu"
    # what a recurrent layer puts out is its activation times a gate
    if isinstance(layer, keras.layers.RNN):
        return ""
    return getattr(getattr(layer, "activation", None), "__name__", "")


def _few(tensor: tf.Tensor) -> tf.Tensor:
    """At most about `MOST_PLACES` of the places between the rows and the units, at even distances."""
    places = tensor.shape[1:-1].num_elements()
    if places is None or places < 2 * MOST_PLACES:
        return tensor
    # an odd distance passes through every column of an image whose sides are even
    few = np.arange(0, places, places // MOST_PLACES | 1)
    return tf.gather(tf.reshape(tensor, (-1, places, tensor.shape[-1])), few, axis=1)


def _others(tensor: tf.Tensor, axis: int) -> list[int]:
    return [other for other in range(tensor.shape.rank) if other != axis % tensor.shape.rank]


def _count(which: tf.Tensor) -> tf.Tensor:
    """How often something holds for each unit, shape (units,); exact up to 2^24 values of a unit in a batch."""
    # in float32, since summing up booleans as integers takes three times as long
    return tf.reduce_sum(tf.cast(which, tf.float32), axis=_others(which, -1))


def _total(which: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(_count(which), tf.int64))


def _shares(tensor: tf.Tensor, kind: str) -> tf.Tensor:
    """Values, zeros and saturated values among those that are looked at, shape (3,)."""
    few = _few(tensor)
    size, saturated = tf.size(few, tf.int64), tf.constant(0, tf.int64)
    if kind in _ENDS:
        low, high = (tf.cast(end, tensor.dtype) for end in _ENDS[kind])
        saturated = _total((few <= low) | (few >= high))
    return tf.stack([size, size - _total(tf.not_equal(few, 0)), saturated])


def _active(tensor: tf.Tensor, kind: str, sums: tf.Tensor) -> tf.Tensor:
    return tf.not_equal(sums, 0) if kind in _NOT_NEGATIVE else _count(tf.not_equal(tensor, 0)) > 0


def _nonfinite(tensors: list[tf.Tensor], sums: list[tf.Tensor]) -> tf.Tensor:
    """Values that are not finite, shape (layers,): counted only where the sums do not rule them out."""

    def none() -> tf.Tensor:
        return tf.zeros((len(tensors),), tf.int64)

    def counted() -> tf.Tensor:
        return tf.stack([tf.size(tensor, tf.int64) - _total(tf.math.is_finite(tensor)) for tensor in tensors])

    every = tf.reduce_all(tf.math.is_finite(tf.concat([tf.cast(each, tf.float32) for each in sums], axis=0)))
    found: tf.Tensor = tf.cond(every, none, counted)
    return found


def _moments(normalizations: list[tuple[Place, tf.Tensor, Any]]) -> dict[str, tf.Tensor]:
    sums, squares, values = [], [], []
    for place, whole, layer in normalizations:
        last = layer.axis % whole.shape.rank == whole.shape.rank - 1
        tensor = tf.cast(_few(whole) if last else whole, tf.float32)
        others = _others(tensor, -1 if last else layer.axis)
        sums.append(tf.reduce_sum(tensor, axis=others))
        squares.append(tf.reduce_sum(tf.square(tensor), axis=others))
        values.append(tf.size(tensor, tf.int64) // place.units)
    return {
        "sums": tf.concat(sums, axis=0),
        "squares": tf.concat(squares, axis=0),
        "values": tf.stack(values),
        "mean": tf.concat([tf.convert_to_tensor(layer.moving_mean) for _, _, layer in normalizations], axis=0),
        "variance": tf.concat([tf.convert_to_tensor(layer.moving_variance) for _, _, layer in normalizations], axis=0),
    }


def as_numpy(told: dict[str, tf.Tensor]) -> dict[str, np.ndarray[Any, Any]]:
    """The numbers of one batch."""
    return {name: tensor.numpy() for name, tensor in told.items()}
