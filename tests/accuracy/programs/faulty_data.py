"""Programs with one fault in their data: order, scale, gaps, balance, copies, leaks, labels, shuffling, validation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from tests.accuracy.programs import data, models
from tests.accuracy.programs.healthy_images import pretrained
from tests.accuracy.programs.program import Task, faulty

layers = keras.layers
optimizers = keras.optimizers
SPARSE = "sparse_categorical_crossentropy"
Array = data.Array


class Host:
    """A healthy program whose data can be spoiled: its rows, its model, compiled, and how `fit` is called."""

    def __init__(
        self, task: Task, rows: Callable[[int], data.Pair], build: Callable[[], keras.Model], loss: str, **fit: Any
    ) -> None:
        self.task, self.rows, self.build, self.loss, self.fit = task, rows, build, loss, fit

    def compiled(self, optimizer: Any = "adam") -> keras.Model:
        model = self.build()
        model.compile(optimizer, self.loss, metrics=["mae" if self.loss == "mse" else "accuracy"])
        return model


HOSTS = {
    "digits": Host("multi-class", data.digits, partial(models.dense, 64, [64, 32], 10), SPARSE, epochs=12),
    "tumours": Host(
        "binary", data.tumours, partial(models.dense, 30, [16], 1, "sigmoid"), "binary_crossentropy", epochs=20
    ),
    "wines": Host("small data", data.wines, partial(models.dense, 13, [16], 3), SPARSE, epochs=40, batch_size=16),
    "diabetes": Host("regression", data.diabetes, partial(models.dense, 10, [16], 1, None), "mse", epochs=20),
    "friedman": Host("regression", data.friedman, partial(models.dense, 10, [32], 1, None), "mse", epochs=15),
    "rows": Host("binary", data.rows, partial(models.dense, 20, [32], 1, "sigmoid"), "binary_crossentropy", epochs=15),
    "shapes": Host(
        "images", data.shapes, partial(models.conv, (16, 16, 1), [16, 32], 3, dropout=0.3), SPARSE, epochs=10
    ),
    "photos": Host(
        "images",
        lambda seed: (data.photo_patches(seed)[0] / 255, data.photo_patches(seed)[1]),
        partial(models.conv, (16, 16, 3), [8, 16], 1, "sigmoid", dropout=0.3),
        "binary_crossentropy",
        epochs=12,
    ),
    "reviews": Host(
        "text",
        data.reviews,
        lambda: models.text(layers.GlobalAveragePooling1D(), size=8),
        "binary_crossentropy",
        epochs=15,
    ),
    "conv": Host(
        "images", data.digit_images, partial(models.conv, (8, 8, 1), [16], 10, dropout=0.3), SPARSE, epochs=10
    ),
}


def planted(condition: str, hosts: str, **options: Any) -> Callable[[Callable[[Host, int], Any]], Any]:
    """Registers a fault once per host, named "condition: host"."""

    def register(run: Callable[[Host, int], Any]) -> Any:
        for name in hosts.split():
            host = HOSTS[name]
            faulty(f"{condition}: {name}", host.task, condition, **options)(partial(run, host))
        return run

    return register


# order


@planted("ordered labels", "digits tumours wines diabetes shapes reviews")
def ordered_labels(host: Host, seed: int) -> Any:
    x, y = data.by_label(*host.rows(seed))
    return host.compiled().fit(x, y, validation_split=0.2, verbose=0, **host.fit)


@faulty("ordered labels: one class after the other, one-hot", "multi-class", "ordered labels")
def ordered_one_hot(seed: int) -> Any:
    x, y = data.by_label(*data.digits(seed))
    model = models.dense(64, [64], 10)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, data.one_hot(y, 10), epochs=10, validation_split=0.15, verbose=0)


@faulty("time order: growing sales", "time series", "time order")
def growing_sales(seed: int) -> Any:
    series = np.arange(1200) / 400 + data.wave(seed)
    x, y = data.windows(series.astype("float32"))
    dates = pd.date_range("2020-01-01", periods=len(x))
    frame, target = pd.DataFrame(x[..., 0], index=dates), pd.Series(y, index=dates)
    model = models.dense(20, [16], 1, None, activation="tanh")
    model.compile("adam", "mse")
    return model.fit(frame, target, epochs=10, validation_split=0.25, verbose=0)


@faulty("time order: new kinds of events", "time series", "time order")
def new_kinds_of_events(seed: int) -> Any:
    """Whether the level rises next, in a market that turns at the end of the record."""
    generator = np.random.default_rng(seed)
    slope = np.where(np.arange(1200) < 900, 0.03, -0.03)
    level = np.cumsum(slope + 0.05 * generator.standard_normal(1200)).astype("float32")
    x, after = data.windows(level)
    y = (after > x[:, -1, 0]).astype("int64")
    frame = pd.DataFrame(x[..., 0], index=pd.date_range("2021-03-01", periods=len(x), freq="h"))
    model = models.dense(20, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(frame, y, epochs=15, validation_split=0.2, verbose=0)


# scale


@planted("large values", "digits conv photos friedman")
def large_values(host: Host, seed: int) -> Any:
    x, y = host.rows(seed)
    return host.compiled(optimizers.SGD(0.01)).fit(255 * x, y, validation_split=0.2, verbose=0, **host.fit)


@faulty("mixed scales: tumours as measured", "binary", "mixed scales")
def tumours_as_measured(seed: int) -> Any:
    x, y = data.tumours(seed, raw=True)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile(optimizers.SGD(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty("mixed scales: wines as measured", "small data", "mixed scales")
def wines_as_measured(seed: int) -> Any:
    x, y = data.wines(seed, raw=True)
    model = models.dense(13, [16], 3)
    model.compile(optimizers.SGD(0.01), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=16, validation_split=0.2, verbose=0)


@faulty("mixed scales: an identifier among the columns", "binary", "mixed scales")
def identifier_among_columns(seed: int) -> Any:
    x, y = data.rows(seed)
    x = np.concatenate([x, np.random.default_rng(seed).integers(10_000, 99_999, (len(x), 1))], axis=1).astype("float32")
    model = models.dense(21, [32], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("unadapted normalization: alcohol of wines", "regression", "unadapted normalization")
def unadapted_normalization(seed: int) -> Any:
    x, _ = data.wines(seed, raw=True)
    target = data.standardized(x[:, 0])
    model = models.dense(12, [16], 1, None, first=[layers.Normalization()])
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x[:, 1:], target, epochs=20, validation_split=0.2, verbose=0)


@faulty("unadapted normalization: tumours", "binary", "unadapted normalization")
def unadapted_normalization_tumours(seed: int) -> Any:
    x, y = data.tumours(seed, raw=True)
    model = models.dense(30, [16], 1, "sigmoid", first=[layers.Normalization()])
    model.compile(optimizers.SGD(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty("unscaled targets: diabetes", "regression", "unscaled targets")
def unscaled_targets_diabetes(seed: int) -> Any:
    """Adam creeps: after 30 epochs it predicts far below every target."""
    x, y = data.diabetes(seed, raw_targets=True)
    model = models.dense(10, [16], 1, None)
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=30, validation_split=0.2, verbose=0)


@faulty("unscaled targets: diabetes, SGD", "regression", "unscaled targets")
def unscaled_targets_sgd(seed: int) -> Any:
    x, y = data.diabetes(seed, raw_targets=True)
    model = models.dense(10, [16], 1, None)
    model.compile(optimizers.SGD(0.05), "mse", metrics=["mae"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@faulty("unscaled targets: prices of houses", "regression", "unscaled targets")
def prices_of_houses(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, 250_000 + 80_000 * y, epochs=20, validation_split=0.2, verbose=0)


# gaps


@planted("missing values", "digits tumours friedman")
def missing_values(host: Host, seed: int) -> Any:
    x, y = host.rows(seed)
    x = x.copy()
    x[np.random.default_rng(seed).integers(0, len(x) // 2, 4), 3] = np.nan
    return host.compiled().fit(x, y, validation_split=0.2, verbose=0, **{**host.fit, "epochs": 4})


@faulty("missing values: in the targets", "regression", "missing values")
def missing_targets(seed: int) -> Any:
    x, y = data.diabetes(seed)
    y = y.copy()
    y[50] = np.nan
    model = models.dense(10, [16], 1, None)
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=5, validation_split=0.2, verbose=0)


@faulty("infinite values: logarithm of a count", "binary", "infinite values")
def logarithm_of_a_count(seed: int) -> Any:
    x, y = data.rows(seed)
    counts = np.random.default_rng(seed).poisson(4.0, len(x))
    with np.errstate(divide="ignore"):
        x = np.concatenate([x, np.log(counts)[:, None]], axis=1).astype("float32")
    model = models.dense(21, [32], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=4, validation_split=0.2, verbose=0)


@planted("missing values in validation", "digits friedman")
def missing_in_validation(host: Host, seed: int) -> Any:
    x, y = host.rows(seed)
    cut = int(0.8 * len(x))
    x_val = x[cut:].copy()
    x_val[7, 2] = np.nan
    return host.compiled().fit(
        x[:cut], y[:cut], validation_data=(x_val, y[cut:]), verbose=0, **{**host.fit, "epochs": 6}
    )


# balance and signal


@faulty("imbalanced classes: two in a hundred", "imbalanced", "imbalanced classes")
def two_in_a_hundred(seed: int) -> Any:
    """Overlapping classes, so that calling everything negative is what the loss rewards."""
    generator = np.random.default_rng(seed)
    y = (generator.random(2500) < 0.02).astype("int64")
    x = (generator.standard_normal((2500, 10)) + 0.4 * y[:, None]).astype("float32")
    model = models.dense(10, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=8, batch_size=64, validation_split=0.2, verbose=0)


@faulty("imbalanced classes: rare third class", "imbalanced", "imbalanced classes")
def rare_third_class(seed: int) -> Any:
    generator = np.random.default_rng(seed)
    y = generator.choice(3, 2500, p=[0.94, 0.03, 0.03])
    x = generator.standard_normal((2500, 8)).astype("float32")
    x[:, 0] += 0.8 * (y == 1)
    x[:, 1] += 0.8 * (y == 2)
    model = models.dense(8, [16], 3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=10, batch_size=64, validation_split=0.2, verbose=0)


@faulty("imbalanced classes: few defects in images", "imbalanced", "imbalanced classes")
def few_defects(seed: int) -> Any:
    generator = np.random.default_rng(seed)
    y = (generator.random(1500) < 0.03).astype("int64")
    x = generator.standard_normal((1500, 8, 8, 1)).astype("float32")
    x[y == 1, 3:5, 3:5] += 0.7
    model = models.conv((8, 8, 1), [8], 1, "sigmoid")
    model.compile(optimizers.Adam(5e-4), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=6, batch_size=64, validation_split=0.2, verbose=0)


@faulty("no signal: rows shuffled without their labels", "binary", "no signal")
def rows_shuffled_without_labels(seed: int) -> Any:
    x, y = data.rows(seed, 2500, positives=0.4)
    x = np.random.default_rng(seed + 1).permutation(x)
    model = models.dense(20, [8], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=8, batch_size=64, validation_split=0.2, verbose=0)


@faulty("no signal: all pictures black", "images", "no signal")
def all_pictures_black(seed: int) -> Any:
    """Bytes divided by 255 in whole numbers."""
    x, y = data.shapes(seed)
    bytes_ = np.clip(128 + 60 * x, 0, 254).astype("uint8")
    model = models.conv((16, 16, 1), [8], 3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(bytes_ // 255, y, epochs=8, validation_split=0.2, verbose=0)


@faulty("no signal: one constant word", "text", "no signal")
def one_constant_word(seed: int) -> Any:
    """A vocabulary from another language maps every word to "unknown"."""
    x, y = data.reviews(seed)
    model = models.text(layers.GlobalAveragePooling1D(), size=8)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(np.ones_like(x), y, epochs=8, validation_split=0.2, verbose=0)


# training and validation processed differently


@faulty("different range: digits", "multi-class", "different range")
def different_range_digits(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(16 * x[:1400], y[:1400], epochs=10, validation_data=(x[1400:], y[1400:]), verbose=0)


@faulty("different range: photos", "images", "different range")
def different_range_photos(seed: int) -> Any:
    x, y = data.photo_patches(seed)
    model = models.conv((16, 16, 3), [8, 16], 1, "sigmoid", dropout=0.3)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x[:600] / 255, y[:600], epochs=12, validation_data=(x[600:], y[600:]), verbose=0)


@faulty("different range: photos from pipelines", "images", "different range")
def different_range_pipelines(seed: int) -> Any:
    x, y = data.photo_patches(seed)
    train = tf.data.Dataset.from_tensor_slices((x[:600] / 255, y[:600])).shuffle(600).batch(32)
    validation = tf.data.Dataset.from_tensor_slices((x[600:], y[600:])).batch(32)
    model = models.conv((16, 16, 3), [8, 16], 1, "sigmoid", dropout=0.3)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(train, epochs=12, validation_data=validation, verbose=0)


@faulty("shifted mean: rows", "binary", "shifted mean")
def shifted_mean_rows(seed: int) -> Any:
    x, y = data.rows(seed)
    x = x + 3.0
    model = models.dense(20, [32], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    center = x[:1600].mean(0)
    return model.fit(x[:1600] - center, y[:1600], epochs=12, validation_data=(x[1600:], y[1600:]), verbose=0)


@faulty("shifted mean: photos centred once", "images", "shifted mean")
def photos_centred_once(seed: int) -> Any:
    x, y = data.photo_patches(seed)
    x /= 255
    model = models.conv((16, 16, 3), [8, 16], 1, "sigmoid", dropout=0.3)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(2 * x[:600] - 1, y[:600], epochs=12, validation_data=(x[600:] + 1, y[600:]), verbose=0)


@faulty("different columns: tumours", "binary", "different columns")
def different_columns(seed: int) -> Any:
    """The validation table came from another export with its columns in reverse."""
    x, y = data.tumours(seed, raw=True)
    center, spread = x.mean(0), x.std(0)
    ranks = (x - center) / spread + np.linspace(0, 3, 30)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(ranks[:420], y[:420], epochs=20, validation_data=(ranks[420:, ::-1], y[420:]), verbose=0)


# copies and leaks


@planted("copies across the split", "digits tumours reviews")
def copies_across_the_split(host: Host, seed: int) -> Any:
    x, y = host.rows(seed)
    x, y = data.shuffled(np.concatenate([x, x]), np.concatenate([y, y]), seed + 1)
    return host.compiled().fit(x, y, validation_split=0.2, verbose=0, **host.fit)


@faulty("oversampled before the split: rows", "imbalanced", "oversampled before the split")
def oversampled_before_the_split(seed: int) -> Any:
    x, y = data.rows(seed, 1500, positives=0.08, flip=0.05)
    rare = np.flatnonzero(y == 1)
    more = np.random.default_rng(seed).choice(rare, len(y) - 2 * len(rare))
    x, y = data.shuffled(np.concatenate([x, x[more]]), np.concatenate([y, y[more]]), seed)
    model = models.dense(20, [32], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("oversampled before the split: tumours", "imbalanced", "oversampled before the split")
def oversampled_tumours(seed: int) -> Any:
    x, y = data.tumours(seed)
    keep = np.flatnonzero((y == 1) | (np.arange(len(y)) % 5 == 0))
    x, y = x[keep], y[keep]
    rare = np.flatnonzero(y == 0)
    more = np.random.default_rng(seed).choice(rare, (y == 1).sum() - len(rare))
    x, y = data.shuffled(np.concatenate([x, x[more]]), np.concatenate([y, y[more]]), seed)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.25, verbose=0)


@faulty("overlapping windows: shuffled before the split", "time series", "overlapping windows")
def overlapping_windows(seed: int) -> Any:
    x, y = data.windows(np.cumsum(np.random.default_rng(seed).standard_normal(900)).astype("float32") / 10)
    x, y = data.shuffled(x, y, seed)
    model = models.dense(20, [32], 1, None)
    model.compile("adam", "mse")
    return model.fit(x[..., 0], y, epochs=12, validation_split=0.2, verbose=0)


def _leak(host: Host, seed: int, size: int) -> tuple[Any, Any]:
    rows = tf.data.Dataset.from_tensor_slices(host.rows(seed)).shuffle(2000, seed=seed)
    return rows.skip(size).batch(32), rows.take(size).batch(32)


@planted("reshuffled before take", "digits tumours reviews")
def reshuffled_before_take(host: Host, seed: int) -> Any:
    x, _ = host.rows(seed)
    train, validation = _leak(host, seed, len(x) // 5)
    return host.compiled().fit(train, validation_data=validation, verbose=0, epochs=host.fit["epochs"])


# labels


@planted("wrong labels", "digits tumours rows")
def wrong_labels(host: Host, seed: int) -> Any:
    x, y = host.rows(seed)
    generator = np.random.default_rng(seed)
    wrong = np.where(generator.random(len(y)) < 0.2, generator.permutation(y), y)
    return host.compiled().fit(x, wrong, validation_split=0.25, verbose=0, **host.fit)


@faulty("random labels: digits", "multi-class", "random labels")
def random_labels_digits(seed: int) -> Any:
    x, y = data.digits(seed, 1000)
    y = np.random.default_rng(seed + 1).permutation(y)
    model = models.dense(64, [128], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=32, validation_split=0.3, verbose=0)


@faulty("random labels: images named in another order", "images", "random labels")
def images_named_in_another_order(seed: int) -> Any:
    x, y = data.shapes(seed, 700)
    y = np.random.default_rng(seed + 1).permutation(y)
    model = models.conv((16, 16, 1), [16, 32], 3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=20, batch_size=32, validation_split=0.25, verbose=0)


# shuffling of the training data


@planted("shuffle false", "digits tumours")
def shuffle_false(host: Host, seed: int) -> Any:
    x, y = host.rows(seed)
    cut = int(0.8 * len(x))
    x_train, y_train = data.by_label(x[:cut], y[:cut])
    return host.compiled().fit(
        x_train, y_train, shuffle=False, validation_data=(x[cut:], y[cut:]), verbose=0, **host.fit
    )


@planted("pipeline without shuffle", "digits reviews shapes")
def pipeline_without_shuffle(host: Host, seed: int) -> Any:
    x, y = host.rows(seed)
    cut = int(0.8 * len(x))
    train = tf.data.Dataset.from_tensor_slices(data.by_label(x[:cut], y[:cut])).batch(32)
    validation = tf.data.Dataset.from_tensor_slices((x[cut:], y[cut:])).batch(64)
    return host.compiled().fit(train, validation_data=validation, verbose=0, epochs=host.fit["epochs"])


@faulty("pipeline without shuffle: generator", "multi-class", "pipeline without shuffle")
def generator_without_shuffle(seed: int) -> Any:
    x, y = data.digits(seed)
    x_train, y_train = data.by_label(x[:1440], y[:1440])

    def batches() -> Any:
        while True:
            for start in range(0, 1440, 32):
                yield x_train[start : start + 32], y_train[start : start + 32]

    model = models.dense(64, [64, 32], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(batches(), steps_per_epoch=45, epochs=12, validation_data=(x[1440:], y[1440:]), verbose=0)


@planted("buffer below data", "digits shapes")
def buffer_below_data(host: Host, seed: int) -> Any:
    x, y = host.rows(seed)
    cut = int(0.8 * len(x))
    train = tf.data.Dataset.from_tensor_slices(data.by_label(x[:cut], y[:cut])).shuffle(40).batch(32)
    validation = tf.data.Dataset.from_tensor_slices((x[cut:], y[cut:])).batch(64)
    return host.compiled().fit(train, validation_data=validation, verbose=0, epochs=host.fit["epochs"])


@faulty("batch before shuffle: digits", "multi-class", "batch before shuffle")
def batch_before_shuffle(seed: int) -> Any:
    x, y = data.digits(seed)
    train = tf.data.Dataset.from_tensor_slices(data.by_label(x[:1440], y[:1440])).batch(32).shuffle(100)
    model = models.dense(64, [64, 32], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(train, epochs=12, validation_data=(x[1440:], y[1440:]), verbose=0)


# validation


@planted("small validation set", "digits tumours reviews")
def small_validation_set(host: Host, seed: int) -> Any:
    """A dozen rows decide which weights are kept."""
    x, y = host.rows(seed)
    best = keras.callbacks.EarlyStopping("val_accuracy", patience=15, restore_best_weights=True)
    return host.compiled().fit(
        x[:-12], y[:-12], validation_data=(x[-12:], y[-12:]), callbacks=[best], verbose=0, **host.fit
    )


@faulty("validation from an infinite generator: digits", "multi-class", "validation from an infinite generator")
def infinite_validation(seed: int) -> Any:
    x, y = data.digits(seed)

    def forever(x: Array, y: Array, seed: int) -> Any:
        generator = np.random.default_rng(seed)
        while True:
            rows = generator.choice(len(x), 32, replace=False)
            yield x[rows], y[rows]

    model = models.dense(64, [64], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(
        forever(x[:1400], y[:1400], seed),
        steps_per_epoch=44,
        epochs=15,
        validation_data=forever(x[1400:], y[1400:], seed + 1),
        validation_steps=2,
        verbose=0,
    )


@faulty("augmented validation: moved digits", "images", "augmented validation")
def augmented_validation(seed: int) -> Any:
    x, y = data.digit_images(seed)
    move = layers.RandomTranslation(0.2, 0.2, fill_mode="constant")

    def moved(image: Any, label: Any) -> Any:
        return move(image, training=True), label

    train = tf.data.Dataset.from_tensor_slices((x[:1400], y[:1400])).shuffle(1400).batch(32).map(moved)
    validation = tf.data.Dataset.from_tensor_slices((x[1400:], y[1400:])).batch(64).map(moved)
    model = models.conv((8, 8, 1), [16, 32], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(train, epochs=12, validation_data=validation, verbose=0)


@faulty("augmented validation: noise in the pipeline", "binary", "augmented validation")
def noise_in_validation(seed: int) -> Any:
    x, y = data.rows(seed)

    def noisy(row: Any, label: Any) -> Any:
        return row + tf.random.normal(tf.shape(row), stddev=0.7), label

    train = tf.data.Dataset.from_tensor_slices((x[:1600], y[:1600])).shuffle(1600).map(noisy).batch(32)
    validation = tf.data.Dataset.from_tensor_slices((x[1600:], y[1600:])).map(noisy).batch(64)
    model = models.dense(20, [32], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(train, epochs=12, validation_data=validation, verbose=0)


@faulty("partial validation: other rows each epoch", "binary", "partial validation")
def partial_validation(seed: int) -> Any:
    x, y = data.rows(seed)
    validation = tf.data.Dataset.from_tensor_slices((x[1200:], y[1200:])).shuffle(800).batch(16).repeat()
    model = models.dense(20, [32], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x[:1200], y[:1200], epochs=15, validation_data=validation, validation_steps=4, verbose=0)


# augmentation and pretrained ranges


@faulty("default value range: brightness", "images", "default value range")
def brightness_of_0_to_255(seed: int) -> Any:
    x, y = data.photo_patches(seed)
    model = models.conv((16, 16, 3), [8, 16], 1, "sigmoid", first=[layers.RandomBrightness(0.3)])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x / 255, y, epochs=12, validation_split=0.25, verbose=0)


@faulty("default value range: brightness of shapes", "images", "default value range")
def brightness_of_shapes(seed: int) -> Any:
    x, y = data.shapes(seed)
    x = np.clip((x + 0.5) / 2, 0, 1)
    model = models.conv((16, 16, 1), [16, 32], 3, first=[layers.RandomBrightness(0.2)])
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=10, validation_split=0.25, verbose=0)


@faulty("rescaled before augmentation: photos", "images", "rescaled before augmentation")
def rescaled_before_augmentation(seed: int) -> Any:
    x, y = data.photo_patches(seed)
    first = [layers.Rescaling(1 / 255), layers.RandomFlip(), layers.RandomBrightness(0.2)]
    model = models.conv((16, 16, 3), [8, 16], 1, "sigmoid", first=first)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.25, verbose=0)


def _base_of_bytes(seed: int) -> tuple[keras.Model, Array, Array]:
    """A base that divides by 255 itself and has learned the digits 0 to 4 from bytes."""
    x, y = data.digit_images(seed)
    model = models.conv((8, 8, 1), [16, 32], 5, first=[layers.Rescaling(1 / 255)])
    model.compile(optimizers.Adam(3e-3), SPARSE)
    model.fit(255 * x[y < 5], y[y < 5], epochs=6, batch_size=64, verbose=0)
    base = keras.Model(model.inputs, model.layers[-2].output, name="base")
    base.trainable = False
    return base, 255 * x[y >= 5], y[y >= 5] - 5


@faulty("rescaled twice: a base that rescales", "transfer learning", "rescaled twice")
def rescaled_twice(seed: int) -> Any:
    base, x, y = _base_of_bytes(seed)
    model = keras.Sequential([keras.Input((8, 8, 1)), base, layers.Dense(5, "softmax")])
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x / 255, y, epochs=12, validation_split=0.25, verbose=0)


@faulty("rescaled twice: a second Rescaling", "transfer learning", "rescaled twice")
def second_rescaling(seed: int) -> Any:
    base, x, y = _base_of_bytes(seed)
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Rescaling(1 / 255), base, layers.Dense(5, "softmax")])
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.25, verbose=0)


@faulty("not rescaled: bytes for a base of 0 to 1", "transfer learning", "not rescaled")
def not_rescaled(seed: int) -> Any:
    base, x, y = pretrained(seed)
    base.trainable = False
    model = keras.Sequential([keras.Input((8, 8, 1)), base, layers.Dense(5, "softmax")])
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(255 * x, y, epochs=12, validation_split=0.25, verbose=0)
