"""The model as plain data."""

from __future__ import annotations

from typing import Any, Literal

import keras

from kerasdoctor.record import Layer, Model


def summarize(model: keras.Model) -> Model:
    """The model as it stands; cheap, no weights are read."""
    return Model(
        name=model.name,
        kind=_kind(model),
        layers=tuple(_layers(model)),
        parameters=_parameters(model.weights),
        trainable_parameters=_parameters(model.trainable_weights),
        iterations=_iterations(model),
    )


def _iterations(model: keras.Model) -> int:
    optimizer = getattr(model, "optimizer", None)
    # under a distribution strategy the counter is no plain number
    return 0 if optimizer is None else int(keras.ops.convert_to_numpy(optimizer.iterations))


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
    )


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
