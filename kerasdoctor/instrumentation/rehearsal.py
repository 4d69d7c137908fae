"""What a `fit` would raise before or in its first step, found out on some of its rows without training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from kerasdoctor.instrumentation import probes
from kerasdoctor.instrumentation.summaries import data


def first_error(model: keras.Model, arguments: Mapping[str, Any]) -> Exception | None:
    """The exception of the data adapter, the forward pass or the loss; None where none of them raises.

    The model's variables are left bit-identical. A pipeline is not drawn from, and a model that is not built, or that
    has a train step of its own, is not called.

    Args:
        model: what would be trained.
        arguments: those of `fit`.
    """
    x, y, weights = (arguments.get(name) for name in ("x", "y", "sample_weight"))
    if not data.is_arrays(x) and not isinstance(x, list | tuple | dict):
        return None
    try:
        _adapter(arguments, x, y, weights)
    except Exception as error:  # Keras's own, of data that it does not take
        return error
    if not data.is_arrays(x):
        return None
    n = len(probes.first_of(x))
    rows = np.sort(np.random.default_rng(0).choice(n, min(n, probes.ROWS), replace=False))
    few = [None if part is None else keras.tree.map_structure(lambda one: _rows(one, rows), part) for part in (x, y)]
    few.append(data.rows_of(weights, rows) if isinstance(weights, np.ndarray) else None)
    step = _step(model)
    try:
        with probes.kept(model):
            _run(arguments, few, model, step)
    except probes.CannotLook:
        # it would leave something behind: `fit` itself will tell
        return None
    except Exception as error:  # the user's: of rows, layers and losses that do not fit together
        return error
    finally:
        model._clear_losses()
    return None


def _adapter(arguments: Mapping[str, Any], x: Any, y: Any, weights: Any) -> Any:
    return keras.src.trainers.data_adapters.get_data_adapter(
        x=x,
        y=y,
        sample_weight=weights,
        batch_size=arguments.get("batch_size"),
        steps_per_epoch=arguments.get("steps_per_epoch"),
        shuffle=False,
        class_weight=arguments.get("class_weight"),
    )


def _rows(part: Any, rows: Any) -> Any:
    """Rows of an array as what it is, of which Keras makes numbers."""
    return part.iloc[rows] if hasattr(part, "iloc") else data.rows_of(part, rows)


def _run(arguments: Mapping[str, Any], few: list[Any], model: keras.Model, step: Callable[..., Any] | None) -> None:
    split = arguments.get("validation_split")
    if split and arguments.get("validation_data") is None and len(probes.first_of(few[0])) < probes.ROWS:
        keras.src.trainers.data_adapters.array_slicing.train_validation_split(few, validation_split=split)
    adapter = _adapter(arguments, *few)
    tensorflow = keras.config.backend() == "tensorflow"
    began, foreign = time.perf_counter(), None
    for batch in adapter.get_tf_dataset() if tensorflow else adapter.get_numpy_iterator():
        if step is None:
            return
        parts = keras.utils.unpack_x_y_sample_weight(batch)
        if foreign is None:
            foreign = probes.foreign_to(model, step, *parts)
        with probes.kept(model, foreign):
            step(*parts)
        if time.perf_counter() - began > probes.SECONDS:
            return


def _step(model: keras.Model) -> Callable[..., Any] | None:
    """The forward pass and the loss of a step, as a graph where `fit` makes one; None where they are not known."""
    owner = next(base for base in type(model).__mro__ if "train_step" in base.__dict__)
    tensorflow = keras.config.backend() == "tensorflow"
    if not model.built or not owner.__module__.startswith("keras."):
        return None
    if tensorflow and model.distribute_strategy.num_replicas_in_sync > 1:
        return None
    options = {"training": True} if model._call_has_training_arg else {}
    loss = probes.compiled_loss(model)

    def step(x: Any, y: Any, weights: Any) -> Any:
        outputs = model(x, **options)
        if loss is not None:
            return loss(y, outputs, weights)
        # without a loss to build it leaves nothing behind
        return model.compute_loss(x=x, y=y, y_pred=outputs) if model._compile_loss is None else None

    if not tensorflow or model.run_eagerly:
        return step
    import tensorflow as tf

    graph: Callable[..., Any] = tf.function(step, reduce_retracing=True, autograph=False)
    return graph
