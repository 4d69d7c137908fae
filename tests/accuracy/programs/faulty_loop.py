"""Programs with one fault in the training loop: exhausted data, cells run again, lost state, repeated order."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.accuracy.programs import data, models
from tests.accuracy.programs.program import faulty

layers = keras.layers
optimizers = keras.optimizers
SPARSE = "sparse_categorical_crossentropy"


@faulty("generator ended: one pass for five epochs", "binary", "generator ended")
def one_pass_for_five_epochs(seed: int) -> Any:
    x, y = data.rows(seed)

    def batches() -> Any:
        for start in range(0, 1600, 32):
            yield x[start : start + 32], y[start : start + 32, None]

    model = models.dense(20, [32], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(batches(), steps_per_epoch=50, epochs=5, validation_data=(x[1600:], y[1600:, None]), verbose=0)


@faulty("generator ended: two passes of images", "images", "generator ended")
def two_passes_of_images(seed: int) -> Any:
    x, y = data.digit_images(seed)

    def batches() -> Any:
        for _ in range(2):
            order = np.random.default_rng(seed).permutation(1400)
            for start in range(0, 1400, 50):
                yield x[order[start : start + 50]], y[order[start : start + 50]]

    model = models.conv((8, 8, 1), [16], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(batches(), steps_per_epoch=28, epochs=8, validation_data=(x[1400:], y[1400:]), verbose=0)


@faulty("steps beyond data: too many steps", "multi-class", "steps beyond data")
def too_many_steps(seed: int) -> Any:
    x, y = data.digits(seed)
    train = tf.data.Dataset.from_tensor_slices((x[:1400], y[:1400])).shuffle(1400).batch(32)
    model = models.dense(64, [64], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(train, steps_per_epoch=60, epochs=10, validation_data=(x[1400:], y[1400:]), verbose=0)


@faulty("steps beyond data: rows for batches", "binary", "steps beyond data")
def rows_for_batches(seed: int) -> Any:
    """`steps_per_epoch` set to the number of rows."""
    x, y = data.tumours(seed)
    train = tf.data.Dataset.from_tensor_slices((x[:400], y[:400])).shuffle(400).batch(16).repeat(8)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(train, steps_per_epoch=400, epochs=8, validation_data=(x[400:], y[400:]), verbose=0)


@faulty("cell run again: digits", "multi-class", "cell run again")
def cell_run_again(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 32], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@faulty(
    "cell run again: compiled again with another rate",
    "regression",
    "cell run again",
    also=("lost-optimizer-state: compiled-again",),
)
def compiled_with_another_rate(seed: int) -> Any:
    """A comparison of two learning rates that never goes back to fresh weights."""
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.compile(optimizers.Adam(1e-2), "mse", metrics=["mae"])
    model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)
    model.compile(optimizers.Adam(1e-3), "mse", metrics=["mae"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@faulty("resplit rows: another validation set for old weights", "binary", "resplit rows")
def resplit_rows(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [32], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x[:420], y[:420], epochs=15, validation_data=(x[420:], y[420:]), verbose=0)
    x, y = data.shuffled(x, y, seed + 1)
    return model.fit(x[:420], y[:420], epochs=15, validation_data=(x[420:], y[420:]), verbose=0)


@faulty("resplit rows: folds share one model", "small data", "resplit rows")
def folds_share_one_model(seed: int) -> Any:
    x, y = data.wines(seed)
    model = models.dense(13, [16], 3)
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    history = None
    for fold in range(3):
        held = np.arange(len(x)) % 3 == fold
        history = model.fit(x[~held], y[~held], epochs=12, batch_size=16, validation_data=(x[held], y[held]), verbose=0)
    return history


@faulty("compiled again: to go on", "multi-class", "compiled again")
def compiled_again(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 32], 10)
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    model.fit(x, y, epochs=8, validation_split=0.2, verbose=0)
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=16, initial_epoch=8, validation_split=0.2, verbose=0)


@faulty("compiled again: with momentum", "regression", "compiled again")
def compiled_again_momentum(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.compile(optimizers.SGD(0.02, momentum=0.95), "mse", metrics=["mae"])
    model.fit(x, y, epochs=8, validation_split=0.2, verbose=0)
    model.compile(optimizers.SGD(0.02, momentum=0.95), "mse", metrics=["mae"])
    return model.fit(x, y, epochs=16, initial_epoch=8, validation_split=0.2, verbose=0)


@faulty("weights-only file: digits", "multi-class", "weights-only file")
def weights_only_file(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 32], 10)
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    model.fit(x, y, epochs=8, validation_split=0.2, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.weights.h5"
        keras.Model(model.inputs, model.outputs).save_weights(path)
        model = models.dense(64, [64, 32], 10)
        model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
        keras.Model(model.inputs, model.outputs).load_weights(path)
    return model.fit(x, y, epochs=16, initial_epoch=8, validation_split=0.2, verbose=0)


@faulty("repeated shuffle: one order for all epochs", "binary", "repeated shuffle")
def one_order_for_all_epochs(seed: int) -> Any:
    x, y = data.rows(seed)
    rows = tf.data.Dataset.from_tensor_slices((x[:1600], y[:1600]))
    train = rows.shuffle(1600, seed=seed, reshuffle_each_iteration=False).batch(32)
    model = models.dense(20, [32], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(train, epochs=15, validation_data=(x[1600:], y[1600:]), verbose=0)


@faulty("repeated shuffle: the seed is set in each epoch", "multi-class", "repeated shuffle")
def seed_in_each_epoch(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    history = None
    for epoch in range(8):
        keras.utils.set_random_seed(7)
        history = model.fit(x, y, epochs=epoch + 1, initial_epoch=epoch, validation_split=0.2, verbose=0)
    return history
