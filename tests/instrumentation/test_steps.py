"""What every step tells, against a slow independent computation; and that the tap comes off whatever happens."""

from __future__ import annotations

import contextlib
import gc
import itertools
import re
import weakref
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasdoctor
from kerasdoctor.errors import UsageError
from kerasdoctor.instrumentation.patching import is_kerass
from kerasdoctor.instrumentation.taps import TappedStep
from kerasdoctor.renderers import wording
from tests.instrumentation import matrix

BATCH = matrix.BATCH


def norm(tensor: Any) -> float:
    if isinstance(tensor, tf.IndexedSlices):
        tensor = tf.convert_to_tensor(tensor)
    return float(np.sqrt(np.sum(np.square(np.asarray(tensor, dtype=np.float64)))))


def slowly(model: keras.Model, x: np.ndarray, y: np.ndarray) -> list[dict[str, Any]]:
    """One epoch in order, step by step and eagerly."""
    told = []
    for begin in range(0, len(x), BATCH):
        rows = slice(begin, begin + BATCH)
        variables = model.trainable_variables
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x[rows], y[rows], model(x[rows], training=True), training=True)
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        before = [variable.numpy() for variable in variables]
        rate = float(model.optimizer.learning_rate)
        model.optimizer.apply(gradients, variables)
        after = [variable.numpy() for variable in variables]
        told.append(
            {
                "loss": float(loss),
                "gradients": [np.asarray(tf.convert_to_tensor(gradient), np.float64) for gradient in gradients],
                "rate": rate,
                "gradient_norm": [norm(gradient) for gradient in gradients],
                "update_norm": [norm(new - old) for new, old in zip(after, before, strict=True)],
                "weight_norm": [norm(new) for new in after],
            }
        )
    return told


def watched(model: keras.Model, x: np.ndarray, y: np.ndarray, level: str = "default", **options: Any) -> Any:
    with kerasdoctor.watch(quiet=True, level=level) as watch:
        model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, **options)
    assert not watch.report.record.failures
    return watch.report.record


MODELS = {
    "dense": (lambda: matrix.compiled(matrix.penalized()), matrix.rows),
    "clipped": (
        lambda: matrix.compiled(matrix.penalized(), optimizer=keras.optimizers.SGD(0.5, global_clipnorm=0.01)),
        matrix.rows,
    ),
    "schedule": (lambda: matrix.compiled(matrix.penalized(), optimizer=matrix.schedule()), matrix.rows),
    "embedding": (matrix.recurrent(lambda: keras.layers.LSTM(4)), matrix.tokens),
    "shared": (matrix.functional_shared, matrix.rows),
    "convolutional": (matrix.convolutional, matrix.images),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_step_against_a_slow_loop(name):
    build, data = MODELS[name]
    x, y = data()
    keras.utils.set_random_seed(3)
    slow = slowly(build(), x, y)
    keras.utils.set_random_seed(3)
    model = build()
    quantities = watched(model, x, y).quantities
    assert quantities["gradient_norm"].columns == tuple(variable.path for variable in model.trainable_variables)
    for quantity in ("gradient_norm", "update_norm", "weight_norm"):
        table = quantities[quantity]
        assert table.first.tolist() == list(range(1, len(slow) + 1))
        expected = [step[quantity] for step in slow]
        np.testing.assert_allclose(table.mean, expected, rtol=2e-3, atol=1e-5, err_msg=quantity)
    np.testing.assert_allclose(quantities["batch_loss"].values, [step["loss"] for step in slow], rtol=1e-4)
    whole = [np.sqrt(np.sum(np.square(step["gradient_norm"]))) for step in slow]
    np.testing.assert_allclose(quantities["global_gradient_norm"].values, whole, rtol=2e-3)
    rates = [step["rate"] for step in slow]
    kept = [0, *(index for index in range(1, len(rates)) if rates[index] != rates[index - 1])]
    np.testing.assert_allclose(quantities["learning_rate"].values, [rates[index] for index in kept], rtol=1e-6)
    assert quantities["learning_rate"].steps.tolist() == [index + 1 for index in kept]


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sum(one * other) / np.sqrt(np.sum(one**2) * np.sum(other**2)))


@pytest.mark.parametrize("name", MODELS)
def test_consecutive_gradients_at_the_full_level(name):
    build, data = MODELS[name]
    x, y = data()
    keras.utils.set_random_seed(3)
    slow = slowly(build(), x, y)
    keras.utils.set_random_seed(3)
    model = build()
    # the second fit has no step before its first
    for _ in range(2):
        quantities = watched(model, x, y, level="full").quantities
        cosines = quantities["gradient_cosine"]
        assert cosines.columns == quantities["gradient_norm"].columns
        assert cosines.first.tolist() == list(range(2, len(slow) + 1))
        if model.optimizer.iterations == len(slow):
            pairs = itertools.pairwise(step["gradients"] for step in slow)
            expected = [[cosine(*both) for both in zip(*pair, strict=True)] for pair in pairs]
            np.testing.assert_allclose(cosines.mean, expected, atol=5e-3)
    assert quantities["nonfinite_gradients"].mean.max() == 0


def test_the_elements_of_a_gradient_that_are_not_finite_are_counted():
    x, _ = matrix.rows()
    x[3 * BATCH + 5, 2] = np.nan
    inputs = keras.Input((matrix.FEATURES,))
    # the NaN reaches one row of the kernel alone
    model = keras.Model(inputs, Gate()(inputs))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    counts = watched(model, x, np.nan_to_num(x), level="full").quantities["nonfinite_gradients"]
    assert counts.mean[:, 0].tolist() == [0, 0, 0, 1, 1, 1, 1]


class Gate(keras.layers.Layer):
    """Each feature times a weight of its own."""

    def build(self, shape: Any) -> None:
        self.weight = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, inputs: Any) -> Any:
        return inputs * self.weight


def test_gradients_under_mixed_precision_are_without_the_loss_scale():
    x, y = matrix.rows()
    keras.utils.set_random_seed(3)
    plain = watched(matrix.functional_shared(), x, y)
    keras.utils.set_random_seed(3)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        mixed = watched(matrix.functional_shared(), x, y)
    finally:
        keras.config.set_dtype_policy("float32")
    assert set(mixed.quantities["loss_scale"].values) == {2.0**15}
    assert "loss_scale" not in plain.quantities
    np.testing.assert_allclose(
        mixed.quantities["gradient_norm"].mean[:2], plain.quantities["gradient_norm"].mean[:2], rtol=0.05
    )


def test_the_loss_scale_is_the_one_that_each_step_used():
    x, y = matrix.rows()
    model = matrix.functional_shared()
    model.compile(
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01), initial_scale=4.0, dynamic_growth_steps=2),
        "sparse_categorical_crossentropy",
    )
    scale = watched(model, x, y).quantities["loss_scale"]
    # seven steps; it doubles after every second one
    assert dict(zip(scale.steps.tolist(), scale.values.tolist(), strict=True)) == {1: 4, 3: 8, 5: 16, 7: 32}


def test_a_gradient_that_is_not_finite_is_counted_in_its_step_and_variable():
    x, y = matrix.rows()
    x[3 * BATCH + 5] = np.nan
    # no ReLU: where it is fused with a product, some processors make 0 of its NaN
    table = watched(matrix.functional_shared(), x, y).quantities["gradient_norm"]
    assert table.nonfinite[:3].sum() == 0
    assert table.nonfinite[3:].all()


def test_updates_while_gradients_accumulate_are_zero():
    x, y = matrix.rows()
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=3)
    record = watched(matrix.compiled(matrix.penalized(), optimizer=optimizer), x, y)
    moved = record.quantities["update_norm"].mean.max(axis=1) > 0
    assert moved.tolist() == [False, False, True, False, False, True, False]
    assert record.quantities["gradient_norm"].minimum[:, 0].min() > 0


def test_steps_per_execution_tells_the_last_step_of_each():
    x, y = matrix.rows()
    record = watched(matrix.dense(steps_per_execution=3), x, y, epochs=2)
    # Keras counts the last, partial execution as a whole one
    assert record.quantities["gradient_norm"].last.tolist() == [3, 6, 9, 12, 15, 18]


@pytest.mark.parametrize(
    ("model", "level", "reason"),
    [
        (matrix.dense, "light", "the level is light"),
        (lambda: matrix.compiled(matrix.OwnFunction()), "default", "the model makes a train function of its own"),
    ],
)
def test_without_a_tap_the_logs_still_tell_the_losses(model, level, reason):
    keras.utils.set_random_seed(1)
    with kerasdoctor.watch(quiet=True, level=level) as watch:
        model().fit(*matrix.rows(), epochs=2, verbose=0)
    record = watch.report.record
    assert record.instrument.untapped == reason
    assert len(record.quantities["batch_loss"]) == 14
    assert record.quantities["learning_rate"].values.tolist() == pytest.approx([0.001])
    assert "gradient_norm" not in record.quantities


def test_a_level_that_does_not_exist():
    for make in (lambda: kerasdoctor.Doctor(level="loud"), lambda: kerasdoctor.watch(level="loud").__enter__()):
        with pytest.raises(UsageError, match="no level 'loud': write one of light, default, full"):
            make()


def test_the_full_level_that_would_change_the_training_is_lowered_and_says_so():
    keras.utils.set_random_seed(1)
    with kerasdoctor.watch(quiet=True, level="full") as watch:
        matrix.dense(jit_compile=True).fit(*matrix.rows(), epochs=1, verbose=0)
    record = watch.report.record
    assert record.instrument.lowered.startswith("to the default level: jit_compile=True")
    assert "gradient_norm" in record.quantities
    assert "gradient_cosine" not in record.quantities
    assert ("lowered", record.instrument.lowered) in dict(wording.facts(record))["Recorded"]


def test_a_crash_of_the_tap_leaves_the_training_as_it_is(monkeypatch):
    plain = matrix.dense
    keras.utils.set_random_seed(1)
    expected = plain()
    expected.fit(*matrix.rows(), epochs=2, verbose=0)

    def crash(*_: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(TappedStep, "_vector", crash)
    keras.utils.set_random_seed(1)
    model = plain()
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(*matrix.rows(), epochs=2, verbose=0)
    for one, other in zip(expected.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert watch.report.record.instrument.untapped == "tapping the train step failed: RuntimeError: ours"
    assert len(watch.report.record.quantities["batch_loss"]) == 14


def test_an_error_of_the_users_step_is_kerass_own():
    def fit(model: keras.Model) -> str:
        x, y = matrix.rows()
        with pytest.raises(ValueError) as raised:  # noqa: PT011 (its text is what is compared)
            model.fit(x[:, :5], y, verbose=0)
        return str(raised.value)

    model = matrix.dense()
    with kerasdoctor.watch(quiet=True):
        watched = fit(model)
    assert re.sub(r"_\d+", "", watched) == re.sub(r"_\d+", "", fit(matrix.dense()))
    assert type(model.train_function).__name__ == "function"
    assert "apply" not in vars(model.optimizer)


def test_a_second_fit_traces_nothing_and_a_new_compile_does(monkeypatch):
    traced = []
    original = TappedStep.__call__
    monkeypatch.setattr(TappedStep, "__call__", lambda self, data: traced.append(1) or original(self, data))
    model = matrix.dense()
    with kerasdoctor.watch(quiet=True):
        model.fit(*matrix.rows(), verbose=0)
        first = len(traced)
        model.fit(*matrix.rows(), verbose=0)
        assert len(traced) == first > 0
        matrix.compiled(model)
        model.fit(*matrix.rows(), verbose=0)
        assert len(traced) > first


def test_a_watched_model_can_be_freed():
    def train() -> weakref.ref[keras.Model]:
        model = matrix.dense()
        with kerasdoctor.watch(quiet=True):
            model.fit(*matrix.rows(), verbose=0)
        return weakref.ref(model)

    alive = train()
    gc.collect()
    assert alive() is None


class Stop(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if batch == 3:
            raise RuntimeError("the user's own")


def test_after_a_normal_end_the_callback_leaves_kerass_own_functions():
    model = matrix.dense()
    doctor = kerasdoctor.Doctor(quiet=True)
    for _ in range(2):
        model.fit(*matrix.rows(), validation_split=0.2, verbose=0, callbacks=[doctor])
        for function in (model.train_function, model.test_function):
            assert type(function).__name__ == "function"
            assert function.__module__.startswith("keras.")
        assert doctor.report.record.instrument.untapped == ""
        assert "gradient_norm" in doctor.report.record.quantities


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end", "on_test_batch_end"])
def test_an_exception_between_two_steps_leaves_nothing_with_a_doctor(kind, hook):
    model = matrix.dense()
    doctor = kerasdoctor.Doctor(quiet=True)
    options = {"validation_split": 0.2, "verbose": 0}
    model.fit(*matrix.rows(), **options)
    before = model.train_function, model.test_function

    def broken(*_: Any, **__: Any) -> None:
        raise kind

    stop = keras.callbacks.Callback()
    setattr(stop, hook, broken)
    # whoever keeps the traceback keeps the fit
    with contextlib.suppress(kind):
        model.fit(*matrix.rows(), **options, callbacks=[doctor, stop])
    assert (model.train_function, model.test_function) == before
    # the same doctor goes on with another model
    other = matrix.dense()
    other.fit(*matrix.rows(), **options, callbacks=[doctor])
    assert "gradient_norm" in doctor.report.record.quantities


def test_what_is_left_of_a_fit_is_not_taken_for_a_later_one():
    model, other = matrix.dense(), matrix.dense()
    doctor = kerasdoctor.Doctor(quiet=True)
    kept: list[BaseException] = []
    try:
        model.fit(*matrix.rows(), verbose=0, callbacks=[doctor, Stop()])
    except RuntimeError as error:
        kept.append(error)
    forgetting = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: kept.clear())
    other.fit(*matrix.rows(), verbose=0, callbacks=[doctor, forgetting])
    assert doctor.report.record.outcome.status == "finished"
    assert is_kerass(model.train_function)
    assert is_kerass(other.train_function)


@pytest.mark.parametrize("way", ["watch", "doctor"])
def test_after_an_exception_keras_trains_with_its_own_function_again(way):
    model = matrix.dense()
    x, y = matrix.rows()
    watching = kerasdoctor.watch(quiet=True) if way == "watch" else contextlib.nullcontext()
    callbacks = [Stop()] if way == "watch" else [Stop(), kerasdoctor.Doctor(quiet=True)]
    with watching, pytest.raises(RuntimeError, match="the user's own"):
        model.fit(x, y, verbose=0, callbacks=callbacks)
    # another callback's exception cannot be seen from a callback; the next fit finds out
    model.fit(x, y, verbose=0, epochs=1)
    assert type(model.train_function).__name__ == "function"
    assert model.train_function.__module__.startswith("keras.")
