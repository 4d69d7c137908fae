"""The model as plain data."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import keras
import numpy as np

from kerasdoctor.record import Layer, Model, Output, plain


def summarize(model: keras.Model) -> Model:
    """The model as it stands; cheap, no weights are read."""
    return Model(
        name=model.name,
        kind=_kind(model),
        layers=tuple(_layers(model)),
        operations=tuple(_operations(model)),
        outputs=tuple(_outputs(model)),
        parameters=_parameters(model.weights),
        trainable_parameters=_parameters(model.trainable_weights),
        trainable_variables=tuple(variable.path for variable in model.trainable_variables),
        optimizer_variables=_optimizer_variables(model),
        iterations=_iterations(model),
    )


def _operations(model: keras.Model) -> Iterator[str]:
    for operation in getattr(model, "operations", None) or ():
        if not isinstance(operation, keras.layers.Layer):
            yield type(operation).__name__


def _iterations(model: keras.Model) -> int:
    optimizer = getattr(model, "optimizer", None)
    # under a distribution strategy the counter is no plain number
    return 0 if optimizer is None else int(keras.ops.convert_to_numpy(optimizer.iterations))


def _optimizer_variables(model: keras.Model) -> tuple[str, ...]:
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if optimizer is None or not optimizer.built:
        return ()
    return tuple(variable.path for variable in getattr(optimizer, "_trainable_variables", ()))


def output_units(model: keras.Model) -> dict[str, int]:
    """Output name -> number of values predicted per row (or per step of a sequence); empty where unknown."""
    outputs = getattr(model, "outputs", None) or []
    names = getattr(model, "output_names", None) or [str(index) for index in range(len(outputs))]
    return {
        str(name): int(output.shape[-1])
        for name, output in zip(names, outputs, strict=False)
        if len(output.shape) > 1 and output.shape[-1]
    }


def _kind(model: keras.Model) -> Literal["Sequential", "Functional", "subclassed"]:
    if isinstance(model, keras.Sequential):
        return "Sequential"
    # the class of functional models is not public; they alone know their own graph
    if type(model).__name__ == "Functional" and getattr(model, "operations", None) is not None:
        return "Functional"
    return "subclassed"


def _layers(model: keras.Model, *, top_level: bool = True) -> list[Layer]:
    found = []
    for layer in model.layers:
        found.append(_layer(layer, top_level=top_level))
        if isinstance(layer, keras.Model):
            found += _layers(layer, top_level=False)
    return found


def _layer(layer: keras.layers.Layer, *, top_level: bool) -> Layer:
    activation = getattr(layer, "activation", None)
    inner = getattr(layer, "layer", layer)
    regularizers = ("kernel_regularizer", "bias_regularizer", "activity_regularizer", "recurrent_regularizer")
    return Layer(
        name=layer.name,
        kind=type(layer).__name__,
        top_level=top_level,
        parameters=_parameters(layer.weights),
        trainable=bool(layer.trainable),
        output_shape=_shape(layer),
        activation=getattr(activation, "__name__", None),
        rate=float(layer.rate) if isinstance(getattr(layer, "rate", None), int | float) else None,
        regularized=any(getattr(part, name, None) is not None for part in (layer, inner) for name in regularizers),
        path=getattr(layer, "path", None) or "",
        config=_config(layer),
    )


def _config(layer: keras.layers.Layer) -> dict[str, Any]:
    if isinstance(layer, keras.Model):
        # its layers stand for themselves
        return {}
    try:
        with warnings.catch_warnings():
            # a lambda that is written down is a matter of saving
            warnings.simplefilter("ignore")
            config = layer.get_config()
    except Exception:  # a layer of the user's own that cannot be written down
        return {}
    found = {name: plain(value) for name, value in config.items() if name not in {"name", "build_config"}}
    if isinstance(layer, keras.layers.Normalization) and layer.built and config.get("mean") is None:
        # no setting of Keras's: whether `adapt` has moved the statistics from where they begin
        moments = [np.asarray(keras.ops.convert_to_numpy(moment)) for moment in (layer.mean, layer.variance)]
        found["adapted"] = not ((moments[0] == 0).all() and (moments[1] == 1).all())
    return found


def _outputs(model: keras.Model) -> Iterator[Output]:
    tensors = getattr(model, "outputs", None) or []
    names = getattr(model, "output_names", None) or [str(index) for index in range(len(tensors))]
    for name, tensor in zip(names, tensors, strict=False):
        operation = _origin(tensor)
        yield Output(
            name=str(name),
            shape=tuple(None if size is None else int(size) for size in tensor.shape[1:]),
            layer=getattr(operation, "name", ""),
            kind=type(operation).__name__,
            activation=_last_activation(operation),
        )


#: Operations that only move values about.
_MOVES = {"Reshape", "Flatten", "Permute", "Squeeze", "Identity", "ExpandDims", "Dropout", "GetItem"}


def _origin(tensor: Any) -> Any:
    """The operation that made an output, through nested models and what only moves values about."""
    operation, _node, index = tensor._keras_history
    if isinstance(operation, keras.Model) and getattr(operation, "outputs", None):
        return _origin(operation.outputs[index])
    if type(operation).__name__ in _MOVES:
        sources = keras.tree.flatten(operation.input)
        if len(sources) == 1:
            return _origin(sources[0])
    return operation


def _last_activation(operation: Any) -> str | None:
    """Name of the activation that values come out of; "linear" for a layer of Keras's that has none."""
    kind = type(operation).__name__
    if kind in {"TimeDistributed", "Bidirectional"}:
        return _last_activation(operation.layer)
    activation = getattr(operation, "activation", None)
    if activation is not None:
        return getattr(activation, "__name__", type(activation).__name__.lower())
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
    if callable(getattr(keras.activations, name, None)):
        # layers.Softmax, layers.ReLU, ops.sigmoid
        return name
    if kind in {"ReLU", "LeakyReLU", "PReLU", "ELU"}:
        return {"ReLU": "relu", "LeakyReLU": "leaky_relu", "PReLU": "prelu", "ELU": "elu"}[kind]
    own = not type(operation).__module__.startswith("keras.")
    return None if own or kind == "Lambda" else "linear"


def _shape(layer: keras.layers.Layer) -> tuple[int | None, ...] | None:
    try:
        shape: Any = layer.output.shape
    except (AttributeError, ValueError):
        # a layer that was called more than once, or not through the functional API, has no single output
        return None
    return tuple(None if size is None else int(size) for size in shape[1:])


def _parameters(weights: list[keras.Variable]) -> int:
    total = 0
    for weight in weights:
        size = 1
        for dimension in weight.shape:
            size *= dimension
        total += size
    return total
