"""The first NaN: planted causes, each to be found in its step, its sample and its layer."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import kerasdoctor
from kerasdoctor.diagnosis import Status
from kerasdoctor.instrumentation import flight_recorder
from kerasdoctor.instrumentation.taps import Layout
from kerasdoctor.quantities.first_nonfinite import FirstNonfinite
from kerasdoctor.record import TrainingRecord

ROWS, FEATURES, BATCH = 320, 6, 32
#: The sample that is at fault, in the arrays as they were given.
AT_FAULT = 211


def rows(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.uniform(0.1, 1, (ROWS, FEATURES)).astype("float32")
    return x, (x.sum(axis=1) > x.sum(axis=1).mean()).astype("float32")


@keras.saving.register_keras_serializable("tests")
class Log(layers.Layer):
    """A logarithm that its author thought safe."""

    def call(self, inputs: Any) -> Any:
        return ops.log(inputs)


@keras.saving.register_keras_serializable("tests")
class Norm(layers.Layer):
    """A length whose gradient at 0 is 0/0."""

    def call(self, inputs: Any) -> Any:
        return ops.sqrt(ops.sum(inputs**2, axis=-1, keepdims=True))


class InfiniteInTheEnd(keras.optimizers.schedules.LearningRateSchedule):
    """Steps of 0.1, six of them."""

    def __call__(self, step: Any) -> Any:
        return tf.where(step < 6, 0.1, np.inf)


def own_loss(y_true: Any, y_pred: Any) -> Any:
    share = ops.squeeze(y_pred, -1)
    distance = ops.reshape(y_true, (-1,)) / share
    return ops.abs(distance - 1)


def network(*middle: layers.Layer, last: str = "sigmoid") -> keras.Model:
    head = layers.Dense(1, activation=last, name="head")
    return keras.Sequential([keras.Input((FEATURES,)), *middle, head], name="network")


def dense(name: str, **options: Any) -> layers.Layer:
    return layers.Dense(8, activation="relu", name=name, **options)


@keras.saving.register_keras_serializable("tests")
class Quiet(layers.Layer):
    """0 for NaN, as a ReLU does on some processors: the loss stays finite, the gradient does not."""

    def call(self, inputs: Any) -> Any:
        return ops.where(ops.isnan(inputs), 0.0, ops.relu(inputs))


def step_of(sample: int, order: list[int]) -> int:
    """The step that draws a sample, from the order in which a plain run draws them."""
    return order.index(sample) // BATCH + 1


def watched(model: keras.Model, *data: Any, **options: Any) -> TrainingRecord:
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(*data, **{"batch_size": BATCH, "epochs": 2, "verbose": 0, **options})
    assert not watch.report.record.failures
    return watch.report.record


def found(record: TrainingRecord) -> FirstNonfinite:
    return record.quantities["first_nonfinite"]


def first_step_that_draws(x: np.ndarray, sample: int) -> int:
    """In a shuffled epoch of a seeded run: a plain model is asked what it was given."""
    seen: list[np.ndarray] = []

    class Spy(keras.Model):
        def train_step(self, data: Any) -> Any:
            seen.append(keras.ops.convert_to_numpy(data[0]))
            return {"loss": 0.0}

    spy = Spy()
    spy.compile(run_eagerly=True)
    keras.utils.set_random_seed(1)
    spy.fit(x, x, batch_size=BATCH, epochs=1, verbose=0)
    wanted = x[sample]
    return next(
        index + 1 for index, batch in enumerate(seen) if any(row.tobytes() == wanted.tobytes() for row in batch)
    )


def test_nan_that_the_loss_does_not_show():
    x, y = rows()
    x[AT_FAULT, 2] = np.nan
    model = network(layers.Dense(8, name="one"), Quiet())
    model.compile("adam", "binary_crossentropy")
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0, shuffle=False)
    step = AT_FAULT // BATCH + 1
    assert np.isfinite(watch.report.record.history["loss"]).all()
    told = found(watch.report.record)
    assert (told.origin, told.step, told.samples) == ("input", step, (AT_FAULT,))
    diagnosis = next(diagnosis for diagnosis in watch.report.diagnoses if diagnosis.name == "nan-loss")
    assert f"network/one/kernel holds NaN or infinity from step {step} on, although the loss is" in diagnosis.message
    confirmed = [cause for cause in diagnosis.causes if cause.status is Status.CONFIRMED]
    assert [cause.name for cause in confirmed] == ["nan-in-data"]
    assert confirmed[0].prescriptions


def test_nan_in_one_input_of_a_shuffled_epoch():
    x, y = rows()
    x[AT_FAULT, 2] = np.nan
    model = network(dense("one"), dense("two"))
    model.compile("adam", "binary_crossentropy")
    step = first_step_that_draws(x, AT_FAULT)
    keras.utils.set_random_seed(1)
    told = found(watched(model, x, y))
    assert (told.origin, told.step, told.samples) == ("input", step, (AT_FAULT,))
    assert told.layer.endswith("one")


@pytest.mark.parametrize("scaled", [False, True])
def test_nan_in_the_third_epoch_after_a_callback_changed_the_learning_rate(scaled: bool):
    x, y = rows()

    class Later(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            done = int(self.model.optimizer.iterations.numpy())
            self.model.optimizer.learning_rate = 1e30 if done == 25 else 0.01

    model = network(dense("one"), last="linear")
    optimizer = keras.optimizers.SGD(0.01)
    model.compile(keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer, "mse")
    told = found(watched(model, x, y, shuffle=False, epochs=3, callbacks=[Later()]))
    assert (told.step, told.origin) == (26, "update")
    assert told.largest_weight < 10


def test_nan_from_a_pipeline_is_found_in_its_batch():
    x, y = rows()
    x[AT_FAULT, 0] = np.inf
    model = network(dense("one"))
    model.compile("adam", "binary_crossentropy")
    told = found(watched(model, tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH), batch_size=None))
    assert (told.origin, told.step) == ("input", AT_FAULT // BATCH + 1)
    assert (told.rows, told.samples) == ((AT_FAULT % BATCH,), ())


class OwnStep(keras.Model):
    """A train step of one's own, whose loss Keras does not see."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = keras.Sequential([dense("one"), Log(name="logarithm"), layers.Dense(1, name="head")])

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)

    def train_step(self, data: Any) -> Any:
        x, y = data
        with tf.GradientTape() as tape:
            loss = ops.mean(ops.square(self(x, training=True) - y[:, None]))
        weights = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss}


def test_a_train_step_of_ones_own_with_a_nested_model():
    x, y = rows()
    model = OwnStep()
    model.compile(keras.optimizers.SGD(1e-6))
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.kind, told.operation, told.step) == ("layer", "Log", "Log", 1)
    assert told.layer.endswith("logarithm")


def test_afterwards_everything_is_as_after_a_plain_fit():
    x, y = rows()
    x[AT_FAULT, 0] = np.nan

    def fit(*, plainly: bool) -> list[Any]:
        keras.utils.set_random_seed(3)
        layer = dense("one", kernel_initializer="glorot_uniform")
        model = network(layer, layers.BatchNormalization(), layers.Dropout(0.5), last="linear")
        model.compile("adam", "mse", metrics=["mae"])
        if plainly:
            model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0)
        else:
            told = found(watched(model, x, y))
            assert told.samples == (AT_FAULT,)
        state = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        drawn = [np.random.rand(), float(tf.random.uniform(())), float(keras.random.uniform(()))]  # noqa: NPY002
        return [*(keras.ops.convert_to_numpy(variable) for variable in state), *drawn]

    for watched_one, plain_one in zip(fit(plainly=False), fit(plainly=True), strict=True):
        np.testing.assert_array_equal(watched_one, plain_one)
    assert "__call__" in keras.layers.Layer.__dict__
    assert keras.layers.Layer.__call__.__module__.startswith("keras.")
    assert tf.GradientTape.gradient.__module__.startswith("tensorflow.")


def test_what_cannot_be_replayed_is_detected_and_says_why():
    x, y = rows()
    y[:] = np.nan
    model = network(dense("one"))
    model.compile("adam", "mse", steps_per_execution=4)
    told = found(watched(model, x, y))
    assert told.origin == "unknown"
    assert told.step == 4
    assert "Keras draws the batches" in told.remark


def test_a_step_that_runs_eagerly_is_replayed():
    x, y = rows()
    x[AT_FAULT, 2] = 0.0
    model = network(Log(name="logarithm"), dense("one"))
    model.compile("adam", "binary_crossentropy", run_eagerly=True)
    told = found(watched(model, x, y, shuffle=False, epochs=1))
    assert (told.origin, told.step, told.samples) == ("layer", AT_FAULT // BATCH + 1, (AT_FAULT,))
    assert told.layer == "network/logarithm"


def test_a_model_beyond_the_budget_is_not_kept(monkeypatch):
    monkeypatch.setattr(flight_recorder, "BUDGET", 2**10)
    x, y = rows()
    y[:] = np.nan
    model = network(dense("one"))
    model.compile("adam", "mse")
    told = found(watched(model, x, y))
    assert (told.origin, told.step) == ("unknown", 1)
    assert "more than the" in told.remark


def test_large_batches_are_kept_for_fewer_steps():
    x, y = rows()
    model = network(dense("one"))
    model.compile("adam", "mse")
    recorder = flight_recorder.FlightRecorder(model, budget=30_000)
    layout = Layout(loss=True, learning_rate=False, loss_scale=False, variables=())
    kept = []
    for step in range(1, 200):
        recorder.before((tf.constant(x[:BATCH]), tf.constant(y[:BATCH])))
        recorder.after(step, layout, np.array([np.nan if step == 150 else 1.0], np.float32))
        kept.append(len(recorder._batches))
    assert max(kept) < flight_recorder.MOST_BATCHES
    assert recorder.landed().step == 150


def test_a_healthy_run_has_no_first_nan():
    x, y = rows()
    model = network(dense("one"))
    model.compile("adam", "mse")
    assert "first_nonfinite" not in watched(model, x, y).quantities


def test_nan_in_one_target():
    x, y = rows()
    y[AT_FAULT] = np.nan
    model = network(dense("one"))
    model.compile("adam", "mse")
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.step, told.samples) == ("target", AT_FAULT // BATCH + 1, (AT_FAULT,))
    assert told.rows == (AT_FAULT % BATCH,)


def test_infinite_sample_weight():
    x, y = rows()
    weight = np.ones(ROWS, "float32")
    weight[AT_FAULT] = np.inf
    model = network(dense("one"))
    model.compile("adam", "mse")
    told = found(watched(model, x, y, shuffle=False, sample_weight=weight))
    assert (told.origin, told.step, told.samples) == ("sample_weight", AT_FAULT // BATCH + 1, (AT_FAULT,))


def test_logarithm_of_zero_in_a_layer():
    x, y = rows()
    x[AT_FAULT] = 0
    model = network(Log(name="logarithm"), dense("one"))
    model.compile("adam", "binary_crossentropy")
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.step, told.samples) == ("layer", AT_FAULT // BATCH + 1, (AT_FAULT,))
    assert (told.layer.rpartition("/")[2], told.kind, told.operation) == ("logarithm", "Log", "Log")
    assert told.line == "return ops.log(inputs)"
    assert not told.backward


def test_logarithm_in_the_functional_api():
    x, y = rows()
    x[AT_FAULT] = 0
    inputs = keras.Input((FEATURES,))
    outputs = layers.Dense(1, "sigmoid")(ops.log(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("adam", "binary_crossentropy")
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.kind, told.operation) == ("layer", "Log", "Log")
    assert (told.step, told.samples) == (AT_FAULT // BATCH + 1, (AT_FAULT,))


def test_root_of_zero_is_finite_forward_and_nan_backward():
    x, y = rows()
    model = network(dense("one", kernel_initializer="zeros", bias_initializer="zeros"), Norm(name="length"))
    model.layers[0].activation = keras.activations.linear
    x[AT_FAULT] = 0
    model.layers[0].set_weights([np.eye(FEATURES, 8, dtype="float32"), np.zeros(8, "float32")])
    model.layers[0].trainable = True
    model.compile(keras.optimizers.SGD(1e-6), "binary_crossentropy")
    # without a bias that has moved the row stays 0
    model.layers[0].bias.trainable = False
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.backward, told.step) == ("layer", True, AT_FAULT // BATCH + 1)
    assert (told.layer.rpartition("/")[2], told.kind, told.samples) == ("length", "Norm", (AT_FAULT,))
    assert "ops.sqrt" in told.line
    assert any("one/kernel" in path for path in told.variables)


def test_division_by_zero_in_a_loss_of_ones_own():
    x, y = rows()
    x[AT_FAULT] = 0
    model = network(last="relu")
    model.layers[-1].bias.trainable = False
    model.layers[-1].set_weights([np.full((FEATURES, 1), 0.3, "float32"), np.zeros(1, "float32")])
    y[AT_FAULT] = 1
    model.compile(keras.optimizers.SGD(1e-6), own_loss)
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.step, told.samples) == ("loss", AT_FAULT // BATCH + 1, (AT_FAULT,))
    assert told.operation == "RealDiv"
    assert told.line == "distance = ops.reshape(y_true, (-1,)) / share"


def test_label_without_a_unit_in_a_compiled_step():
    x, y = rows()
    y = y.astype("int64")
    y[AT_FAULT] = 7
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((FEATURES,)), dense("one"), layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=True)
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.step, told.samples) == ("loss", AT_FAULT // BATCH + 1, (AT_FAULT,))


def test_divergence():
    x, y = rows()
    model = network(dense("one"), last="linear")
    model.compile(keras.optimizers.SGD(50.0), "mse")
    plain = keras.models.clone_model(model)
    plain.set_weights(model.get_weights())
    plain.compile(keras.optimizers.SGD(50.0), "mse")
    sound = []
    for begin in range(0, ROWS, BATCH):
        part = slice(begin, begin + BATCH)
        losses = [plain.train_on_batch(x[part], y[part]), *(weight.sum() for weight in plain.get_weights())]
        sound.append(np.isfinite(losses).all())
    told = found(watched(model, x, y, shuffle=False))
    assert told.step == sound.index(False) + 1
    assert max(told.largest, told.largest_weight) > 1e10


def test_half_precision_overflows():
    x, y = rows()
    x[AT_FAULT] = 60_000
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((FEATURES,)), dense("one", dtype="mixed_float16"), layers.Dense(1, dtype="float32")]
    )
    model.layers[0].set_weights([np.ones((FEATURES, 8), "float32"), np.zeros(8, "float32")])
    model.compile("adam", "mse")
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.step, told.samples) == ("layer", AT_FAULT // BATCH + 1, (AT_FAULT,))
    assert told.layer.endswith("one")
    assert told.half_precision


def test_an_update_that_is_not_finite():
    x, y = rows()
    model = network(dense("one"))
    model.compile(keras.optimizers.SGD(InfiniteInTheEnd()), "mse")
    told = found(watched(model, x, y, shuffle=False))
    assert told.origin == "update"
    assert told.step == 7
    assert any("one/kernel" in path for path in told.variables)


def test_root_of_zero_backward_inside_of_a_nested_model():
    x, y = rows()
    x[AT_FAULT] = 0
    inner = keras.Sequential([keras.Input((FEATURES,)), layers.Identity(), Norm(name="length")], name="inner")
    inputs = keras.Input((FEATURES,))
    hidden = layers.Dense(FEATURES, use_bias=False, kernel_initializer="identity", name="before")(inputs)
    model = keras.Model(inputs, layers.Dense(1, name="after")(inner(hidden)), name="outer")
    model.compile(keras.optimizers.SGD(1e-6), "mse")
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.backward, told.step) == ("layer", True, AT_FAULT // BATCH + 1)
    assert (told.layer.rpartition("/")[2], told.samples) == ("length", (AT_FAULT,))
    assert told.variables == ("before/kernel",)
    assert "ops.sqrt" in told.line


def test_half_precision_overflows_in_the_middle():
    x, y = rows()
    x[AT_FAULT] = 100
    policy = "mixed_float16"
    large = keras.initializers.Constant(20)
    model = network(
        dense("one", dtype=policy, kernel_initializer="ones"),
        dense("two", dtype=policy, kernel_initializer=large),
        layers.Dense(8, activation="tanh", dtype=policy, name="three"),
    )
    model.compile(keras.optimizers.SGD(1e-9), "mse")
    told = found(watched(model, x, y, shuffle=False))
    # 100 * 6 fits, 600 * 8 * 20 is beyond 65,504
    assert (told.origin, told.step, told.samples) == ("layer", AT_FAULT // BATCH + 1, (AT_FAULT,))
    assert told.layer == "network/two"
    assert told.half_precision


def test_a_label_without_a_unit_among_several_outputs():
    x, y = rows()
    label = y.astype("int64")
    label[AT_FAULT] = 9
    inputs = keras.Input((FEATURES,))
    hidden = dense("one")(inputs)
    outputs = {"kind": layers.Dense(2, "softmax", name="kind")(hidden), "size": layers.Dense(1, name="size")(hidden)}
    model = keras.Model(inputs, outputs)
    model.compile("adam", {"kind": "sparse_categorical_crossentropy", "size": "mse"}, jit_compile=True)
    told = found(watched(model, x, {"kind": label, "size": y}, shuffle=False))
    assert (told.origin, told.step, told.samples) == ("loss", AT_FAULT // BATCH + 1, (AT_FAULT,))


def test_a_target_of_an_output_that_has_no_weight():
    x, y = rows()
    size = y.copy()
    size[AT_FAULT] = np.nan
    inputs = keras.Input((FEATURES,))
    outputs = {name: layers.Dense(1, name=name)(inputs) for name in ("one", "size")}
    model = keras.Model(inputs, outputs)
    model.compile("adam", dict.fromkeys(outputs, "mse"), loss_weights={"one": 1.0, "size": 0.0})
    told = found(watched(model, x, {"one": y, "size": size}, shuffle=False))
    assert (told.origin, told.step, told.samples) == ("target", AT_FAULT // BATCH + 1, (AT_FAULT,))


def test_an_infinite_weight_in_a_pipeline():
    x, y = rows()
    weight = np.ones(ROWS, "float32")
    weight[AT_FAULT] = np.inf
    model = network(dense("one"))
    model.compile("adam", "binary_crossentropy")
    data = tf.data.Dataset.from_tensor_slices((x, y, weight)).batch(BATCH)
    told = found(watched(model, data, batch_size=None))
    assert (told.origin, told.step, told.rows) == ("sample_weight", AT_FAULT // BATCH + 1, (AT_FAULT % BATCH,))


def test_logarithm_of_a_negative_number_in_a_lambda():
    x, y = rows()
    x[AT_FAULT, 1] = -0.5
    model = network(layers.Lambda(lambda values: tf.math.log(2 * values), name="features"))
    model.compile("adam", "binary_crossentropy")
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.step, told.samples) == ("layer", AT_FAULT // BATCH + 1, (AT_FAULT,))
    assert (told.layer.rpartition("/")[2], told.kind, told.operation) == ("features", "Lambda", "Log")
    assert "tf.math.log(2 * values)" in told.line


class OverTheBatch(layers.Layer):
    """A normalization of the batch that its author thought safe."""

    def call(self, inputs: Any) -> Any:
        deviation = ops.std(inputs, axis=0)
        return inputs / deviation


def test_a_division_that_spoils_every_row_names_none():
    x, y = rows()
    x[BATCH : 2 * BATCH, 3] = 0
    model = network(OverTheBatch(name="scaled"))
    model.compile("adam", "binary_crossentropy")
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.step, told.rows) == ("layer", 2, ())
    assert (told.layer.rpartition("/")[2], told.operation, told.line) == (
        "scaled",
        "RealDiv",
        "return inputs / deviation",
    )


class Explodes(layers.Layer):
    """A recurrent cell whose state squares itself."""

    state_size = output_size = 1

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        state = ops.square(states[0]) + ops.sum(inputs, axis=-1, keepdims=True)
        return state, [state]


def test_a_cell_that_explodes_inside_of_a_loop():
    x, y = rows()
    x[AT_FAULT] = 1e10
    inputs = keras.Input((FEATURES,))
    sequence = layers.Reshape((FEATURES, 1))(inputs * 0.1)
    model = keras.Model(inputs, layers.Dense(1)(layers.RNN(Explodes(), name="loop")(sequence)))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.step, told.samples) == ("layer", AT_FAULT // BATCH + 1, (AT_FAULT,))
    assert told.layer.rpartition("/")[2] in {"loop", "explodes"}


class Told(keras.callbacks.Callback):
    """What every step of a plain run leaves: whether the loss is finite, and the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.finite: list[bool] = []
        self.weights: list[list[np.ndarray]] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.weights.append(self.model.get_weights())

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.finite.append(bool(np.isfinite(logs["loss"])))


def test_a_logarithm_that_training_drives_below_zero(monkeypatch):
    """Against the plain run, through dropout, a shuffle and an optimizer with a state, several states later."""
    monkeypatch.setattr(flight_recorder, "MOST_BATCHES", 64)
    x, _ = rows()
    y = np.linspace(-1.0, -12.0, ROWS).astype("float32")
    layer = layers.Dense(1, kernel_initializer="ones", bias_initializer="ones", name="share")

    def build() -> keras.Model:
        keras.utils.set_random_seed(4)
        model = keras.Sequential([keras.Input((FEATURES,)), layers.Dropout(0.2), layer, Log(name="logarithm")])
        layer.set_weights([np.ones((FEATURES, 1)), np.ones(1)])
        model.compile(keras.optimizers.Adam(0.0047), "mse")
        keras.utils.set_random_seed(5)
        return model

    plain, seen = build(), Told()
    plain.fit(x, y, batch_size=4, epochs=8, verbose=0, callbacks=[seen])
    step = seen.finite.index(False) + 1
    assert step > 2 * flight_recorder.MOST_BATCHES
    told = found(watched(build(), x, y, batch_size=4, epochs=8))
    assert (told.step, told.origin, told.layer.rpartition("/")[2]) == (step, "layer", "logarithm")
    # the row whose sum without dropout is small, whichever inputs were dropped
    kernel, bias = seen.weights[step - 1]
    lowest = (x @ np.minimum(kernel / 0.8, 0))[:, 0] + bias[0]
    assert told.samples
    assert (lowest[list(told.samples)] <= 0).all()


class Undefined(keras.metrics.Metric):
    """0/0, as a precision without a positive prediction."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        pass

    def result(self) -> Any:
        return ops.zeros(()) / ops.zeros(())


def test_a_metric_that_is_not_finite_is_no_fault_of_the_training():
    x, y = rows()
    model = network(dense("one"))
    model.compile("adam", "binary_crossentropy", metrics=[Undefined(name="undefined")])
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, y, batch_size=BATCH, epochs=3, validation_split=0.2, verbose=0)
    record = watch.report.record
    assert np.isnan(record.history["undefined"]).all()
    assert "first_nonfinite" not in record.quantities
    assert "nan-loss" not in [diagnosis.name for diagnosis in watch.report.diagnoses]


def test_nan_in_a_row_that_only_validates_is_no_fault_of_the_training():
    x, y = rows()
    x[ROWS - 3, 0] = np.nan
    model = network(layers.Dense(8, activation="tanh"))
    model.compile("adam", "binary_crossentropy")
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, y, batch_size=BATCH, epochs=2, validation_split=0.2, verbose=0)
    record = watch.report.record
    assert np.isnan(record.history["val_loss"]).all()
    assert np.isfinite(record.history["loss"]).all()
    assert "first_nonfinite" not in record.quantities
    (diagnosis,) = (diagnosis for diagnosis in watch.report.diagnoses if diagnosis.name == "nan-loss")
    assert "val" in diagnosis.message


def test_an_index_without_a_row_in_an_embedding_is_kerass_error_and_no_nan():
    tokens = np.random.default_rng(0).integers(0, 20, (ROWS, 5))
    tokens[AT_FAULT, 2] = 20
    model = keras.Sequential([layers.Embedding(20, 4, name="words"), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    with kerasdoctor.watch(quiet=True) as watch, pytest.raises(tf.errors.InvalidArgumentError):
        model.fit(tokens, tokens[:, :1] * 0.1, batch_size=BATCH, shuffle=False, verbose=0)
    record = watch.report.record
    assert record.outcome.status == "raised"
    assert "first_nonfinite" not in record.quantities
    assert len(record.quantities["batch_loss"]) == AT_FAULT // BATCH


class Penalty(layers.Layer):
    """A term of the loss, as the divergence of a variational autoencoder."""

    def call(self, inputs: Any) -> Any:
        self.add_loss(1e-3 * ops.mean(ops.exp(inputs)))
        return inputs


def test_what_a_layer_adds_to_the_loss():
    x, y = rows()
    x[AT_FAULT] = 90
    # a target that the loss leaves out
    y[AT_FAULT + 1] = np.nan
    model = network(Penalty(name="penalty"))
    model.compile(keras.optimizers.SGD(1e-9), lambda true, predicted: ops.where(ops.isnan(true), 0.0, predicted))
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.step, told.samples) == ("layer", AT_FAULT // BATCH + 1, (AT_FAULT,))
    assert (told.layer, told.kind, told.operation) == ("network/penalty", "Penalty", "Exp")
    assert told.line == "self.add_loss(1e-3 * ops.mean(ops.exp(inputs)))"


@keras.saving.register_keras_serializable("tests")
class Logarithms(keras.regularizers.Regularizer):
    """Undefined at 0."""

    def __call__(self, x: Any) -> Any:
        return -1e-3 * ops.sum(ops.log(x))


def test_a_regularizer_of_an_activity():
    x, y = rows()
    x[AT_FAULT] = 0
    model = network(dense("one", bias_initializer="zeros", activity_regularizer=Logarithms()))
    model.layers[0].set_weights([np.ones((FEATURES, 8), "float32"), np.zeros(8, "float32")])
    model.layers[0].bias.trainable = False
    model.compile(keras.optimizers.SGD(1e-6), "mse")
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.step, told.samples) == ("layer", AT_FAULT // BATCH + 1, (AT_FAULT,))
    assert (told.layer, told.operation, told.variables) == ("network/one", "Log", ())


def told_by(watch: Any) -> str:
    """The evidence of the one cause that is confirmed."""
    (diagnosis,) = (diagnosis for diagnosis in watch.report.diagnoses if diagnosis.name == "nan-loss")
    confirmed = [cause for cause in diagnosis.causes if cause.status is Status.CONFIRMED]
    assert len(confirmed) == 1
    return f"{confirmed[0].name}: {confirmed[0].evidence.statement}"


def test_a_regularizer_of_a_weight_is_no_matter_of_rows():
    x, y = rows()
    model = network(dense("one", bias_regularizer=Logarithms()))
    model.compile("adam", "mse")
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)
    told = found(watch.report.record)
    assert (told.origin, told.step, told.rows, told.operation) == ("layer", 1, (), "Log")
    assert (told.layer, told.variables) == ("network/one", ("network/one/bias",))
    assert told_by(watch).startswith("unstable-layer: the regularizer of network/one/bias makes it")


def test_of_several_steps_in_one_execution_each_may_be_the_first():
    x, y = rows()
    x[5 * BATCH - 1, 0] = np.nan
    model = network()
    model.compile("adam", "mse", steps_per_execution=2)
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0, shuffle=False)
    told = found(watch.report.record)
    assert (told.earliest, told.step) == (5, 6)
    (diagnosis,) = (diagnosis for diagnosis in watch.report.diagnoses if diagnosis.name == "nan-loss")
    assert "is NaN from step 5 or 6 (epoch 1) on" in diagnosis.message
    assert (diagnosis.evidence[0].when.earliest, diagnosis.evidence[0].when.step) == (5, 6)


class Sets(keras.callbacks.Callback):
    """Gives a number to a weight, or to the learning rate, after so many steps."""

    def __init__(self, done: int, name: str, value: float) -> None:
        super().__init__()
        self.done, self.name, self.value = done, name, value

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        if int(optimizer.iterations.numpy()) == self.done:
            variables = {variable.path: variable for variable in [*self.model.variables, *optimizer.variables]}
            variables[self.name].assign(ops.full_like(variables[self.name], self.value))


class SetsAfterwards(Sets):
    """The same when a batch has ended."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        pass

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        super().on_train_batch_begin(batch)


class SetsWithTheEpoch(SetsAfterwards):
    """The same when an epoch has ended."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pass

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        Sets.on_train_batch_begin(self, 0)


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize(
    ("callback", "done"), [(Sets, 13), (SetsAfterwards, 13), (Sets, 10), (SetsAfterwards, 10), (SetsWithTheEpoch, 10)]
)
@pytest.mark.parametrize("name", ["network/head/kernel", "sgd/learning_rate"])
def test_a_callback_that_sets_a_variable_to_nan(name: str, callback: type[Sets], done: int, eagerly: bool):
    x, y = rows()
    model = network(dense("one"))
    model.compile(keras.optimizers.SGD(0.01, name="sgd"), "mse", run_eagerly=eagerly)
    original = keras.Variable.assign
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0, callbacks=[callback(done, name, np.nan)])
    assert keras.Variable.assign is original
    told = found(watch.report.record)
    assert (told.origin, told.step, told.variables) == ("variable", done + 1, (name,))
    words = f"changed-outside: {name} was set to NaN or infinity between steps {done} and {done + 1}"
    assert told_by(watch).startswith(words)
    if done == 13 and name == "network/head/kernel":
        assert told.line == "variables[self.name].assign(ops.full_like(variables[self.name], self.value))"


def test_a_weight_that_is_infinite_from_the_beginning():
    x, y = rows()
    model = network(dense("one", bias_initializer=keras.initializers.Constant(np.inf)))
    model.compile("adam", "mse")
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)
    told = found(watch.report.record)
    assert (told.origin, told.step, told.variables) == ("variable", 1, ("network/one/bias",))
    assert told_by(watch).startswith("changed-outside: network/one/bias held NaN or infinity before the first step")


class Attention(layers.Layer):
    """Weights of the positions that are not 0: of no position where all are."""

    def call(self, inputs: Any) -> Any:
        scores = ops.where(inputs > 0, inputs, -np.inf)
        return inputs * ops.softmax(scores)


def test_an_infinite_mask_is_no_origin_but_what_becomes_of_it():
    x, y = rows()
    x[:, 0] = 0
    x[AT_FAULT] = 0
    model = network(Attention(name="attention"))
    model.compile("adam", "mse")
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.step, told.samples) == ("layer", AT_FAULT // BATCH + 1, (AT_FAULT,))
    assert (told.layer, told.operation) == ("network/attention", "Softmax")
    assert told.line == "return inputs * ops.softmax(scores)"


class MaskedLog(layers.Layer):
    """A logarithm of what is positive: the others are not finite for a moment."""

    def call(self, inputs: Any) -> Any:
        return ops.where(inputs > 0, ops.log(inputs), 0.0)


class Root(layers.Layer):
    """A root that its author thought safe."""

    def call(self, inputs: Any) -> Any:
        return ops.sqrt(inputs + 1e-3)


def test_what_a_layer_leaves_out_itself_is_no_origin():
    x, y = rows()
    x[:, 0] = 0
    x[AT_FAULT, 1] = -0.5
    inputs = keras.Input((FEATURES,))
    branches = [Root(name="root")(inputs), MaskedLog(name="log")(inputs)]
    model = keras.Model(inputs, layers.Dense(1)(layers.Concatenate()(branches)))
    # the gradient of the logarithm is not finite either, but that comes later
    model.compile(keras.optimizers.SGD(1e-6), "mse")
    told = found(watched(model, x, y, shuffle=False))
    assert (told.layer, told.operation) == ("root", "Sqrt")
    assert (told.step, told.samples) == (AT_FAULT // BATCH + 1, (AT_FAULT,))


def test_a_target_that_the_loss_leaves_out_but_not_its_gradient():
    def masked(true: Any, predicted: Any) -> Any:
        true = ops.reshape(true, (-1, 1))
        return ops.where(ops.isnan(true), 0.0, ops.square(true - predicted))

    x, y = rows()
    y[AT_FAULT] = np.nan
    model = network(last="linear")
    model.compile("adam", masked)
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.backward, told.step) == ("target", True, AT_FAULT // BATCH + 1)
    assert told.samples == (AT_FAULT,)


def test_the_gradient_of_a_root_in_a_loss_of_ones_own():
    def distance(true: Any, predicted: Any) -> Any:
        return ops.sqrt(ops.sum(ops.square(ops.reshape(true, (-1, 1)) - predicted), axis=-1))

    x, y = rows()
    x[AT_FAULT] = y[AT_FAULT] = 0
    model = keras.Sequential([keras.Input((FEATURES,)), layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(1e-3), distance)
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.backward, told.operation) == ("loss", True, "SqrtGrad")
    assert (told.step, told.samples) == (AT_FAULT // BATCH + 1, (AT_FAULT,))


class RootOfTheRest(keras.optimizers.schedules.LearningRateSchedule):
    """A decay that goes on beyond its end."""

    def __call__(self, step: Any) -> Any:
        return 0.01 * tf.sqrt(6.0 - tf.cast(step, tf.float32))


def test_a_schedule_that_ends_in_nan_is_no_rate_that_is_too_high():
    x, y = rows()
    model = network()
    model.compile(keras.optimizers.Adam(RootOfTheRest()), "mse")
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)
    told = found(watch.report.record)
    assert (told.origin, told.step, told.operation) == ("update", 8, "Sqrt")
    said = told_by(watch)
    assert said.startswith("changed-outside")
    assert said.endswith("the learning rate is nan")


class Average(layers.Layer):
    """Divides by a running mean of roots, which it keeps."""

    def build(self, shape: tuple[int, ...]) -> None:
        self.mean = self.add_weight(shape=(shape[-1],), initializer="ones", trainable=False, name="mean")

    def call(self, inputs: Any) -> Any:
        outputs = inputs / self.mean
        self.mean.assign(0.9 * self.mean + 0.1 * ops.mean(ops.sqrt(inputs), axis=0))
        return outputs


def test_the_state_of_a_layer_is_followed_to_the_step_that_spoilt_it():
    x, y = rows()
    x[AT_FAULT, 1] = -1
    model = network(Average(name="average"))
    model.compile("adam", "mse")
    told = found(watched(model, x, y, shuffle=False))
    # the loss is finite in that step, and not in the next one
    assert (told.origin, told.step, told.samples) == ("layer", AT_FAULT // BATCH + 1, (AT_FAULT,))
    assert (told.layer, told.operation) == ("network/average", "Sqrt")


def test_a_state_that_the_last_step_of_an_epoch_spoilt_was_set_by_no_callback():
    x, y = rows()
    x[ROWS - 1, 1] = -1
    model = network(Average(name="average"))
    model.compile("adam", "mse")
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0, shuffle=False, callbacks=[Told()])
    told = found(watch.report.record)
    assert (told.origin, told.step, told.variables) == ("variable", 11, ("network/average/mean",))
    assert told.remark == "an earlier step left it so"


def test_weights_of_the_classes_that_are_not_finite():
    x, y = rows()
    y[:] = 0
    y[[AT_FAULT, AT_FAULT + 40]] = 1
    model = network()
    model.compile("adam", "binary_crossentropy")
    told = found(watched(model, x, y, shuffle=False, class_weight={0: 1.0, 1: np.nan}))
    assert (told.origin, told.step, told.samples) == ("sample_weight", AT_FAULT // BATCH + 1, (AT_FAULT,))


def test_a_target_whose_square_is_beyond_float32():
    x, y = rows()
    y[AT_FAULT] = 1e25
    model = network(last="linear")
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0, shuffle=False)
    told = found(watch.report.record)
    assert (told.origin, told.step, told.samples) == ("loss", AT_FAULT // BATCH + 1, (AT_FAULT,))
    assert told_by(watch).startswith("unscaled-targets: y runs from 0 to 1e+25")


class TellsMore(keras.Model):
    """Reports a loss that it does not train with."""

    def __init__(self) -> None:
        super().__init__()
        self.head = layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        return self.head(inputs)

    def train_step(self, data: Any) -> Any:
        x, y = data
        with tf.GradientTape() as tape:
            loss = ops.mean(ops.square(self(x, training=True) - y[:, None]))
        weights = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss + ops.mean(ops.log(x))}


def test_a_loss_in_the_logs_alone_is_said_to_be_that():
    x, y = rows()
    x[AT_FAULT, 0] = 0
    model = TellsMore()
    model.compile("sgd")
    told = found(watched(model, x, y, shuffle=False))
    assert (told.origin, told.step) == ("unknown", AT_FAULT // BATCH + 1)
    assert told.remark.endswith("only the loss in Keras's logs did not")
