"""What validations and looks at training rows tell, against Keras's own predictions and plain numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasdoctor
from kerasdoctor.instrumentation import evaluations
from kerasdoctor.instrumentation.evaluation_taps import TappedTestStep
from kerasdoctor.record import TrainingRecord
from tests.instrumentation import matrix

ROWS, SPLIT, EPOCHS = 640, 0.2, 3
BEFORE, AFTER = ROWS - int(ROWS * SPLIT), int(ROWS * SPLIT)


def some_rows() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((ROWS, matrix.FEATURES)).astype("float32")
    return x, (x @ generator.standard_normal((matrix.FEATURES, matrix.CLASSES))).argmax(axis=1)


class Watcher(keras.callbacks.Callback):
    """Computes something after each epoch, slowly."""

    def __init__(self, compute: Callable[[keras.Model], Any]) -> None:
        super().__init__()
        self.compute = compute
        self.found: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.found.append(self.compute(self.model))


def watched(
    model: keras.Model,
    x: Any,
    y: Any,
    compute: Callable[[keras.Model], Any] = lambda _: None,
    **options: Any,
) -> tuple[TrainingRecord, list[Any]]:
    watcher = Watcher(compute)
    options = {"validation_split": SPLIT, "epochs": EPOCHS, "verbose": 0, "callbacks": [watcher], **options}
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(x, y, **options)
    record = watch.report.record
    assert not record.failures
    return record, watcher.found


def outputs_of(model: keras.Model, x: np.ndarray, layer: keras.layers.Layer) -> np.ndarray:
    return np.asarray(keras.Model(model.inputs, layer.output)(x, training=False))


@pytest.fixture
def looking(monkeypatch):
    """Looks at training rows before the first step and after every epoch."""
    monkeypatch.setattr(evaluations, "LEAST_TRAINED", 0)
    monkeypatch.setattr(evaluations, "SHARE", 100.0)


# activations


def test_zeros_and_ends_of_the_activations():
    inputs = keras.Input((matrix.FEATURES,))
    hidden = keras.layers.Dense(16, "relu", name="rectified")(inputs)
    hidden = keras.layers.Dense(6, "sigmoid", name="squashed", kernel_initializer="random_normal")(100 * hidden)
    hidden = keras.layers.Activation("tanh", name="bent")(20 * hidden)
    model = matrix.compiled(keras.Model(inputs, keras.layers.Dense(matrix.CLASSES, "softmax", name="out")(hidden)))
    x, y = some_rows()

    def slowly(model: keras.Model) -> dict[str, np.ndarray]:
        return {
            layer.name: outputs_of(model, x[BEFORE:], layer) for layer in model.layers if hasattr(layer, "activation")
        }

    record, found = watched(model, x, y, slowly)
    zeros, ends = record.quantities["zero_share"], record.quantities["saturation"]
    assert zeros.columns == ("rectified", "squashed", "bent", "out")
    assert ends.columns == ("squashed", "bent")
    assert zeros.first.tolist() == [16, 32, 48]
    for epoch, outputs in enumerate(found):
        for column, name in enumerate(zeros.columns):
            assert zeros.mean[epoch, column] == pytest.approx(np.mean(outputs[name] == 0), abs=1e-3)
        squashed, bent = outputs["squashed"], outputs["bent"]
        slow = [np.mean((squashed <= 0.005) | (squashed >= 0.995)), np.mean(np.abs(bent) >= 0.99)]
        np.testing.assert_allclose(ends.mean[epoch], slow, atol=2e-3)
    assert ends.mean.min() > 0.2
    assert record.quantities["nonfinite_activations"].mean.max() == 0


def test_of_large_maps_shares_come_from_some_places_and_the_rest_from_all():
    layers = [
        keras.layers.Conv2D(6, 3, activation="relu", name="rectified"),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.Conv2D(5, 3, activation="tanh", name="bent", kernel_initializer="zeros"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(matrix.CLASSES, "softmax"),
    ]
    model = matrix.compiled(keras.Sequential([keras.Input((26, 26, 1)), *layers]), optimizer=keras.optimizers.SGD(0.0))
    kernel, bias = layers[0].get_weights()
    # one filter is dead, one says something at a single place of a single row
    kernel[..., 1], bias[1], bias[4] = 0, -1, -1
    kernel[..., 4] = 0
    kernel[1, 1, :, 4] = 1
    layers[0].set_weights([kernel, bias])
    generator = np.random.default_rng(0)
    x = np.minimum(generator.standard_normal((ROWS, 26, 26, 1)), 0.9).astype("float32")
    x[-7, 11, 12] = 2
    y = some_rows()[1]
    record, found = watched(
        model, x, y, lambda _: outputs_of(model, x, layers[0]), epochs=1, validation_split=0, validation_data=(x, y)
    )
    zeros, dead = record.quantities["zero_share"], record.quantities["dead_units"]
    assert zeros.columns[:2] == (layers[0].path, layers[2].path)
    assert zeros.mean[0, 0] == pytest.approx(np.mean(found[0] == 0), abs=0.01)
    assert zeros.mean[0, 1] == 1
    # a unit counts as dead only if it says nothing anywhere
    assert dead.mean[0, :2].tolist() == [1.0, 5.0]
    moving, outputs = layers[1].moving_mean.numpy(), found[0]
    slow = np.sqrt(np.mean((outputs.mean((0, 1, 2)) - moving) ** 2 / (layers[1].moving_variance.numpy() + 1e-3)))
    assert record.quantities["batch_norm_shift"].mean[0, 0] == pytest.approx(slow, rel=0.05)


def test_what_is_not_finite_is_counted_at_every_place():
    hidden = keras.layers.Conv2D(3, 3, activation="tanh")
    layers = [hidden, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(matrix.CLASSES, "softmax")]
    model = matrix.compiled(keras.Sequential([keras.Input((26, 26, 1)), *layers]))
    x = np.random.default_rng(0).standard_normal((ROWS, 26, 26, 1)).astype("float32")
    x[-3, 9, 9] = np.nan
    record, _ = watched(model, x, some_rows()[1], epochs=1)
    # the nine places that see the one value, of three filters; then what that row comes to
    assert record.quantities["nonfinite_activations"].mean[0].tolist() == [27.0, float(matrix.CLASSES)]


def test_a_layer_that_is_called_twice_has_two_places():
    record, _ = watched(matrix.functional_shared(), *some_rows())
    shared, again, out = record.quantities["zero_share"].columns
    assert again == f"{shared}#2"
    assert out != shared


def test_outputs_that_are_not_finite_are_counted():
    x, y = some_rows()
    x[-1] = np.nan
    record, found = watched(
        # no ReLU: where it is fused with a product, some processors make 0 of its NaN
        matrix.functional_shared(),
        x,
        y,
        lambda model: [np.sum(~np.isfinite(outputs_of(model, x[BEFORE:], layer))) for layer in model.layers[1:]],
    )
    # the first layer is called twice
    assert record.quantities["nonfinite_activations"].mean.tolist() == [[one, one, other] for one, other in found]
    assert min(found[-1]) > 0


@pytest.mark.usefixtures("looking")
def test_dead_units_before_the_first_step_and_after():
    model = matrix.compiled(matrix.penalized(), optimizer="sgd")
    hidden, out = model.layers
    weights, bias = hidden.get_weights()
    bias[[1, 4]] = -1e6
    hidden.set_weights([weights, bias])
    record, _ = watched(model, *some_rows())
    dead = record.quantities["dead_units"]
    assert dead.columns == (hidden.path, out.path)
    assert (dead.units, dead.at_initialization) == ((8, matrix.CLASSES), (2.0, 0.0))
    # validations show fewer rows than counting takes
    assert dead.first.tolist() == [16, 32, 48]
    assert dead.mean.tolist() == [[2.0, 0.0]] * 3
    assert dead.rows == 512


def test_units_are_alive_when_one_row_in_any_batch_says_so(monkeypatch):
    monkeypatch.setattr(evaluations, "SHARE", -1.0)
    _, y = some_rows()
    model = matrix.compiled(keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, "relu"), keras.layers.Dense(5)]))
    model.layers[0].set_weights([np.array([[1.0, 1.0]]), np.array([0.0, -5.0])])
    model.layers[0].trainable = False
    matrix.compiled(model, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    column = np.full((1200, 1), 0.5, "float32")
    column[-1] = 6.0
    record, _ = watched(model, column, np.resize(y, 1200), validation_split=0.5, epochs=2)
    assert record.quantities["dead_units"].mean.tolist() == [[0.0]] * 2
    column[-1] = 0.5
    record, _ = watched(model, column, np.resize(y, 1200), validation_split=0.5, epochs=2)
    assert record.quantities["dead_units"].mean.tolist() == [[1.0]] * 2


# batch normalization


@pytest.mark.parametrize("axis", [-1, 1])
def test_moving_statistics_beside_those_of_the_validation(axis):
    inputs = keras.Input((6, 4))
    normalization = keras.layers.BatchNormalization(axis=axis, momentum=0.9)
    hidden = keras.layers.Flatten()(normalization(keras.layers.Dense(4)(inputs)))
    model = matrix.compiled(keras.Model(inputs, keras.layers.Dense(matrix.CLASSES, "softmax")(hidden)))
    generator = np.random.default_rng(1)
    x = generator.standard_normal((ROWS, 6, 4)).astype("float32")
    x[BEFORE:] = 3 * x[BEFORE:] + 2
    y = generator.integers(0, matrix.CLASSES, ROWS)

    def slowly(model: keras.Model) -> tuple[float, float]:
        values = outputs_of(model, x[BEFORE:], model.layers[1]).astype("float64")
        others = tuple(index for index in range(3) if index != axis % 3)
        mean, variance = normalization.moving_mean.numpy(), normalization.moving_variance.numpy()
        shift = (values.mean(others) - mean) ** 2 / (variance + 1e-3)
        ratio = (values.var(others) + 1e-3) / (variance + 1e-3)
        return float(np.sqrt(shift.mean())), float(np.exp(np.log(ratio).mean()))

    record, found = watched(model, x, y, slowly)
    shift, ratio = record.quantities["batch_norm_shift"], record.quantities["batch_norm_variance"]
    assert shift.columns == ratio.columns == (normalization.path,)
    np.testing.assert_allclose(np.column_stack([shift.mean, ratio.mean]), found, rtol=1e-3)
    # three times as wide
    assert 4 < found[-1][1] < 30


# predictions


def slow_classes(model: keras.Model, x: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    predicted = np.asarray(model(x, training=False))
    return predicted.argmax(axis=1) if predicted.shape[1] > 1 else (predicted[:, 0] > threshold).astype(int)


def sparse(y: np.ndarray) -> tuple[keras.Model, np.ndarray, np.ndarray]:
    return matrix.dense(), y, y


def categorical(y: np.ndarray) -> tuple[keras.Model, np.ndarray, np.ndarray]:
    return matrix.dense(loss="categorical_crossentropy"), keras.utils.to_categorical(y, matrix.CLASSES), y


def single(loss: Any, activation: str | None) -> Callable[[np.ndarray], tuple[keras.Model, np.ndarray, np.ndarray]]:
    def make(y: np.ndarray) -> tuple[keras.Model, np.ndarray, np.ndarray]:
        model = keras.Sequential([keras.Input((matrix.FEATURES,)), keras.layers.Dense(1, activation)])
        return matrix.compiled(model, loss=loss), (y > 1).astype("float32"), (y > 1).astype(int)

    return make


@pytest.mark.parametrize(
    ("make", "threshold"),
    [
        (sparse, 0.5),
        (categorical, 0.5),
        (single("binary_crossentropy", "sigmoid"), 0.5),
        (single(keras.losses.BinaryCrossentropy(from_logits=True), None), 0.0),
    ],
    ids=["sparse", "categorical", "binary", "binary logits"],
)
def test_predicted_classes_row_by_row(make, threshold):
    x, labels = some_rows()
    model, y, true = make(labels)
    record, found = watched(model, x, y, lambda model: slow_classes(model, x[BEFORE:], threshold))
    churn, distinct = record.quantities["churn"], record.quantities["predicted_classes"]
    assert churn.steps.tolist() == [32, 48]
    np.testing.assert_allclose(churn.values, [np.mean(found[i] != found[i - 1]) for i in (1, 2)])
    assert distinct.values.tolist() == [len(np.unique(classes)) for classes in found]
    assert distinct.true == len(np.unique(true[BEFORE:]))
    matrix_ = record.quantities["confusion_matrix"]
    slow = [
        [int(np.sum((true[BEFORE:] == one) & (found[-1] == other))) for other in matrix_.classes]
        for one in matrix_.classes
    ]
    assert matrix_.counts.tolist() == slow
    assert matrix_.counts.sum() == AFTER
    assert "prediction_spread" not in record.quantities


@pytest.mark.parametrize("outputs", [1, 3])
def test_spread_of_predicted_numbers(outputs):
    x, _ = some_rows()
    y = x[:, :outputs] * [1.0, 5.0, 0.1][:outputs]
    model = keras.Sequential([keras.Input((matrix.FEATURES,)), keras.layers.Dense(outputs)])
    model.compile("adam", "mse")

    def slowly(model: keras.Model) -> float:
        predicted = np.asarray(model(x[BEFORE:], training=False), np.float64)
        return float(np.sqrt(np.mean(predicted.var(axis=0) / y[BEFORE:].var(axis=0))))

    record, found = watched(model, x, y, slowly)
    np.testing.assert_allclose(record.quantities["prediction_spread"].values, found, rtol=1e-4)
    assert not {"churn", "confusion_matrix", "predicted_classes"} & set(record.quantities)


@pytest.mark.usefixtures("looking")
def test_the_training_rows_are_evaluated_without_dropout():
    x, y = some_rows()
    model = matrix.dense()
    # every training row: there are no more than a look takes
    record, found = watched(model, x, y, lambda model: model.evaluate(x[:BEFORE], y[:BEFORE], verbose=0))
    honest = record.quantities["inference_metrics"]
    assert honest.columns == ("loss", "accuracy")
    # before the first step, too
    assert honest.first.tolist() == [0, 16, 32, 48]
    np.testing.assert_allclose(honest.mean[1:], found, rtol=1e-4)
    history = np.array([record.history["loss"], record.history["accuracy"]]).T
    assert np.abs(history - honest.mean[1:]).min(axis=0).max() > 0.01


@pytest.mark.usefixtures("looking")
def test_a_data_frame_and_a_series_are_looked_at_as_keras_draws_them():
    pandas = pytest.importorskip("pandas")
    x, y = some_rows()
    record, found = watched(
        matrix.dense(),
        pandas.DataFrame(x),
        pandas.Series(y),
        lambda model: model.evaluate(x[:BEFORE], y[:BEFORE], verbose=0),
    )
    np.testing.assert_allclose(record.quantities["inference_metrics"].mean[1:], found, rtol=1e-4)


def with_layers(*layers: keras.layers.Layer) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        inputs = keras.Input((8, 8, 1))
        hidden = inputs
        for layer in layers:
            hidden = layer.__class__.from_config(layer.get_config())(hidden)
        hidden = keras.layers.Flatten()(hidden)
        return matrix.compiled(keras.Model(inputs, keras.layers.Dense(matrix.CLASSES, "softmax")(hidden)))

    return build


#: What draws random numbers while it trains, and none while it is evaluated.
RANDOM = {
    "dropout": with_layers(keras.layers.Dropout(0.3), keras.layers.SpatialDropout2D(0.2)),
    "noise": with_layers(keras.layers.GaussianNoise(0.1), keras.layers.GaussianDropout(0.1)),
    "augmentation": with_layers(
        keras.layers.RandomFlip(), keras.layers.RandomRotation(0.1), keras.layers.RandomContrast(0.1)
    ),
    "attention": matrix.attention,
}


@pytest.mark.usefixtures("looking")
@pytest.mark.parametrize("split", [0.0, SPLIT])
@pytest.mark.parametrize("name", RANDOM)
def test_models_that_draw_random_numbers_only_while_they_train_are_looked_at(name, split):
    x, y = matrix.tokens() if name == "attention" else matrix.images()
    train = int(len(x) * (1 - split))
    keras.utils.set_random_seed(4)
    plain = RANDOM[name]()
    plain.fit(x, y, validation_split=split, epochs=EPOCHS, verbose=0)
    keras.utils.set_random_seed(4)
    model = RANDOM[name]()
    record, found = watched(
        model, x, y, lambda model: model.evaluate(x[:train], y[:train], verbose=0), validation_split=split
    )
    honest = record.quantities["inference_metrics"]
    np.testing.assert_allclose(honest.mean[-EPOCHS:], found, rtol=1e-4)
    for one, other in zip(plain.variables, model.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_validation_a_look_waits_until_its_trace_is_within_the_time(monkeypatch):
    monkeypatch.setattr(evaluations, "SHARE", 1e-9)
    record, _ = watched(matrix.dense(), *some_rows(), validation_split=0.0)
    assert "inference_metrics" not in record.quantities


@pytest.mark.usefixtures("looking")
@pytest.mark.parametrize("own", ["train_step", "test_step", "call"])
def test_what_nobody_evaluates_need_not_know_how(own):
    class OnlyTrains(matrix.OwnStep if own == "train_step" else matrix.Subclassed):  # type: ignore[misc] # one of two
        pass

    def refuse(*_: Any, **options: Any) -> Any:
        if own == "call" and options.get("training"):
            return matrix.Subclassed.call(*_)
        raise RuntimeError("the user's own")

    def call(self: Any, inputs: Any, training: bool = False) -> Any:
        return refuse(self, inputs, training=training)

    if own == "call":
        OnlyTrains.call = call
    elif own == "test_step":
        OnlyTrains.test_step = refuse
    model = matrix.compiled(OnlyTrains(), metrics=None)
    record, _ = watched(model, *some_rows(), validation_split=0.0)
    assert "inference_metrics" not in record.quantities


# when there is nothing to see, and whose evaluation it is


def test_evaluations_of_the_user_are_not_validations(monkeypatch):
    x, y = some_rows()
    told = []
    original = TappedTestStep.__call__
    monkeypatch.setattr(TappedTestStep, "__call__", lambda self, data: told.append(1) or original(self, data))
    record, _ = watched(
        matrix.dense(), x, y, lambda model: model.evaluate(x[:50], y[:50], verbose=0), validation_split=0.0
    )
    assert not told
    assert "zero_share" not in record.quantities
    assert record.instrument.unwatched == ""


@pytest.mark.usefixtures("looking")
def test_a_pipeline_is_never_drawn_from_for_a_look():
    x, y = some_rows()
    drawn = []

    def draw() -> Any:
        for begin in range(0, ROWS, 64):
            drawn.append(begin)
            yield x[begin : begin + 64], y[begin : begin + 64]

    record, _ = watched(
        matrix.dense(),
        draw(),
        None,
        validation_split=0.0,
        validation_data=(x[:64], y[:64]),
        epochs=2,
        steps_per_epoch=5,
    )
    assert len(drawn) <= 12
    assert "inference_metrics" not in record.quantities
    assert len(record.quantities["zero_share"]) == 2


@pytest.mark.usefixtures("looking")
def test_a_model_that_draws_random_numbers_is_not_looked_at():
    record, _ = watched(matrix.always_random(), *some_rows())
    assert "inference_metrics" not in record.quantities
    assert len(record.quantities["zero_share"]) == EPOCHS


def test_without_time_for_looks_there_are_none(monkeypatch):
    monkeypatch.setattr(evaluations, "SHARE", 0.0)
    record, _ = watched(matrix.dense(), *some_rows())
    assert "inference_metrics" not in record.quantities


def test_a_short_run_is_looked_at_once_at_its_end(monkeypatch):
    model = matrix.dense()
    watched(model, *some_rows())
    # ten times the share: of 1,536 trained rows it pays for fewer than 512
    monkeypatch.setattr(evaluations, "SHARE", 0.1)
    record, _ = watched(model, *some_rows())
    looks = record.quantities["inference_metrics"]
    assert looks.last.tolist() == [EPOCHS * -(-int(ROWS * (1 - SPLIT)) // matrix.BATCH)]


def test_a_validation_of_several_steps_at_once_says_why_it_is_not_watched():
    record, _ = watched(matrix.dense(steps_per_execution=2), *some_rows())
    assert record.instrument.unwatched == (
        "the validation is not tapped: Keras draws the batches of the validation itself"
    )
    assert "zero_share" not in record.quantities
    assert "gradient_norm" in record.quantities


def test_an_exception_while_validating_leaves_kerass_own_test_function():
    class Stop(keras.callbacks.Callback):
        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            raise RuntimeError("the user's own")

    x, y = some_rows()
    model = matrix.dense()
    with kerasdoctor.watch(quiet=True) as watch, pytest.raises(RuntimeError, match="the user's own"):
        model.fit(x, y, validation_split=SPLIT, epochs=2, verbose=0, callbacks=[Stop()])
    assert watch.report.record.outcome.status == "raised"
    assert type(model.test_function).__name__ == "function"
    assert model.test_function.__module__.startswith("keras.")
    assert keras.layers.Layer.__call__.__module__.startswith("keras.")
    model.evaluate(x, y, verbose=0)


def test_a_crash_of_the_tap_leaves_the_validation_as_it_is(monkeypatch):
    def crash(*_: Any) -> None:
        raise RuntimeError("ours")

    keras.utils.set_random_seed(1)
    plain = matrix.dense().fit(*some_rows(), validation_split=SPLIT, epochs=2, verbose=0)
    monkeypatch.setattr(TappedTestStep, "_told", crash)
    keras.utils.set_random_seed(1)
    model = matrix.dense()
    record, _ = watched(model, *some_rows(), epochs=2)
    assert record.history == plain.history
    assert record.instrument.unwatched == "the validation is not tapped: RuntimeError: ours"


def test_nothing_of_a_loops_body_is_taken_out_of_it():
    """The layer within a recurrent one is called in a graph of its own."""

    class Cell(keras.layers.SimpleRNNCell):
        def __init__(self) -> None:
            super().__init__(4)
            self.inner = keras.layers.Dense(4, "relu")

        def call(self, *arguments: Any, **options: Any) -> Any:
            output, states = super().call(*arguments, **options)
            return self.inner(output), states

    model = matrix.recurrent(lambda: keras.layers.RNN(Cell()))()
    x, y = matrix.tokens()
    record, _ = watched(model, x, y, epochs=1)
    assert record.instrument.unwatched == ""
    assert model.layers[-1].path in record.quantities["zero_share"].columns


def test_segmentation_has_activations_and_no_confusion_matrix():
    layers = [keras.Input((8, 8, 1)), keras.layers.Conv2D(3, 3, padding="same", activation="relu")]
    model = matrix.compiled(keras.Sequential([*layers, keras.layers.Conv2D(2, 1, activation="softmax")]))
    x, _ = matrix.images()
    record, _ = watched(model, x, (x > 0).astype("int32"), epochs=1)
    assert len(record.quantities["zero_share"]) == 1
    assert "confusion_matrix" not in record.quantities


def test_a_validation_pipeline_of_tensorflow():
    x, y = some_rows()
    pipeline = tf.data.Dataset.from_tensor_slices((x, y)).batch(64)
    record, found = watched(
        matrix.dense(),
        pipeline,
        None,
        lambda model: slow_classes(model, x),
        validation_split=0.0,
        validation_data=pipeline,
    )
    np.testing.assert_allclose(
        record.quantities["churn"].values, [np.mean(found[i] != found[i - 1]) for i in (1, 2)], atol=2e-3
    )
    # every validation shows enough rows
    assert len(record.quantities["dead_units"]) == EPOCHS
