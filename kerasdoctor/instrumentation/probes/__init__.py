"""Cheap measurements on a model that is not being trained: one file per probe, named as the quantity it gives.

A probe is a function `measure(subject)`. It is found by walking this package; there is no list to keep. The model,
its optimizer and its metrics are left bit-identical. A module with `ASKED` takes longer than a pass or two: it runs
where it is asked for by its name.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from kerasdoctor.engine import describe
from kerasdoctor.instrumentation.summaries import data
from kerasdoctor.locale import _
from kerasdoctor.quantities import Quantity
from kerasdoctor.record import TrainingRecord

#: Rows that are shown to the model, and how many at a time.
ROWS, BATCH = 512, 32
#: Seconds after which a pass takes no further batch.
SECONDS = 1.0


class CannotLook(Exception):
    """A probe does not suit this model or its data; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A built and compiled model with some of its training rows."""

    model: keras.Model
    record: TrainingRecord
    #: Arrays in the structure of `x` and `y`; as many rows as one pass had time for.
    inputs: Any
    targets: Any
    #: What the model put out for them in inference mode, in its own structure.
    outputs: Any
    #: Layers that drew a random number in that pass.
    drew: tuple[keras.layers.Layer, ...]
    #: Whether rows or classes are weighted.
    weighted: bool
    #: The weights of the rows; None where there are none, or several arrays of them.
    sample_weight: NDArray[np.generic] | None = None

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(first_of(self.outputs))

    def loss(self) -> float | None:
        """The compiled loss of the outputs, without regularization; None where the model computes one of its own."""
        loss = None if self.targets is None or self.weighted else self.compiled_loss()
        if loss is None:
            return None
        as_tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, (self.targets, self.outputs))
        return float(keras.ops.convert_to_numpy(loss(*as_tensors)))

    def compiled_loss(self) -> Callable[..., Any] | None:
        """The loss of `compile` as a function of targets, outputs and weights; None where the model has its own."""
        return compiled_loss(self.model)

    @staticmethod
    def tensor(rows: NDArray[np.generic]) -> Any:
        """Rows as `fit` draws them."""
        dtype = keras.config.floatx() if np.issubdtype(rows.dtype, np.floating) else None
        return keras.ops.convert_to_tensor(rows, dtype=dtype)


def measure(
    model: keras.Model,
    record: TrainingRecord,
    arguments: Mapping[str, Any],
    noting: Callable[[str], AbstractContextManager[None]],
    asked: Sequence[str] = (),
) -> tuple[dict[str, Quantity], str]:
    """Name -> quantity of every probe that could measure, and why none could.

    Args:
        model: what would be trained.
        record: with the facts that are known before the first step.
        arguments: those of `fit`.
        noting: keeps a crash of a probe to itself.
        asked: names of those that run only where they are asked for.
    """
    x, y, n = arguments.get("x"), arguments.get("y"), record.data.n_train
    if not n or not data.is_arrays(x):
        return {}, _("the rows are not given as arrays")
    if not model.built:
        return {}, _("the model is not built yet: it has no keras.Input, and no weights")
    rows = np.sort(np.random.default_rng(0).choice(n, min(n, ROWS), replace=False))
    try:
        inputs, targets = keras.tree.map_structure(lambda part: data.rows_of(part, rows), (x, y))
        batch = keras.tree.map_structure(lambda part: Subject.tensor(part[:BATCH]), inputs)
        foreign = foreign_to(model, lambda rows: model(rows, training=False), batch)
        with kept(model, foreign):
            outputs, drew = _watched_pass(model, inputs)
    except CannotLook as reason:
        return {}, str(reason)
    except Exception as error:  # rows that the model does not take are the user's
        return {}, _("the model could not be called: {error}").format(error=describe(error))
    seen = len(first_of(outputs))
    inputs, targets = keras.tree.map_structure(lambda part: part[:seen], (inputs, targets))
    weights = arguments.get("sample_weight")
    subject = Subject(
        model=model,
        record=record,
        inputs=inputs,
        targets=targets,
        outputs=outputs,
        drew=drew,
        weighted=weights is not None or arguments.get("class_weight") is not None,
        sample_weight=np.asarray(data.rows_of(weights, rows))[:seen] if isinstance(weights, np.ndarray) else None,
    )
    found, reasons = {}, []
    for name, probe in probes().items():
        if name in on_demand() and name not in asked:
            continue
        with noting(name), contextlib.ExitStack() as stack:
            stack.enter_context(kept(model, foreign))
            try:
                if name in on_demand():
                    # it trains
                    learned = foreign_to(model, lambda rows: model(rows, training=True), batch)
                    stack.enter_context(kept(model, learned))
                quantity = probe(subject)
            except CannotLook as reason:
                quantity = None
                reasons.append(f"{name}: {reason}")
            finally:
                # what a traced pass has left is of no use outside of its graph
                model._clear_losses()
            if quantity is not None:
                found[name] = quantity
    return found, "; ".join(reasons)


@functools.cache
def probes() -> Mapping[str, Callable[[Subject], Quantity | None]]:
    """Name of the quantity -> the probe."""
    return {name: module.measure for name, module in _modules().items()}


@functools.cache
def on_demand() -> frozenset[str]:
    """Names of those that run only where they are asked for."""
    return frozenset(name for name, module in _modules().items() if getattr(module, "ASKED", False))


def _modules() -> dict[str, Any]:
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}


def compiled_loss(model: keras.Model) -> Callable[..., Any] | None:
    """The loss of `compile` as a function of targets, outputs and weights; None where the model has its own."""
    owner = next(base for base in type(model).__mro__ if "compute_loss" in base.__dict__)
    given = model._compile_loss
    if given is None or not owner.__module__.startswith("keras."):
        return None
    # one of our own: the model's is built by its first step
    loss: Callable[..., Any] = keras.src.trainers.compile_utils.CompileLoss(
        given._user_loss, given._user_loss_weights, output_names=given.output_names
    )
    return loss


def first_of(parts: Any) -> Any:
    """The first array of a structure of arrays."""
    return keras.tree.flatten(parts)[0]


def outputs_of(model: keras.Model, inputs: Any) -> Any:
    """What the model puts out for rows in inference mode, for as many of them as there is time for."""
    began, parts = time.perf_counter(), []
    n = len(first_of(inputs))
    for first in range(0, n, BATCH):
        batch = keras.tree.map_structure(lambda part, at=first: Subject.tensor(part[at : at + BATCH]), inputs)
        parts.append(keras.tree.map_structure(keras.ops.convert_to_numpy, model(batch, training=False)))
        if time.perf_counter() - began > SECONDS:
            break
    return keras.tree.map_structure(lambda *columns: np.concatenate(columns), *parts)


def numbers_of(outputs: Any) -> NDArray[np.float64]:
    """Outputs as one row of numbers per row."""
    return np.concatenate(
        [np.asarray(part, np.float64).reshape(len(part), -1) for part in keras.tree.flatten(outputs)], axis=1
    )


def foreign_to(model: keras.Model, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """The variables that a function of the model's uses, also those that Keras does not know of.

    Raises:
        CannotLook: where it would change more than variables.
    """
    if keras.config.backend() != "tensorflow":
        return []
    import tensorflow as tf

    from kerasdoctor.instrumentation.side_effects import captured, lasting

    with kept(model):
        # one that is made within the trace would belong to it
        keras.src.random.seed_generator.global_seed_generator()
        try:
            concrete = tf.function(function, autograph=False).get_concrete_function(*arguments)
        except Exception as error:  # a model that runs eagerly may be one that cannot be traced
            if not model.run_eagerly:
                raise
            reason = _("the model runs eagerly, and what it changes cannot be seen: {error}")
            raise CannotLook(reason.format(error=describe(error).splitlines()[0])) from None
        finally:
            model._clear_losses()
    reason = lasting(concrete, eagerly=True)
    if reason:
        raise CannotLook(reason)
    return captured(concrete)


@contextlib.contextmanager
def kept(model: keras.Model, foreign: Sequence[Any] = ()) -> Iterator[None]:
    """What a pass in inference mode may change is as it was: moving statistics, and Keras's random numbers.

    So are `foreign` variables, which Keras does not know of.
    """
    variables = list(model.non_trainable_variables)
    shared = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
    if shared is not None:
        variables.append(shared.state)
    before = [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
    values = [variable.read_value() for variable in foreign]
    try:
        yield
    finally:
        for variable, value in zip(foreign, values, strict=True):
            variable.assign(value)
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        if shared is None:
            keras.src.backend.common.global_state.set_global_attribute("global_seed_generator", None)


def _watched_pass(model: keras.Model, inputs: Any) -> tuple[Any, tuple[keras.layers.Layer, ...]]:
    layers = [layer for layer in model._flatten_layers(include_self=False) if layer._seed_generators]

    def states() -> list[bytes]:
        return [
            b"".join(keras.ops.convert_to_numpy(generator.state).tobytes() for generator in layer._seed_generators)
            for layer in layers
        ]

    before = states()
    outputs = outputs_of(model, inputs)
    drew = tuple(layer for layer, old, new in zip(layers, before, states(), strict=True) if old != new)
    return outputs, drew
