"""Programs with one fault in generalization, stopping, batch normalization, dropout and weights of the loss."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tests.accuracy.programs import data, models
from tests.accuracy.programs.healthy_images import pretrained
from tests.accuracy.programs.program import faulty

layers = keras.layers
optimizers = keras.optimizers
SPARSE = "sparse_categorical_crossentropy"


# overfitting and over-confidence


# three seeds: mean confidence .86 to .90 at a validation accuracy of .74 to .77; 92 % of val_loss is of wrong rows
@faulty(
    "overfitting: few noisy digits",
    "multi-class",
    "overfitting",
    also=("loss-accuracy-disagreement: over-confidence",),
)
def few_noisy_digits(seed: int) -> Any:
    x, y = data.digits(seed, 500)
    x = x + 0.35 * np.random.default_rng(seed).standard_normal(x.shape).astype("float32")
    model = models.dense(64, [256, 256], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=50, validation_split=0.4, verbose=0)


@faulty("overfitting: diabetes, wide network", "regression", "overfitting")
def wide_diabetes(seed: int) -> Any:
    x, y = data.diabetes(seed)
    model = models.dense(10, [256, 256], 1, None)
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=50, validation_split=0.25, verbose=0)


@faulty("overfitting: short reviews", "text", "overfitting")
def short_reviews(seed: int) -> Any:
    x, y = data.reviews(seed, 500, 8)
    model = keras.Sequential(
        [
            keras.Input((8,), dtype="int32"),
            layers.Embedding(data.WORDS, 32),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=30, validation_split=0.3, verbose=0)


@faulty("overfitting: overlapping rows", "binary", "overfitting")
def overlapping_rows(seed: int) -> Any:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, 700)
    x = (generator.standard_normal((700, 20)) + 0.35 * (2 * y[:, None] - 1) * (np.arange(20) < 6)).astype("float32")
    model = models.dense(20, [128, 128], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=40, validation_split=0.3, verbose=0)


@faulty("overfitting: few photos", "images", "overfitting")
def few_photos(seed: int) -> Any:
    x, y = data.photo_patches(seed, 300, 8)
    x = x / 255 + 0.15 * np.random.default_rng(seed).standard_normal(x.shape)
    model = models.conv((8, 8, 3), [32, 32], 1, "sigmoid")
    model.compile(optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=50, validation_split=0.35, verbose=0)


def _overlapping(seed: int, n: int) -> data.Pair:
    """Ten classes of digits of which a few look like others: right labels, hard rows."""
    x, y = data.digits(seed, n)
    noise = np.random.default_rng(seed).standard_normal(x.shape).astype("float32")
    return x + 0.3 * noise, y


@faulty("over-confidence: noisy digits", "multi-class", "over-confidence", also=("overfitting: no-regularization",))
def over_confident_digits(seed: int) -> Any:
    x, y = _overlapping(seed, 1797)
    model = models.dense(64, [128, 128], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=32, validation_split=0.3, verbose=0)


@faulty("over-confidence: reviews", "text", "over-confidence", also=("overfitting: no-regularization",))
def over_confident_reviews(seed: int) -> Any:
    x, y = data.reviews(seed, 1500, 14)
    model = models.text(layers.GlobalAveragePooling1D(), size=32)
    model.compile(optimizers.Adam(0.03), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=32, validation_split=0.3, verbose=0)


@faulty("over-confidence: noisy shapes", "images", "over-confidence", also=("overfitting: no-regularization",))
def over_confident_shapes(seed: int) -> Any:
    x, y = data.shapes(seed, 900, noise=0.7)
    model = models.conv((16, 16, 1), [16, 32], 3)
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=30, batch_size=32, validation_split=0.3, verbose=0)


# underfitting and stopping


@faulty("too small network: a line through circles", "binary", "too small network")
def line_through_circles(seed: int) -> Any:
    x, y = data.circles(seed)
    model = models.dense(2, [], 1, "sigmoid")
    model.compile(optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=30, validation_split=0.2, verbose=0)


@faulty("too small network: one unit for ten digits", "multi-class", "too small network")
def one_unit_for_ten_digits(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [1], 10, activation="tanh")
    model.compile(optimizers.Adam(5e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=40, validation_split=0.2, verbose=0)


@faulty("too small network: a line through a wave", "regression", "too small network")
def line_through_a_wave(seed: int) -> Any:
    x = np.random.default_rng(seed).uniform(-3, 3, (1500, 1)).astype("float32")
    y = np.sin(3 * x[:, 0]) + 0.1 * np.random.default_rng(seed).standard_normal(1500)
    model = models.dense(1, [2], 1, None)
    model.compile(optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model.fit(x, y.astype("float32"), epochs=30, validation_split=0.2, verbose=0)


@faulty("strong regularization: moons", "binary", "strong regularization")
def strong_regularization(seed: int) -> Any:
    x, y = data.moons(seed)
    model = models.dense(2, [32, 32], 1, "sigmoid", l2=0.1)
    model.compile(optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=30, validation_split=0.2, verbose=0)


@faulty("stopped while improving: digits", "multi-class", "stopped while improving")
def stopped_digits(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 32], 10)
    model.compile(optimizers.SGD(0.01), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("stopped while improving: friedman", "regression", "stopped while improving")
def stopped_friedman(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.compile(optimizers.Adam(2e-4), "mse", metrics=["mae"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("stopped while improving: reviews", "text", "stopped while improving")
def stopped_reviews(seed: int) -> Any:
    x, y = data.reviews(seed, 2000)
    model = models.text(layers.GlobalAveragePooling1D(), size=8)
    model.compile(optimizers.Adam(2e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@faulty("impatient early stopping: slow start", "multi-class", "impatient early stopping")
def impatient_slow_start(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [32, 32], 10, activation="sigmoid")
    model.compile(optimizers.SGD(0.1), SPARSE, metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping("val_accuracy", min_delta=0.02, patience=3)
    return model.fit(x, y, epochs=60, batch_size=32, validation_split=0.2, callbacks=[stop], verbose=0)


@faulty("impatient early stopping: noisy curve", "regression", "impatient early stopping")
def impatient_noisy_curve(seed: int) -> Any:
    x, y = data.friedman(seed, 1000)
    model = models.dense(10, [64], 1, None)
    model.compile(optimizers.Adam(1e-3), "mse", metrics=["mae"])
    stop = keras.callbacks.EarlyStopping(min_delta=0.1, patience=0)
    return model.fit(x, y, epochs=60, batch_size=32, validation_split=0.2, callbacks=[stop], verbose=0)


@faulty("monitor not logged: no validation", "binary", "monitor not logged")
def monitor_without_validation(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping("val_loss", patience=3)
    return model.fit(x, y, epochs=25, callbacks=[stop], verbose=0)


@faulty("monitor not logged: another name", "multi-class", "monitor not logged")
def monitor_of_another_name(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.compile("adam", SPARSE, metrics=[keras.metrics.SparseCategoricalAccuracy()])
    stop = keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=3)
    return model.fit(x, y, epochs=20, validation_split=0.2, callbacks=[stop], verbose=0)


@faulty("patience too long: longer than the run", "regression", "patience too long")
def patience_longer_than_the_run(seed: int) -> Any:
    x, y = data.diabetes(seed)
    model = models.dense(10, [128, 128], 1, None)
    model.compile(optimizers.Adam(3e-3), "mse", metrics=["mae"])
    stop = keras.callbacks.EarlyStopping(patience=60)
    return model.fit(x, y, epochs=40, validation_split=0.25, callbacks=[stop], verbose=0)


@faulty(
    "weights not restored: diabetes", "regression", "weights not restored", also=("overfitting: no-regularization",)
)
def weights_not_restored(seed: int) -> Any:
    x, y = data.diabetes(seed)
    model = models.dense(10, [128, 128], 1, None)
    model.compile("adam", "mse", metrics=["mae"])
    stop = keras.callbacks.EarlyStopping(patience=25)
    return model.fit(x, y, epochs=60, validation_split=0.25, callbacks=[stop], verbose=0)


@faulty("wrong direction: accuracy that should fall", "multi-class", "wrong direction")
def accuracy_that_should_fall(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.compile(optimizers.SGD(0.05), SPARSE, metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping("val_accuracy", mode="min", patience=3, restore_best_weights=True)
    return model.fit(x, y, epochs=40, validation_split=0.2, callbacks=[stop], verbose=0)


@faulty("wrong direction: loss that should rise", "regression", "wrong direction")
def loss_that_should_rise(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.compile(optimizers.Adam(5e-4), "mse", metrics=["mae"])
    stop = keras.callbacks.EarlyStopping("val_mae", mode="max", patience=4, restore_best_weights=True)
    return model.fit(x, y, epochs=40, validation_split=0.2, callbacks=[stop], verbose=0)


# batch normalization


def _normalized(momentum: float, outputs: int = 10) -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(64, activation="relu"),
            layers.BatchNormalization(momentum=momentum),
            layers.Dense(64, activation="relu"),
            layers.BatchNormalization(momentum=momentum),
            layers.Dense(outputs, activation="softmax"),
        ]
    )


@faulty("batch norm lags: few large batches", "multi-class", "batch norm lags")
def batch_norm_lags(seed: int) -> Any:
    x, y = data.digits(seed)
    model = _normalized(0.99)
    model.compile(optimizers.Adam(0.01), SPARSE, metrics=["accuracy"])
    return model.fit(8 * x, y, epochs=12, batch_size=512, validation_split=0.2, verbose=0)


@faulty("batch norm lags: momentum .999", "multi-class", "batch norm lags")
def batch_norm_momentum(seed: int) -> Any:
    x, y = data.digits(seed)
    model = _normalized(0.999)
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    return model.fit(4 * x, y, epochs=8, batch_size=64, validation_split=0.2, verbose=0)


@faulty("batch norm lags: images", "images", "batch norm lags")
def batch_norm_lags_images(seed: int) -> Any:
    x, y = data.photo_patches(seed)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.BatchNormalization(momentum=0.995),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x / 25, y, epochs=10, batch_size=64, validation_split=0.25, verbose=0)


@faulty("tiny batches: digits in pairs", "multi-class", "tiny batches")
def norm_of_pairs(seed: int) -> Any:
    x, y = data.digits(seed, 400)
    model = models.dense(64, [48, 48], 10, norm=True)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=12, batch_size=2, validation_split=0.5, verbose=0)


@faulty("tiny batches: threes of photos", "images", "tiny batches")
def norm_of_threes(seed: int) -> Any:
    x, y = data.photo_patches(seed, 300)
    x = x / 255 + 0.3 * np.random.default_rng(seed).standard_normal(x.shape)
    x[y == 1] *= 0.5
    model = models.dense(768, [32, 32], 1, "sigmoid", norm=True)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x.reshape(len(x), -1), y, epochs=10, batch_size=3, validation_split=0.4, verbose=0)


@faulty(
    "batch norm fine-tuned: a new domain",
    "transfer learning",
    "batch norm fine-tuned",
    truth=("lagging-batch-norm: small-momentum-window", "lagging-batch-norm: too-few-updates"),
)
def fine_tuned_norm(seed: int) -> Any:
    """All of the base unfrozen with its batch normalization, whose statistics are still those of the old images."""
    base, x, y = pretrained(seed, norm=True, momentum=0.99)
    base.trainable = True
    model = keras.Sequential([keras.Input((8, 8, 1)), base, layers.Dense(5, "softmax")])
    model.compile(optimizers.Adam(1e-3), SPARSE, metrics=["accuracy"])
    return model.fit(2 - 2 * x, y, epochs=4, batch_size=32, validation_split=0.25, verbose=0)


class AlwaysTraining(keras.Model):
    """Calls its base as if it always trained; in a functional model Keras 3 puts `fit`'s own mode in its place."""

    def __init__(self, base: keras.Model) -> None:
        super().__init__()
        self.base, self.head = base, layers.Dense(5, activation="softmax")

    def call(self, x: Any) -> Any:
        return self.head(self.base(x, training=True))


@faulty("batch norm fine-tuned: called in training mode", "transfer learning", "batch norm fine-tuned")
def called_in_training_mode(seed: int) -> Any:
    """Each batch normalizes itself, also in validation, where a row comes alone and is normalized away."""
    x, y = data.digits(seed)
    known = models.dense(64, [48, 32], 5, norm=True)
    known.compile(optimizers.Adam(3e-3), SPARSE)
    known.fit(x[y < 5], y[y < 5], epochs=8, batch_size=32, verbose=0)
    base = keras.Model(known.inputs, known.layers[-2].output, name="base")
    x, y = x[y >= 5], y[y >= 5] - 5
    model = AlwaysTraining(base)
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=8, batch_size=32, validation_split=0.25, validation_batch_size=1, verbose=0)


# dropout


@faulty("high dropout: digits", "multi-class", "high dropout")
def high_dropout(seed: int) -> Any:
    """The rate taken for the share to keep."""
    x, y = data.digits(seed)
    model = models.dense(64, [64, 64], 10, dropout=0.9)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty("high dropout: friedman", "regression", "high dropout")
def high_dropout_regression(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32, 32], 1, None, dropout=0.85)
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty("high dropout: reviews", "text", "high dropout")
def high_dropout_reviews(seed: int) -> Any:
    x, y = data.reviews(seed, 1200, 12)
    model = models.text(layers.Dropout(0.9), layers.LSTM(12, dropout=0.8), size=8)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("dropout at the output: friedman", "regression", "dropout at the output")
def dropout_at_the_output(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.add(layers.Dropout(0.5))
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("dropout at the output: digits", "multi-class", "dropout at the output")
def dropout_on_probabilities(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.add(layers.Dropout(0.5))
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


# weights of the loss, ignored penalties


@faulty("class weights: a hundred for the rare class", "imbalanced", "class weights")
def class_weights(seed: int) -> Any:
    x, y = data.rows(seed, positives=0.15)
    model = models.dense(20, [24], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=15, class_weight={0: 10.0, 1: 60.0}, validation_split=0.2, verbose=0)


@faulty("sample weights: in euros", "regression", "sample weights")
def sample_weights(seed: int) -> Any:
    x, y = data.friedman(seed)
    weights = np.random.default_rng(seed).uniform(20, 80, len(y))
    model = models.dense(10, [32], 1, None)
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=15, sample_weight=weights, validation_split=0.2, verbose=0)


@faulty("penalty ignored: inside TimeDistributed", "time series", "penalty ignored")
def penalty_inside_time_distributed(seed: int) -> Any:
    x, y = data.windows(data.wave(seed))
    penalized = layers.Dense(8, activation="relu", activity_regularizer=keras.regularizers.L2(0.01))
    model = keras.Sequential(
        [keras.Input((20, 1)), layers.TimeDistributed(penalized), layers.Flatten(), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)
