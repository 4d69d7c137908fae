"""Programs with two faults at once; both are to be found."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.accuracy.programs import data, models
from tests.accuracy.programs.program import two_faults

layers = keras.layers
optimizers = keras.optimizers
SPARSE = "sparse_categorical_crossentropy"


@two_faults("two: sorted digits, no output activation", "multi-class", "ordered labels", "no output activation")
def sorted_logits(seed: int) -> Any:
    x, y = data.by_label(*data.digits(seed))
    model = models.dense(64, [64], 10, None)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@two_faults("two: sorted tumours, softmax over one unit", "binary", "ordered labels", "softmax over one unit")
def sorted_one_unit(seed: int) -> Any:
    x, y = data.by_label(*data.tumours(seed))
    model = models.dense(30, [16], 1, "softmax")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@two_faults("two: sorted diabetes, unscaled targets", "regression", "ordered labels", "unscaled targets")
def sorted_unscaled_targets(seed: int) -> Any:
    x, y = data.by_label(*data.diabetes(seed, raw_targets=True))
    model = models.dense(10, [16], 1, None)
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@two_faults("two: sorted digits, accuracy on numbers", "multi-class", "ordered labels", "classes as numbers")
def sorted_numbers(seed: int) -> Any:
    x, y = data.by_label(*data.digits(seed))
    model = models.dense(64, [32], 1, None)
    model.compile("adam", "mse", metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@two_faults("two: raw tumours, labels one and two", "binary", "mixed scales", "labels one and two")
def raw_one_two(seed: int) -> Any:
    x, y = data.tumours(seed, raw=True)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y + 1, epochs=12, validation_split=0.2, verbose=0)


@two_faults("two: raw wines, no output activation", "small data", "mixed scales", "no output activation")
def raw_logits(seed: int) -> Any:
    x, y = data.wines(seed, raw=True)
    model = models.dense(13, [16], 3, None)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=16, validation_split=0.2, verbose=0)


@two_faults(
    "two: brightness of 0 to 255, softmax over one unit", "images", "default value range", "softmax over one unit"
)
def brightness_one_unit(seed: int) -> Any:
    x, y = data.photo_patches(seed)
    model = models.conv((16, 16, 3), [8, 16], 1, "softmax", first=[layers.RandomBrightness(0.3)])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x / 255, y, epochs=8, validation_split=0.25, verbose=0)


@two_faults("two: relu output, accuracy on regression", "regression", "relu output", "accuracy on regression")
def relu_accuracy(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, "relu")
    model.compile("adam", "mse", metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@two_faults("two: tanh output, unscaled targets", "regression", "tanh output", "unscaled targets")
def tanh_unscaled(seed: int) -> Any:
    x, y = data.diabetes(seed, raw_targets=True)
    model = models.dense(10, [16], 1, "tanh")
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@two_faults("two: copies, no output activation", "multi-class", "copies across the split", "no output activation")
def copies_logits(seed: int) -> Any:
    x, y = data.digits(seed, 900)
    x, y = data.shuffled(np.concatenate([x, x]), np.concatenate([y, y]), seed + 1)
    model = models.dense(64, [64], 10, None)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@two_faults("two: copies, penalty", "binary", "copies across the split", "weight penalty")
def copies_penalty(seed: int) -> Any:
    x, y = data.tumours(seed)
    x, y = data.shuffled(np.concatenate([x, x]), np.concatenate([y, y]), seed + 1)
    model = models.dense(30, [16], 1, "sigmoid", l2=0.5)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@two_faults("two: leak, softmax twice", "multi-class", "reshuffled before take", "two softmax layers")
def leak_softmax(seed: int) -> Any:
    rows = tf.data.Dataset.from_tensor_slices(data.digits(seed)).shuffle(1797)
    model = models.dense(64, [64], 10)
    model.add(layers.Softmax())
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(rows.skip(300).batch(32), epochs=10, validation_data=rows.take(300).batch(32), verbose=0)


@two_faults(
    "two: never shuffled, labels plus and minus one", "text", "pipeline without shuffle", "labels plus and minus one"
)
def unshuffled_signs(seed: int) -> Any:
    x, y = data.reviews(seed)
    x_train, y_train = data.by_label(x[:960], y[:960])
    train = tf.data.Dataset.from_tensor_slices((x_train, 2 * y_train - 1)).batch(32)
    model = models.text(layers.GlobalAveragePooling1D(), size=8)
    model.compile(optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(train, epochs=8, validation_data=(x[960:], 2 * y[960:] - 1), verbose=0)


@two_faults("two: small buffer, threshold on logits", "binary", "buffer below data", "threshold on logits")
def buffer_threshold(seed: int) -> Any:
    x, y = data.rows(seed)
    train = tf.data.Dataset.from_tensor_slices(data.by_label(x[:1600], y[:1600])).shuffle(30).batch(32)
    model = models.dense(20, [32], 1, None)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    return model.fit(train, epochs=10, validation_data=(x[1600:], y[1600:]), verbose=0)


@two_faults("two: zero kernels, no early stopping", "multi-class", "zero kernels", "monitor not logged")
def zeros_monitor(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10, init="zeros")
    model.compile("adam", SPARSE, metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping("val_loss", patience=3)
    return model.fit(x, y, epochs=10, callbacks=[stop], verbose=0)


@two_faults("two: overfitting, monitor of another name", "regression", "overfitting", "monitor not logged")
def overfitting_monitor(seed: int) -> Any:
    x, y = data.diabetes(seed)
    model = models.dense(10, [256, 256], 1, None)
    model.compile("adam", "mse", metrics=["mae"])
    stop = keras.callbacks.EarlyStopping("val_mse", mode="min", patience=3)
    return model.fit(x, y, epochs=40, validation_split=0.25, callbacks=[stop], verbose=0)


@two_faults("two: class weights, monitor of another name", "imbalanced", "class weights", "monitor not logged")
def weights_monitor(seed: int) -> Any:
    x, y = data.rows(seed, positives=0.15)
    model = models.dense(20, [24], 1, "sigmoid", l2=1e-3)
    model.compile("adam", "binary_crossentropy", metrics=[keras.metrics.AUC(name="auc")])
    stop = keras.callbacks.EarlyStopping("val_recall", mode="max", patience=3)
    weights = {0: 10.0, 1: 60.0}
    return model.fit(x, y, epochs=12, class_weight=weights, validation_split=0.2, callbacks=[stop], verbose=0)


@two_faults("two: high dropout, sorted reviews", "text", "high dropout", "ordered labels")
def dropout_sorted(seed: int) -> Any:
    x, y = data.by_label(*data.reviews(seed))
    model = models.text(layers.Dropout(0.9), layers.GlobalAveragePooling1D(), layers.Dropout(0.9), size=8)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.3, verbose=0)


@two_faults("two: large batch, other range in validation", "multi-class", "large batch", "different range")
def batch_range(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(
        x[:1400], y[:1400], epochs=12, batch_size=1400, validation_data=(16 * x[1400:], y[1400:]), verbose=0
    )


@two_faults("two: lagging norm, several ones", "multi-class", "batch norm lags", "several ones")
def lagging_several(seed: int) -> Any:
    x, y = data.labels_of_rows(seed, rate=0.5)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(32, activation="relu"),
            layers.BatchNormalization(momentum=0.999),
            layers.Dense(5, activation="softmax"),
        ]
    )
    model.compile(optimizers.Adam(3e-3), "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(5 * x, y, epochs=8, batch_size=128, validation_split=0.2, verbose=0)


@two_faults("two: penalty, relu output", "regression", "weight penalty", "relu output")
def penalty_relu(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32, 32], 1, "relu", l2=0.5)
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@two_faults(
    "two: missing values in validation, accuracy on regression",
    "regression",
    "missing values in validation",
    "accuracy on regression",
)
def gaps_accuracy(seed: int) -> Any:
    x, y = data.friedman(seed)
    x_val = x[1600:].copy()
    x_val[5, 1] = np.nan
    model = models.dense(10, [32], 1, None)
    model.compile("adam", "mse", metrics=["accuracy"])
    return model.fit(x[:1600], y[:1600], epochs=10, validation_data=(x_val, y[1600:]), verbose=0)


@two_faults("two: broadcast targets, sorted rows", "regression", "broadcast targets", "ordered labels")
def broadcast_sorted(seed: int) -> Any:
    from tests.accuracy.programs.faulty_targets import SquaredError

    x, y = data.by_label(*data.friedman(seed))
    model = models.dense(10, [32], 1, None)
    model.compile("adam", SquaredError())
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@two_faults("two: schedule too short, sorted shapes", "images", "schedule too short", "ordered labels")
def schedule_sorted(seed: int) -> Any:
    x, y = data.by_label(*data.shapes(seed))
    rate = optimizers.schedules.ExponentialDecay(1e-3, decay_steps=5, decay_rate=0.5)
    model = models.conv((16, 16, 1), [16, 16], 3)
    model.compile(optimizers.Adam(rate), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@two_faults(
    "two: changed after compile, copies", "transfer learning", "changed after compile", "copies across the split"
)
def compile_copies(seed: int) -> Any:
    x, y = data.digit_images(seed, 900)
    x, y = data.shuffled(np.concatenate([x, x]), np.concatenate([y, y]), seed + 1)
    model = models.conv((8, 8, 1), [16], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    model.layers[0].trainable = False
    return model.fit(x, y, epochs=8, validation_split=0.2, verbose=0)


@two_faults("two: large values, sample weights below zero", "binary", "mixed scales", "negative weights")
def scales_weights(seed: int) -> Any:
    x, y = data.tumours(seed, raw=True)
    weights = np.where(np.random.default_rng(seed).random(len(y)) < 0.7, -1.0, 1.0)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile(optimizers.Adam(1e-4), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=6, sample_weight=weights, validation_split=0.2, verbose=0)
