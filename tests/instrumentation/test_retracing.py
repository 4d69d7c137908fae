"""A watched fit goes on with what Keras has compiled, as the plain one does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasdoctor
from kerasdoctor.instrumentation import retracing
from kerasdoctor.record import TrainingRecord
from tests.instrumentation import matrix
from tests.instrumentation.test_matrix import state

X, Y = matrix.rows()
Fits = Callable[[keras.Model, Callable[[], Any]], Any]

MODELS: dict[str, Callable[[], keras.Model]] = {
    "dense": matrix.dense,
    "shared": matrix.functional_shared,
    "nested": matrix.nested,
    "subclassed": lambda: matrix.compiled(matrix.Subclassed()),
    "penalty": matrix.own_penalty,
    "adam": lambda: matrix.compiled(matrix.penalized(), optimizer="adam"),
    "nesterov": lambda: matrix.compiled(matrix.penalized(), optimizer=keras.optimizers.SGD(0.1, 0.9, nesterov=True)),
    "schedule": lambda: matrix.compiled(matrix.penalized(), optimizer=matrix.schedule()),
    "clipped": lambda: matrix.compiled(matrix.penalized(), optimizer=keras.optimizers.Adam(global_clipnorm=1.0)),
    "jit": lambda: matrix.compiled(matrix.penalized(), jit_compile=True),
}


def record_of(model: keras.Model, fits: Fits, *, watched: bool = True) -> TrainingRecord | None:
    """What the last of the fits recorded, which alone is watched."""
    keras.utils.set_random_seed(7)
    found: list[kerasdoctor.Watch] = []

    @contextlib.contextmanager
    def watch() -> Any:
        if not watched:
            yield
            return
        with kerasdoctor.watch(quiet=True) as one:
            yield
        found.append(one)

    fits(model, watch)
    return found[-1].report.record if found else None


def same(build: Callable[[], keras.Model], fits: Fits) -> TrainingRecord:
    """The record of the watched fits, which end as the plain ones do."""
    keras.utils.set_random_seed(1)
    plain = build()
    record_of(plain, fits, watched=False)
    keras.utils.set_random_seed(1)
    model = build()
    record = record_of(model, fits)
    assert record is not None
    assert not record.failures
    for one, other in zip(state(plain), state(model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert plain.history.history == model.history.history
    return record


def plain_then_watched(model: keras.Model, watch: Callable[[], Any]) -> None:
    model.fit(X, Y, validation_split=0.2, epochs=1, verbose=0)
    with watch():
        model.fit(X, Y, validation_split=0.2, epochs=2, verbose=0)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_that_was_fitted_before_is_tapped(name):
    record = same(MODELS[name], plain_then_watched)
    assert not record.instrument.untapped
    assert not record.instrument.unwatched
    assert "gradient_norm" in record.quantities


@pytest.mark.parametrize("sizes", [(50, 48), (32, 48), (48, 50), (32, 48, 64), (48, 32, 48)])
@pytest.mark.parametrize("first", ["watched", "plain"])
def test_batches_of_other_sizes(sizes, first):
    def fits(model: keras.Model, watch: Callable[[], Any]) -> None:
        for index, size in enumerate(sizes):
            with watch() if index == len(sizes) - 1 or first == "watched" else contextlib.nullcontext():
                model.fit(X[:192], Y[:192], batch_size=size, epochs=2, verbose=0)

    def build() -> keras.Model:
        layers = [keras.layers.Dense(16, "tanh"), keras.layers.BatchNormalization()]
        head = keras.layers.Dense(matrix.CLASSES, "softmax")
        return matrix.compiled(keras.Sequential([keras.Input((matrix.FEATURES,)), *layers, head]))

    assert not same(build, fits).instrument.untapped


class Scaled(keras.Model):
    """Reads a Python number when it is traced."""

    scale = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.out = keras.layers.Dense(matrix.CLASSES, "softmax")

    def call(self, inputs: Any) -> Any:
        return self.out(inputs * self.scale)


def test_a_number_that_was_read_when_keras_traced():
    def fits(model: Scaled, watch: Callable[[], Any]) -> None:
        model.fit(X, Y, epochs=1, verbose=0)
        model.scale = 0.1
        with watch():
            model.fit(X, Y, epochs=2, verbose=0)

    record = same(lambda: matrix.compiled(Scaled()), fits)
    assert "the step that it compiled before" in record.instrument.untapped
    assert "batch_loss" in record.quantities


def test_random_numbers_that_go_on_within_an_operation():
    record = same(matrix.random_operation, plain_then_watched)
    assert "the step that it compiled before" in record.instrument.untapped


def test_signatures_are_those_of_tensorflow():
    function = tf.function(lambda batch: batch[0], reduce_retracing=True)
    known: list[Any] = []
    generator = np.random.default_rng(0)
    for _ in range(40):
        size = generator.choice([None, 8, 9, 10], p=[0.1, 0.3, 0.3, 0.3])
        spec = (tf.TensorSpec((size, generator.choice([3, 4])), tf.float32),)
        expected = retracing.spec_of(function.get_concrete_function(spec))
        found = retracing.signature(spec, known)
        assert found == expected
        if found not in known:
            known.append(found)
