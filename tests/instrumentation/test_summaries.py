"""Model, compile, fit and pipelines as plain data."""

import json
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasdoctor
from kerasdoctor.instrumentation.summaries import compilation, pipeline
from kerasdoctor.instrumentation.summaries import model as summaries
from kerasdoctor.quantities import BatchTap, Quantity
from kerasdoctor.record import TrainingRecord, plain
from tests import programs
from tests.rules.differential import diagnosis

layers = keras.layers


def output(*stack: Any) -> tuple[str, str | None]:
    """Kind and activation of the output of a small model."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="hidden"), *stack])
    (found,) = summaries.summarize(model).outputs
    return found.layer, found.activation


def test_outputs_tell_the_activation_that_values_come_out_of() -> None:
    assert output(layers.Dense(2, "softmax", name="last")) == ("last", "softmax")
    assert output(layers.Dense(2, name="last")) == ("last", "linear")
    assert output(layers.Dense(2), layers.Softmax(name="probabilities")) == ("probabilities", "softmax")
    assert output(layers.Dense(2), layers.Activation("sigmoid", name="a")) == ("a", "sigmoid")
    assert output(layers.Dense(2), layers.LeakyReLU(name="r")) == ("r", "leaky_relu")
    assert output(layers.Dense(4, "tanh", name="last"), layers.Reshape((2, 2))) == ("last", "tanh")
    assert output(layers.Dense(2, activation=lambda x: x**2, name="own"))[1] == "<lambda>"
    assert output(layers.Lambda(lambda x: x, name="any")) == ("any", None)
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(1, "sigmoid", name="deep")])
    assert output(inner) == ("deep", "sigmoid")


def test_operations_and_several_outputs() -> None:
    inputs = keras.Input((4,))
    first = keras.ops.softmax(layers.Dense(3)(inputs))
    second = layers.Dense(1, name="number")(inputs)
    found = summaries.summarize(keras.Model(inputs, [first, second])).outputs
    assert [(part.activation, part.shape) for part in found] == [("softmax", (3,)), ("linear", (1,))]


def test_a_layer_tells_its_settings_in_plain_types() -> None:
    inner = layers.Dense(2, activity_regularizer="l2")
    model = keras.Sequential(
        [keras.Input((5, 4)), layers.TimeDistributed(inner), layers.BatchNormalization(momentum=0.9)]
    )
    wrapper, normalization = summaries.summarize(model).layers
    assert wrapper.config["layer"]["config"]["activity_regularizer"]["config"]["l2"] == pytest.approx(0.01)
    assert normalization.config["momentum"] == 0.9
    assert model.layers[1].gamma.path.startswith(normalization.path)
    json.dumps(wrapper.config, allow_nan=False)


def test_plain_leaves_out_what_is_no_setting() -> None:
    assert plain({"vocabulary": ["word"] * 1000, "scale": np.float32(0.5), "own": object()}) == {
        "vocabulary": None,
        "scale": 0.5,
        "own": None,
    }
    assert plain(float("inf")) == "Infinity"


def watched(model: keras.Model, *args: Any, **kwargs: Any) -> TrainingRecord:
    with kerasdoctor.watch(quiet=True) as watch:
        model.fit(*args, verbose=0, **kwargs)
    return watch.report.record


def test_compile_and_callbacks_are_told() -> None:
    x, y = programs.digits()
    model = programs.classifier(8, compiled=False)
    rate = keras.optimizers.schedules.ExponentialDecay(0.01, 100, 0.5)
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=3)
    metrics = ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(3)]
    model.compile(keras.optimizers.SGD(rate, clipnorm=2.0), loss, metrics=metrics)
    stopping = keras.callbacks.EarlyStopping(monitor="val_accuracy", patience=7)
    record = watched(model, x[:200], y[:200], callbacks=[stopping], class_weight=dict.fromkeys(range(10), 1.0))
    assert record.compile.optimizer_config["clipnorm"] == 2.0
    assert record.compile.optimizer_config["learning_rate"]["class_name"] == "ExponentialDecay"
    assert record.compile.losses[0].config["ignore_class"] == 3
    assert not record.compile.losses[0].by_name
    assert [metric.kind for metric in record.compile.metrics] == [
        "SparseCategoricalAccuracy",
        "SparseTopKCategoricalAccuracy",
    ]
    (settings,) = record.fit.settings_of("EarlyStopping")
    assert settings["patience"] == 7
    assert settings["monitor"] == "val_accuracy"
    assert record.fit.class_weights["9"] == 1.0
    assert record.model.trainable_variables == tuple(variable.path for variable in model.trainable_variables)
    json.dumps(record.to_dict(), allow_nan=False)


@pytest.mark.parametrize("keyed", [True, False], ids=["dict", "list"])
@pytest.mark.parametrize(
    "metrics",
    [
        {"labels": ["accuracy"], "amount": ["mae"]},
        {"amount": "mae", "labels": "accuracy"},
        [["accuracy"], ["mae"]],
    ],
    ids=["lists", "words", "in order"],
)
def test_a_metric_belongs_to_its_output(keyed: bool, metrics: Any) -> None:
    inputs = keras.Input((4,))
    labels, amount = (
        layer(inputs) for layer in (layers.Dense(3, "softmax", name="labels"), layers.Dense(1, name="amount"))
    )
    if keyed and isinstance(metrics, list):
        # Keras takes a dict's keys in order
        metrics = metrics[::-1]
    model = keras.Model(inputs, {"labels": labels, "amount": amount} if keyed else [labels, amount])
    model.compile("adam", {"labels": "sparse_categorical_crossentropy", "amount": "mse"}, metrics=metrics)
    rng = np.random.default_rng(0)
    y, z = rng.integers(0, 3, 200), rng.normal(size=200)
    record = watched(model, rng.normal(size=(200, 4)), {"labels": y, "amount": z}, validation_split=0.2)
    assert {(metric.kind, metric.output) for metric in record.compile.metrics} == {
        ("SparseCategoricalAccuracy", "labels"),
        ("MeanAbsoluteError", "amount"),
    }
    facts = record.metric_facts
    assert facts["labels_accuracy"].proportion
    assert facts["amount_mae"].direction == "down"
    assert {"amount_accuracy", "labels_mae"}.isdisjoint(facts)
    assert diagnosis(record, "accuracy-on-regression") is None


def test_each_output_has_its_own_kind_of_accuracy() -> None:
    inputs = keras.Input((4,))
    tags, sort = layers.Dense(5, "sigmoid", name="tags")(inputs), layers.Dense(3, "softmax", name="sort")(inputs)
    model = keras.Model(inputs, [sort, tags])
    losses = {"sort": "sparse_categorical_crossentropy", "tags": "binary_crossentropy"}
    model.compile(
        "adam",
        losses,
        metrics={"sort": "accuracy"},
        weighted_metrics={"tags": [keras.metrics.BinaryAccuracy(name="accuracy")]},
    )
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(200, 4)), rng.integers(0, 3, 200), rng.integers(0, 2, (200, 5))
    record = watched(model, x, {"sort": y, "tags": z})
    assert {(metric.kind, metric.output) for metric in record.compile.metrics} == {
        ("SparseCategoricalAccuracy", "sort"),
        ("BinaryAccuracy", "tags"),
    }
    # of five labels of a row one may be right and another wrong: no share of rows
    assert (record.metric_facts["sort_accuracy"].proportion, record.metric_facts["tags_accuracy"].proportion) == (
        True,
        False,
    )
    # categorical accuracy of one output says nothing of the other's several labels
    assert diagnosis(record, "accuracy-on-several-labels") is None


def test_steps_of_a_pipeline_without_drawing() -> None:
    drawn = []

    def counted(value: Any) -> Any:
        drawn.append(value)
        return value

    dataset = tf.data.Dataset.from_tensor_slices(np.arange(100.0)).shuffle(10, reshuffle_each_iteration=False)
    dataset = (
        dataset.map(lambda value: tf.py_function(counted, [value], tf.float64)).take(80).repeat().batch(8).prefetch(2)
    )
    steps = pipeline.steps(dataset)
    assert [step.kind for step in steps] == [
        "from_tensor_slices",
        "shuffle",
        "map",
        "take",
        "repeat",
        "batch",
        "prefetch",
    ]
    assert steps[1].settings == {"buffer_size": 10, "reshuffle_each_iteration": False}
    assert steps[3].elements == 80
    assert steps[4].elements == -1
    assert steps[5].settings["batch_size"] == 8
    assert drawn == []


def test_a_function_that_draws_random_numbers_is_told() -> None:
    move = layers.RandomTranslation(0.2, 0.2)
    x = np.zeros((8, 4, 4, 1), "float32")

    def drawn(function: Any) -> Any:
        return pipeline.steps(tf.data.Dataset.from_tensor_slices(x).map(function))[-1].settings.get("random")

    assert drawn(lambda image: image + tf.random.normal(tf.shape(image))) == ["RandomStandardNormal"]
    assert drawn(lambda image: move(image, training=True)) == ["StatelessRandomUniformV2"]
    assert drawn(lambda image: tf.map_fn(tf.random.shuffle, image)) == ["RandomShuffle"]
    assert drawn(lambda image: move(image, training=False)) is None
    assert drawn(lambda image: image / 2) is None


class Seen(Quantity):
    """Keeps the batches that it is shown."""

    batches: list[BatchTap]

    def __init__(self) -> None:
        self.batches = []

    def on_batch(self, batch: BatchTap) -> None:
        self.batches.append(batch)


def test_batches_that_keras_draws_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from kerasdoctor import quantities

    seen = Seen()
    kinds = {**quantities.types(), "seen": type("Seen", (Seen,), {"grows": True, "__new__": lambda _kind: seen})}
    monkeypatch.setattr(quantities, "types", lambda: kinds)
    x, y = programs.digits()
    train = tf.data.Dataset.from_tensor_slices((x[:96], y[:96])).batch(32)
    held_out = tf.data.Dataset.from_tensor_slices((x[96:128], y[96:128])).batch(16)
    watched(programs.classifier(8), train, validation_data=held_out, epochs=3)
    told = [(batch.part, batch.epoch, batch.index) for batch in seen.batches]
    assert [entry for entry in told if entry[0] == "train"] == [
        ("train", epoch, index) for epoch in (1, 2) for index in range(3)
    ]
    assert [entry for entry in told if entry[0] == "validation"] == [
        ("validation", epoch, index) for epoch in (1, 2) for index in range(2)
    ]
    np.testing.assert_array_equal(seen.batches[0].inputs["x"], x[:32])
    np.testing.assert_array_equal(seen.batches[0].targets["y"], y[:32])


def test_a_fit_that_raises_at_once_has_its_facts() -> None:
    x, y = programs.digits()
    model = programs.classifier(8)
    with kerasdoctor.watch(quiet=True) as watch, pytest.raises(ValueError, match="cardinality"):
        model.fit(x, y[:-5], verbose=0)
    record = watch.report.record
    assert record.outcome.status == "raised"
    assert record.model.layers
    assert record.compile.losses[0].by_name


def own_metric(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean(keras.ops.abs(y_true - y_pred))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metrics": ["accuracy", "mae"]},
        {
            "metrics": ["acc", keras.metrics.BinaryAccuracy(), keras.metrics.AUC(name="area")],
            "weighted_metrics": ["mse"],
        },
        {"metrics": (own_metric, "mean_squared_error")},
    ],
)
def test_what_an_epoch_would_log_is_what_it_logs(options: dict[str, Any]) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", **options)
    told = compilation.names_of_logs(model)
    x, y = np.zeros((8, 3), "float32"), np.array([0.0, 1.0] * 4, "float32")
    assert sorted(told) == sorted(model.fit(x, y, verbose=0).history)


def test_what_would_be_logged_of_several_outputs_is_not_told() -> None:
    start = keras.Input((3,))
    model = keras.Model(start, [keras.layers.Dense(1)(start), keras.layers.Dense(1)(start)])
    model.compile("sgd", "mse", metrics=[["mae"], ["mae"]])
    assert compilation.names_of_logs(model) == ()

    class Own(keras.Sequential):
        def train_step(self, data: Any) -> Any:
            return super().train_step(data)

    own = Own([keras.Input((3,)), keras.layers.Dense(1)])
    own.compile("sgd", "mse")
    assert compilation.names_of_logs(own) == ()
