"""State that Keras does not know of: looks, replays and probes leave it as an unwatched run does, or are not made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasdoctor
from kerasdoctor.instrumentation import evaluations
from kerasdoctor.instrumentation.checking import check
from kerasdoctor.instrumentation.observer import Observer
from kerasdoctor.instrumentation.side_effects import captured, lasting
from kerasdoctor.record import TrainingRecord

ROWS, FEATURES, CLASSES = 640, 6, 3
#: Calls of Python from within a step.
calls: list[int] = []


class Counting(keras.layers.Layer):
    """Counts its calls in a variable that Keras does not track."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = tf.Variable(0, trainable=False)

    def call(self, inputs: Any) -> Any:
        self.calls.assign_add(1, read_value=False)
        return inputs * (1.0 + tf.cast(self.calls, tf.float32) * 1e-3)

    def foreign(self) -> Any:
        return self.calls


class Generating(keras.layers.Layer):
    """Draws from a generator of TensorFlow's."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = tf.random.Generator.from_seed(3)

    def call(self, inputs: Any) -> Any:
        return inputs + 0.1 * self.generator.normal(tf.shape(inputs))

    def foreign(self) -> Any:
        return self.generator.state


class InBranch(keras.layers.Layer):
    """Draws random numbers in the body of a condition."""

    def call(self, inputs: Any) -> Any:
        return tf.cond(
            tf.reduce_sum(tf.abs(inputs)) >= 0, lambda: inputs + 0.1 * tf.random.normal((FEATURES,)), lambda: inputs
        )


class InPython(keras.layers.Layer):
    """Draws from numpy."""

    def call(self, inputs: Any) -> Any:
        def noisy(values: np.ndarray) -> np.ndarray:
            calls.append(1)
            return values + 0.1 * np.random.randn(*values.shape).astype("float32")  # noqa: NPY002 (as users do)

        outputs = tf.numpy_function(noisy, [inputs], tf.float32)
        outputs.set_shape(inputs.shape)
        return outputs


class Printing(keras.layers.Layer):
    """Prints at every step."""

    def call(self, inputs: Any) -> Any:
        tf.print("a step", output_stream="file:///dev/null")
        return inputs


RESTORED: list[Callable[[], keras.layers.Layer]] = [Counting, Generating]
REFUSED = {InBranch: "RandomStandardNormal", InPython: "PyFunc", Printing: "PrintV2"}


def rows() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.standard_normal((ROWS, FEATURES)).astype("float32"), generator.integers(0, CLASSES, ROWS)


def compiled(kind: Callable[[], keras.layers.Layer], **options: Any) -> keras.Model:
    keras.utils.set_random_seed(5)
    calls.clear()
    layers = [kind(), keras.layers.Dense(32, "relu"), keras.layers.Dense(CLASSES, "softmax")]
    model = keras.Sequential([keras.Input((FEATURES,)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return model


def state(model: keras.Model) -> list[Any]:
    """What the run has come to, and what is drawn next."""
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    variables += [layer.foreign() for layer in model.layers if hasattr(layer, "foreign")]
    drawn = [np.random.rand(), float(tf.random.uniform(())), float(keras.random.uniform(()))]  # noqa: NPY002
    return [*(keras.ops.convert_to_numpy(variable).tobytes() for variable in variables), *drawn, len(calls)]


@pytest.fixture
def looking(monkeypatch):
    """Looks at training rows before the first step and after every epoch."""
    monkeypatch.setattr(evaluations, "LEAST_TRAINED", 0)
    monkeypatch.setattr(evaluations, "SHARE", 100.0)


def trained_both_ways(kind: Callable[[], keras.layers.Layer], x: Any, y: Any, **options: Any) -> TrainingRecord:
    """The record of a watched fit, which ends as a plain one does."""
    compiling = {"run_eagerly": options.pop("run_eagerly", False)}
    plain, watched = compiled(kind, **compiling), None
    history = plain.fit(x, y, verbose=0, **options).history
    expected = state(plain)
    watched = compiled(kind, **compiling)
    with kerasdoctor.watch(quiet=True) as watch:
        watched.fit(x, y, verbose=0, **options)
    assert state(watched) == expected
    record = watch.report.record
    assert not record.failures
    np.testing.assert_equal(record.history, history)
    return record


@pytest.mark.usefixtures("looking")
@pytest.mark.parametrize("validation", [{}, {"validation_split": 0.2}], ids=["alone", "validated"])
class TestLooks:
    @pytest.mark.parametrize("kind", RESTORED)
    def test_at_rows_leave_the_variables_that_keras_does_not_know(self, kind, validation):
        record = trained_both_ways(kind, *rows(), epochs=3, **validation)
        assert len(record.quantities["inference_metrics"]) >= 3
        assert record.instrument.unlooked == ""

    @pytest.mark.parametrize("kind", REFUSED)
    def test_are_not_made_where_something_would_be_left_and_the_report_says_so(self, kind, validation):
        record = trained_both_ways(kind, *rows(), epochs=3, **validation)
        assert "inference_metrics" not in record.quantities
        assert REFUSED[kind] in record.instrument.unlooked


class TestReplay:
    @staticmethod
    def found(kind: Callable[[], keras.layers.Layer], **options: Any) -> Any:
        x, y = rows()
        x[200, 1] = np.nan
        record = trained_both_ways(kind, x, y, epochs=2, shuffle=False, **options)
        return record.quantities["first_nonfinite"]

    @pytest.mark.parametrize("eagerly", [False, True])
    @pytest.mark.parametrize("kind", RESTORED)
    def test_leaves_the_variables_that_keras_does_not_know(self, kind, eagerly):
        told = self.found(kind, run_eagerly=eagerly)
        assert (told.origin, told.step, told.samples) == ("input", 7, (200,))

    @pytest.mark.parametrize("kind", REFUSED)
    def test_is_not_made_where_something_would_be_left_and_says_so(self, kind):
        told = self.found(kind)
        assert (told.origin, told.step) == ("unknown", 7)
        assert told.remark.startswith("not replayed: ")
        assert REFUSED[kind] in told.remark

    def test_of_an_eager_step_that_draws_takes_its_seeds_back(self):
        assert self.found(InBranch, run_eagerly=True).origin == "input"

    def test_of_an_eager_step_that_cannot_be_traced_is_not_made(self):
        class Reading(Counting):
            def call(self, inputs: Any) -> Any:
                return inputs * float(tf.reduce_sum(inputs).numpy() != 0.0)

            def compute_output_shape(self, shape: Any) -> Any:
                return shape

        assert "what it changes cannot be seen" in self.found(Reading, run_eagerly=True).remark


class TestProbes:
    @staticmethod
    def checked(kind: Callable[[], keras.layers.Layer], *asked: str) -> TrainingRecord:
        before = state(compiled(kind))
        model, (x, y) = compiled(kind), rows()
        report = check(
            lambda: model.fit(x, y),
            observer=Observer(),
            ignored={},
            cell_id="",
            usage_error=ValueError,
            unseen="no fit",
            probes=asked,
        )
        assert state(model) == before
        assert not report.record.failures
        return report.record

    @pytest.mark.parametrize("kind", [*RESTORED, InBranch])
    def test_leave_the_variables_that_keras_does_not_know(self, kind):
        record = self.checked(kind, "overfit_batch")
        assert record.instrument.unprobed == ""
        assert {"initial_loss", "overfit_batch"} <= set(record.quantities)

    @pytest.mark.parametrize("kind", [InPython, Printing])
    def test_are_not_made_where_something_would_be_left(self, kind):
        record = self.checked(kind)
        assert "initial_loss" not in record.quantities
        assert REFUSED[kind] in record.instrument.unprobed


# the graph alone


def traced(function: Callable[[Any], Any]) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(tf.ones((4, 3)))


def test_what_is_within_a_loop_is_found():
    drawing = traced(lambda x: tf.map_fn(lambda row: row + tf.random.normal((3,)), x))
    assert "RandomStandardNormal" in lasting(drawing)
    assert lasting(traced(lambda x: tf.map_fn(lambda row: 2 * row, x))) == ""


def test_random_numbers_of_a_function_that_is_called_are_its_own():
    inner = tf.function(lambda x: x + tf.random.normal((3,)), autograph=False)
    assert "RandomStandardNormal" in lasting(traced(inner), eagerly=True)
    assert lasting(traced(lambda x: x + tf.random.normal((3,))), eagerly=True) == ""


def test_a_table_is_looked_up_and_not_written():
    initializer = tf.lookup.KeyValueTensorInitializer([1, 2], [0.5, 0.25])
    table = tf.lookup.StaticHashTable(initializer, 0.0)
    found = traced(lambda x: table.lookup(tf.cast(x, tf.int32)))
    assert lasting(found) == ""
    assert captured(found) == []
    other = tf.lookup.experimental.MutableHashTable(tf.int32, tf.float32, 0.0)

    def write(x: Any) -> None:
        other.insert(tf.cast(x[:, 0], tf.int32), x[:, 0])

    written = traced(write)
    assert "LookupTableInsertV2" in lasting(written)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_recurrent_kernel_draws_for_its_dropout_alone(dropout):
    def run(x: Any) -> Any:
        state = tf.zeros((1, 4, 5))
        inputs = tf.reshape(x, (1, 4, 3))
        return tf.raw_ops.CudnnRNNV3(
            input=inputs,
            input_h=state,
            input_c=state,
            params=tf.zeros(500),
            sequence_lengths=[1] * 4,
            dropout=dropout,
        )[0]

    assert bool(lasting(traced(run))) is bool(dropout)
