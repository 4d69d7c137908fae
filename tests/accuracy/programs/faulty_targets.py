"""Programs with one fault among labels, last layer, loss and metric."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tests.accuracy.programs import data, models
from tests.accuracy.programs.program import faulty

layers = keras.layers
optimizers = keras.optimizers
SPARSE = "sparse_categorical_crossentropy"


# targets outside what the loss is for


@faulty("labels one and two: tumours", "binary", "labels one and two")
def labels_one_and_two(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y + 1, epochs=15, validation_split=0.2, verbose=0)


@faulty("labels one and two: reviews", "text", "labels one and two")
def labels_one_and_two_reviews(seed: int) -> Any:
    x, y = data.reviews(seed)
    model = models.text(layers.GlobalAveragePooling1D(), size=8)
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y + 1, epochs=8, validation_split=0.2, verbose=0)


@faulty("labels plus and minus one: moons", "binary", "labels plus and minus one")
def labels_plus_and_minus_one(seed: int) -> Any:
    x, y = data.moons(seed)
    model = models.dense(2, [16], 1, "sigmoid")
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, 2 * y - 1, epochs=10, validation_split=0.2, verbose=0)


@faulty("labels plus and minus one: rows", "binary", "labels plus and minus one")
def labels_plus_and_minus_one_rows(seed: int) -> Any:
    x, y = data.rows(seed)
    model = models.dense(20, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, 2 * y - 1, epochs=8, validation_split=0.2, verbose=0)


@faulty("targets of 0 to 255: masks", "images", "targets of 0 to 255")
def masks_of_bytes(seed: int) -> Any:
    x, y = data.masks(seed, 300)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.Conv2D(1, 1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["binary_accuracy"])
    return model.fit(x, 255 * y, epochs=8, batch_size=16, validation_split=0.2, verbose=0)


@faulty("unnormalized autoencoder: 0 to 16", "autoencoder", "unnormalized autoencoder")
def autoencoder_0_to_16(seed: int) -> Any:
    x, _ = data.digits(seed)
    model = models.dense(64, [16], 64, "sigmoid")
    model.compile("adam", "binary_crossentropy")
    return model.fit(16 * x, 16 * x, epochs=8, validation_split=0.2, verbose=0)


@faulty("unnormalized autoencoder: standardized", "autoencoder", "unnormalized autoencoder")
def autoencoder_standardized(seed: int) -> Any:
    x, _ = data.tumours(seed)
    model = models.dense(30, [16], 30, "sigmoid")
    model.compile("adam", "binary_crossentropy")
    return model.fit(x, x, epochs=15, validation_split=0.2, verbose=0)


@faulty("several classes on one unit: wines", "small data", "several classes on one unit")
def several_classes_on_one_unit(seed: int) -> Any:
    x, y = data.wines(seed)
    model = models.dense(13, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=30, batch_size=16, validation_split=0.2, verbose=0)


@faulty("several classes on one unit: shapes", "images", "several classes on one unit")
def shapes_on_one_unit(seed: int) -> Any:
    x, y = data.shapes(seed)
    model = models.conv((16, 16, 1), [8, 16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=8, validation_split=0.2, verbose=0)


@faulty("no distributions: divergence of linear outputs", "multi-class", "no distributions")
def divergence_of_linear_outputs(seed: int) -> Any:
    """Targets are shares that sum to 1; the outputs need not."""
    x, y = data.friedman(seed)
    shares = np.exp(np.stack([y, -y, 0 * y], axis=1))
    model = models.dense(10, [16], 3, None)
    model.compile(optimizers.Adam(0.01), "kl_divergence")
    return model.fit(x, shares / shares.sum(1, keepdims=True), epochs=15, validation_split=0.2, verbose=0)


@faulty("negative weights: sample weights below zero", "binary", "negative weights")
def negative_sample_weights(seed: int) -> Any:
    x, y = data.rows(seed)
    weights = np.where(np.random.default_rng(seed).random(len(y)) < 0.7, -1.0, 1.0)
    model = models.dense(20, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=6, sample_weight=weights, validation_split=0.2, verbose=0)


# last layer against loss


@faulty("no output activation: digits", "multi-class", "no output activation")
def no_output_activation_digits(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10, None)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("no output activation: tumours", "binary", "no output activation")
def no_output_activation_tumours(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, None)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty("no output activation: several labels", "multi-label", "no output activation")
def no_output_activation_labels(seed: int) -> Any:
    x, y = data.labels_of_rows(seed)
    model = models.dense(20, [24], 5, None)
    model.compile("adam", keras.losses.BinaryCrossentropy(), metrics=["binary_accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("wrong output activation: relu on tumours", "binary", "wrong output activation")
def relu_under_crossentropy(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "relu")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("wrong output activation: tanh on rows", "binary", "wrong output activation")
def tanh_under_crossentropy(seed: int) -> Any:
    x, y = data.rows(seed)
    model = models.dense(20, [32], 1, "tanh")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("wrong output activation: relu on digits", "multi-class", "wrong output activation")
def relu_under_categorical(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10, "relu")
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, data.one_hot(y, 10), epochs=10, validation_split=0.2, verbose=0)


@faulty("softmax over one unit: tumours", "binary", "softmax over one unit")
def softmax_over_one_unit(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "softmax")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("softmax over one unit: photos", "images", "softmax over one unit")
def softmax_over_one_unit_photos(seed: int) -> Any:
    x, y = data.photo_patches(seed, 500)
    model = models.conv((16, 16, 3), [8, 16], 1, "softmax")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x / 255, y, epochs=8, validation_split=0.2, verbose=0)


@faulty("softmax over one unit: reviews", "text", "softmax over one unit")
def softmax_over_one_unit_reviews(seed: int) -> Any:
    x, y = data.reviews(seed)
    model = models.text(layers.GlobalAveragePooling1D(), last="softmax", size=8)
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=8, validation_split=0.2, verbose=0)


@faulty("categorical loss on one unit: tumours", "binary", "categorical loss on one unit")
def categorical_on_one_unit(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, y[:, None].astype("float32"), epochs=10, validation_split=0.2, verbose=0)


@faulty("categorical loss on one unit: photos", "images", "categorical loss on one unit")
def categorical_on_one_unit_photos(seed: int) -> Any:
    x, y = data.photo_patches(seed, 500)
    model = models.conv((16, 16, 3), [8], 1, "sigmoid")
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x / 255, y[:, None].astype("float32"), epochs=6, validation_split=0.2, verbose=0)


@faulty("activation and from_logits: digits", "multi-class", "activation and from_logits")
def activation_and_from_logits(seed: int) -> Any:
    """With TensorFlow, Keras repairs it and warns; the fault stays in the code."""
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("activation and from_logits: tumours", "binary", "activation and from_logits")
def sigmoid_and_from_logits(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("two softmax layers: digits", "multi-class", "two softmax layers")
def two_softmax_layers(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.add(layers.Softmax())
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("two softmax layers: reviews", "text", "two softmax layers")
def two_softmax_layers_reviews(seed: int) -> Any:
    x, y = data.reviews(seed, classes=3)
    model = models.text(layers.GlobalAveragePooling1D(), outputs=3, last="softmax", size=8)
    model.add(layers.Activation("softmax"))
    model.compile(optimizers.Adam(0.01), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@faulty("sigmoid for exclusive classes: digits", "multi-class", "sigmoid for exclusive classes")
def sigmoid_for_exclusive_classes(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10, "sigmoid")
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, data.one_hot(y, 10), epochs=15, validation_split=0.2, verbose=0)


@faulty("sigmoid for exclusive classes: wines", "small data", "sigmoid for exclusive classes")
def sigmoid_for_exclusive_wines(seed: int) -> Any:
    x, y = data.wines(seed)
    model = models.dense(13, [16], 3, "sigmoid")
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=16, validation_split=0.25, verbose=0)


@faulty("softmax for several labels: rows", "multi-label", "softmax for several labels")
def softmax_for_several_labels(seed: int) -> Any:
    x, y = data.labels_of_rows(seed, rate=0.5)
    model = models.dense(20, [24], 5)
    model.compile("adam", "binary_crossentropy", metrics=["binary_accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("softmax for several labels: properties of digits", "multi-label", "softmax for several labels")
def softmax_for_properties(seed: int) -> Any:
    x, y = data.digits(seed)
    properties = np.stack([y % 2, y > 4, np.isin(y, [0, 6, 8, 9])], axis=1).astype("float32")
    model = models.dense(64, [64], 3)
    model.compile("adam", "binary_crossentropy", metrics=["binary_accuracy"])
    return model.fit(x, properties, epochs=12, validation_split=0.2, verbose=0)


# bounded outputs


@faulty("relu output: diabetes", "regression", "relu output")
def relu_output(seed: int) -> Any:
    x, y = data.diabetes(seed)
    model = models.dense(10, [16], 1, "relu")
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty("relu output: wave", "time series", "relu output")
def relu_output_wave(seed: int) -> Any:
    x, y = data.windows(data.wave(seed))
    model = models.dense(20, [24], 1, "relu")
    model.compile("adam", "mse")
    return model.fit(x[..., 0], y, epochs=12, validation_split=0.2, verbose=0)


@faulty("sigmoid output: friedman", "regression", "sigmoid output")
def sigmoid_output(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, "sigmoid")
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("sigmoid output: autoencoder of tumours", "autoencoder", "sigmoid output")
def sigmoid_output_autoencoder(seed: int) -> Any:
    x, _ = data.tumours(seed)
    model = models.dense(30, [16], 30, "sigmoid")
    model.compile(optimizers.Adam(3e-3), "mse")
    return model.fit(x, x, epochs=25, validation_split=0.2, verbose=0)


@faulty("tanh output: friedman", "regression", "tanh output")
def tanh_output(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, "tanh")
    model.compile("adam", "mae")
    return model.fit(x, 2 * y, epochs=12, validation_split=0.2, verbose=0)


# metrics


@faulty("accuracy on regression: friedman", "regression", "accuracy on regression")
def accuracy_on_regression(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.compile("adam", "mse", metrics=["accuracy"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty("accuracy on regression: wave", "time series", "accuracy on regression")
def accuracy_on_wave(seed: int) -> Any:
    x, y = data.windows(data.wave(seed))
    model = models.dense(20, [16], 1, None)
    model.compile("adam", "mae", metrics=["accuracy"])
    return model.fit(x[..., 0], y, epochs=15, validation_split=0.2, verbose=0)


@faulty("classes as numbers: wines", "small data", "classes as numbers")
def classes_as_numbers(seed: int) -> Any:
    x, y = data.wines(seed)
    model = models.dense(13, [16], 1, None)
    model.compile("adam", "mse", metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=16, validation_split=0.25, verbose=0)


@faulty("classes as numbers: digits", "multi-class", "classes as numbers")
def digits_as_numbers(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 1, None)
    model.compile("adam", "mse", metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("accuracy on several labels: thirty rare labels", "multi-label", "accuracy on several labels")
def accuracy_on_rare_labels(seed: int) -> Any:
    x, y = data.labels_of_rows(seed, labels=30, rate=0.03)
    model = models.dense(20, [32], 30, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("accuracy on several labels: five labels", "multi-label", "accuracy on several labels")
def accuracy_on_five_labels(seed: int) -> Any:
    x, y = data.labels_of_rows(seed)
    model = models.dense(20, [32], 5, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("threshold on logits: tumours", "binary", "threshold on logits")
def threshold_on_logits(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, None, l2=1e-3)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    return model.fit(x, y, epochs=25, validation_split=0.25, verbose=0)


@faulty("threshold on logits: labels", "multi-label", "threshold on logits")
def threshold_on_logits_labels(seed: int) -> Any:
    x, y = data.labels_of_rows(seed, rate=0.5)
    model = models.dense(20, [24], 5, None)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=["binary_accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


# rows of targets that are no distributions


@faulty("several ones: labels under categorical crossentropy", "multi-label", "several ones")
def several_ones(seed: int) -> Any:
    x, y = data.labels_of_rows(seed, rate=0.5)
    model = models.dense(20, [24], 5)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("empty rows: an unknown class", "multi-class", "empty rows")
def empty_rows(seed: int) -> Any:
    """A table of the first eight digits makes all zeros of the other two."""
    x, y = data.digits(seed)
    table = np.concatenate([np.eye(8), np.zeros((2, 8))]).astype("float32")
    model = models.dense(64, [64], 8)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, table[y], epochs=12, validation_split=0.2, verbose=0)


@faulty("unnormalized rows: counts of votes", "multi-class", "unnormalized rows")
def counts_of_votes(seed: int) -> Any:
    """How many of ten readers saw which digit."""
    x, y = data.digits(seed)
    votes = 8 * data.one_hot(y, 10) + 2 * data.one_hot(np.random.default_rng(seed).integers(0, 10, len(y)), 10)
    model = models.dense(64, [64], 10)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, votes, epochs=12, validation_split=0.2, verbose=0)


# (N,) against (N, 1)


class SquaredError(keras.losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.square(y_true - y_pred))


class AbsoluteError(keras.losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return keras.ops.abs(y_true - y_pred)


@faulty("broadcast targets: a squared error of one's own", "regression", "broadcast targets")
def broadcast_squares(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.compile("adam", SquaredError(), metrics=["mae"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("broadcast targets: an absolute error of one's own", "regression", "broadcast targets")
def broadcast_absolute(seed: int) -> Any:
    x, y = data.diabetes(seed)
    model = models.dense(10, [16], 1, None)
    model.compile("adam", AbsoluteError())
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


class OwnStep(keras.Model):
    """A training step of one's own that forgets the axis."""

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, *args: Any, **kwargs: Any) -> Any:
        return keras.ops.mean(keras.ops.square(y - y_pred))


@faulty("broadcast targets: compute_loss of one's own", "time series", "broadcast targets")
def broadcast_compute_loss(seed: int) -> Any:
    x, y = data.windows(data.wave(seed))
    start = keras.Input((20,))
    model = OwnStep(start, layers.Dense(1)(layers.Dense(24, activation="relu")(start)))
    model.compile("adam", loss="mse")
    return model.fit(x[..., 0], y, epochs=12, validation_split=0.2, verbose=0)
