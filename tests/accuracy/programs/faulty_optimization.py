"""Programs with one fault in their optimization: rates, initialization, gradients, penalties, schedules, freezing."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tests.accuracy.programs import data, models
from tests.accuracy.programs.program import faulty

layers = keras.layers
optimizers = keras.optimizers
ops = keras.ops
SPARSE = "sparse_categorical_crossentropy"


# learning rate


@faulty("learning rate too high: digits, Adam", "multi-class", "learning rate too high")
def high_rate_digits(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 32], 10)
    model.compile(optimizers.Adam(0.1), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty("learning rate too high: tumours, SGD", "binary", "learning rate too high")
def high_rate_tumours(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16, 16], 1, "sigmoid")
    model.compile(optimizers.SGD(8.0), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty("learning rate too high: friedman diverges", "regression", "learning rate too high")
def diverging_regression(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.compile(optimizers.SGD(0.5, momentum=0.9), "mse", metrics=["mae"])
    return model.fit(x, y, epochs=6, validation_split=0.2, verbose=0)


@faulty("learning rate too high: conv, momentum", "images", "learning rate too high")
def high_rate_conv(seed: int) -> Any:
    x, y = data.digit_images(seed)
    model = models.conv((8, 8, 1), [16, 32], 10)
    model.compile(optimizers.SGD(0.7, momentum=0.9), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@faulty("learning rate too high: reviews, Adam", "text", "learning rate too high")
def high_rate_reviews(seed: int) -> Any:
    x, y = data.reviews(seed, length=12)
    model = models.text(layers.LSTM(12), size=8)
    model.compile(optimizers.Adam(0.5), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("learning rate too high: wave, RMSprop", "time series", "learning rate too high")
def high_rate_wave(seed: int) -> Any:
    x, y = data.windows(data.wave(seed))
    model = models.dense(20, [24], 1, None)
    model.compile(optimizers.RMSprop(0.2), "mse")
    return model.fit(x[..., 0], y, epochs=15, validation_split=0.2, verbose=0)


@faulty("batch too small: digits in pairs", "multi-class", "batch too small")
def digits_in_pairs(seed: int) -> Any:
    x, y = data.digits(seed, 600)
    model = models.dense(64, [64, 64], 10)
    model.compile(optimizers.SGD(0.2), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=15, batch_size=2, validation_split=0.5, verbose=0)


@faulty("learning rate too low: digits", "multi-class", "learning rate too low")
def low_rate_digits(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 32], 10)
    model.compile(optimizers.Adam(1e-6), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=25, validation_split=0.2, verbose=0)


@faulty("learning rate too low: tumours", "binary", "learning rate too low")
def low_rate_tumours(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile(optimizers.SGD(1e-5), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=30, validation_split=0.2, verbose=0)


@faulty("learning rate too low: friedman", "regression", "learning rate too low")
def low_rate_friedman(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.compile(optimizers.Adam(2e-6), "mse", metrics=["mae"])
    return model.fit(x, y, epochs=25, validation_split=0.2, verbose=0)


@faulty("learning rate too low: conv", "images", "learning rate too low")
def low_rate_conv(seed: int) -> Any:
    x, y = data.digit_images(seed)
    model = models.conv((8, 8, 1), [16], 10)
    model.compile(optimizers.SGD(1e-5, momentum=0.9), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


# spikes and explosions


@faulty("outlier batch: a broken sensor", "regression", "outlier batch")
def broken_sensor(seed: int) -> Any:
    x, y = data.friedman(seed)
    x = x.copy()
    x[640:644] *= 500
    model = models.dense(10, [32], 1, None)
    model.compile(optimizers.Adam(1e-3), "mse", metrics=["mae"])
    return model.fit(x[:1600], y[:1600], epochs=12, validation_data=(x[1600:], y[1600:]), verbose=0)


@faulty("outlier batch: one corrupt file", "multi-class", "outlier batch")
def corrupt_file(seed: int) -> Any:
    x, y = data.digits(seed)
    x = x.copy()
    x[320:336] = np.random.default_rng(seed).uniform(0, 400, (16, 64))
    model = models.dense(64, [64], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x[:1400], y[:1400], epochs=12, validation_data=(x[1400:], y[1400:]), verbose=0)


@faulty("exploding recurrence: relu over 40 steps", "time series", "exploding recurrence")
def exploding_recurrence(seed: int) -> Any:
    x, y = data.windows(data.wave(seed, 700), 40)
    cell = layers.SimpleRNN(24, activation="relu", recurrent_initializer=keras.initializers.RandomNormal(stddev=0.45))
    model = keras.Sequential([keras.Input((40, 1)), cell, layers.Dense(1)])
    model.compile(optimizers.SGD(0.01), "mse")
    return model.fit(x, y, epochs=6, validation_split=0.2, verbose=0)


@faulty("exploding recurrence: a linear memory", "time series", "exploding recurrence")
def linear_memory(seed: int) -> Any:
    x, y = data.windows(data.wave(seed, 700), 30)
    cell = layers.SimpleRNN(16, activation=None, recurrent_initializer=keras.initializers.Orthogonal(1.4))
    model = keras.Sequential([keras.Input((30, 1)), cell, layers.Dense(1)])
    model.compile(optimizers.Adam(1e-3), "mse")
    return model.fit(x, y, epochs=6, validation_split=0.2, verbose=0)


@faulty("large initialization: deep relu network", "multi-class", "large initialization")
def large_initialization(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64] * 5, 10, init=keras.initializers.RandomNormal(stddev=0.8))
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("large initialization: tanh network", "regression", "large initialization")
def large_initialization_tanh(seed: int) -> Any:
    x, y = data.friedman(seed)
    init = keras.initializers.RandomNormal(stddev=6.0)
    model = models.dense(10, [48, 48, 48], 1, None, activation="tanh", init=init)
    model.compile(optimizers.Adam(1e-3), "mse", metrics=["mae"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("saturating activations: ten sigmoid layers", "multi-class", "saturating activations")
def ten_sigmoid_layers(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [32] * 10, 10, activation="sigmoid")
    model.compile(optimizers.SGD(0.05), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("saturating activations: eight sigmoid layers, tumours", "binary", "saturating activations")
def eight_sigmoid_layers(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [24] * 8, 1, "sigmoid", activation="sigmoid")
    model.compile(optimizers.SGD(0.05, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty("saturating activations: twelve sigmoid layers, Adam", "regression", "saturating activations")
def twelve_sigmoid_layers(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [24] * 12, 1, None, activation="sigmoid")
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("small initialization: eight tanh layers", "multi-class", "small initialization")
def small_initialization(seed: int) -> Any:
    x, y = data.digits(seed)
    init = keras.initializers.RandomNormal(stddev=0.01)
    model = models.dense(64, [48] * 8, 10, activation="tanh", init=init)
    model.compile(optimizers.SGD(0.05), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("small initialization: relu layers", "regression", "small initialization")
def small_initialization_relu(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32] * 6, 1, None, init=keras.initializers.RandomNormal(stddev=0.005))
    model.compile(optimizers.SGD(0.05), "mse", metrics=["mae"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


# units and kernels


@faulty("dead at initialization: biases far below zero", "multi-class", "dead at initialization")
def biases_below_zero(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 32], 10, bias=keras.initializers.Constant(-6.0))
    model.compile(optimizers.SGD(0.05), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("dead at initialization: negative kernels on pixels", "images", "dead at initialization")
def negative_kernels(seed: int) -> Any:
    x, y = data.digit_images(seed)
    init = keras.initializers.RandomUniform(-0.3, -0.01)
    model = models.conv((8, 8, 1), [16], 10, init=init)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@faulty("units killed by long steps: digits", "multi-class", "units killed by long steps")
def killed_units(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 64], 10)
    model.compile(optimizers.SGD(3.0), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("units killed by long steps: friedman", "regression", "units killed by long steps")
def killed_units_regression(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32, 32], 1, None)
    model.compile(optimizers.Adam(1.5), "mse", metrics=["mae"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("zero kernels: digits", "multi-class", "zero kernels")
def zero_kernels(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 32], 10, init="zeros")
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@faulty("zero kernels: friedman", "regression", "zero kernels")
def zero_kernels_regression(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32, 16], 1, None, init="zeros")
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@faulty("constant kernels: digits", "multi-class", "constant kernels")
def constant_kernels(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 32], 10, init=keras.initializers.Constant(0.05))
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty("constant kernels: moons", "binary", "constant kernels")
def constant_kernels_moons(seed: int) -> Any:
    x, y = data.moons(seed)
    model = models.dense(2, [24, 24], 1, "sigmoid", init="ones")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


# penalties


@faulty("weight penalty: digits", "multi-class", "weight penalty")
def weight_penalty(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 64], 10, l2=0.5)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty("weight penalty: friedman, L1", "regression", "weight penalty")
def weight_penalty_l1(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(32, activation="relu", kernel_regularizer=keras.regularizers.L1(0.3)),
            layers.Dense(1, kernel_regularizer=keras.regularizers.L1(0.3)),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty("activity penalty: reviews", "text", "activity penalty")
def activity_penalty(seed: int) -> Any:
    x, y = data.reviews(seed)
    body = layers.Dense(16, activation="relu", activity_regularizer=keras.regularizers.L2(5.0))
    model = models.text(layers.GlobalAveragePooling1D(), body, size=8)
    model.compile(optimizers.Adam(5e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


# schedules and updates


@faulty("schedule too short: exponential decay", "multi-class", "schedule too short")
def exponential_decay(seed: int) -> Any:
    """`decay_steps` counted as if they were epochs."""
    x, y = data.digits(seed)
    model = models.dense(64, [64, 32], 10)
    rate = optimizers.schedules.ExponentialDecay(1e-3, decay_steps=10, decay_rate=0.5)
    model.compile(optimizers.Adam(rate), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=25, validation_split=0.2, verbose=0)


@faulty("schedule too short: cosine over one epoch", "regression", "schedule too short")
def cosine_over_one_epoch(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.compile(optimizers.Adam(optimizers.schedules.CosineDecay(1e-3, 60)), "mse", metrics=["mae"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty("schedule too short: a tenth each epoch", "images", "schedule too short")
def a_tenth_each_epoch(seed: int) -> Any:
    x, y = data.digit_images(seed)
    model = models.conv((8, 8, 1), [16], 10)
    model.compile(optimizers.SGD(0.05), SPARSE, metrics=["accuracy"])
    decay = keras.callbacks.LearningRateScheduler(lambda _, rate: 0.3 * rate)
    return model.fit(x, y, epochs=15, validation_split=0.2, callbacks=[decay], verbose=0)


@faulty("plateau reducer at minimum: moons", "binary", "plateau reducer at minimum")
def plateau_reducer_at_minimum(seed: int) -> Any:
    """Patience 0 on a noisy curve, and a tenth each time."""
    x, y = data.moons(seed)
    model = models.dense(2, [24, 24], 1, "sigmoid")
    model.compile(optimizers.SGD(0.1), "binary_crossentropy", metrics=["accuracy"])
    reduce = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=0.05, min_lr=1e-7)
    return model.fit(x, y, epochs=25, validation_split=0.2, callbacks=[reduce], verbose=0)


@faulty("warm-up longer than run: digits", "multi-class", "warm-up longer than run")
def long_warm_up(seed: int) -> Any:
    x, y = data.digits(seed)
    rate = optimizers.schedules.CosineDecay(0.0, 100_000, warmup_target=1e-3, warmup_steps=50_000)
    model = models.dense(64, [64, 32], 10)
    model.compile(optimizers.Adam(rate), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=15, validation_split=0.2, verbose=0)


@faulty("large batch: all digits at once", "multi-class", "large batch")
def all_digits_at_once(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=15, batch_size=2048, validation_split=0.2, verbose=0)


@faulty("large batch: friedman", "regression", "large batch")
def large_batch_friedman(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=20, batch_size=1000, validation_split=0.2, verbose=0)


@faulty("large batch: tumours", "binary", "large batch")
def large_batch_tumours(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile(optimizers.SGD(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=20, batch_size=569, validation_split=0.2, verbose=0)


@faulty("few epochs: digits", "multi-class", "few epochs")
def few_epochs(seed: int) -> Any:
    x, y = data.digits(seed, 500)
    model = models.dense(64, [32], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=3, batch_size=32, validation_split=0.2, verbose=0)


# what trains


@faulty("frozen layers: all of a network", "multi-class", "frozen layers")
def all_frozen(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.trainable = False
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=8, validation_split=0.2, verbose=0)


@faulty("frozen layers: the new head too", "transfer learning", "frozen layers")
def frozen_head(seed: int) -> Any:
    x, y = data.digit_images(seed)
    model = models.conv((8, 8, 1), [16], 10)
    for layer in model.layers:
        layer.trainable = False
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=6, validation_split=0.2, verbose=0)


@faulty("disconnected output: a gradient is stopped", "multi-class", "disconnected output", raises=True)
def stopped_gradient(seed: int) -> Any:
    x, y = data.digits(seed)
    start = keras.Input((64,))
    hidden = layers.Dense(64, activation="relu")(start)
    outputs = layers.Dense(10, activation="softmax")(hidden)
    model = keras.Model(start, layers.Lambda(ops.stop_gradient, output_shape=(10,))(outputs))
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=6, validation_split=0.2, verbose=0)


@faulty("changed after compile: frozen", "transfer learning", "changed after compile")
def frozen_after_compile(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 32], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    model.layers[0].trainable = False
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@faulty("changed after compile: unfrozen", "transfer learning", "changed after compile")
def unfrozen_after_compile(seed: int) -> Any:
    x, y = data.digit_images(seed)
    model = models.conv((8, 8, 1), [16, 16], 10)
    model.layers[0].trainable = False
    model.layers[2].trainable = False
    model.compile("adam", SPARSE, metrics=["accuracy"])
    for layer in model.layers:
        layer.trainable = True
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


# operations that are not finite


def _log_loss(y_true: Any, y_pred: Any) -> Any:
    return -ops.mean(y_true * ops.log(y_pred) + (1 - y_true) * ops.log(1 - y_pred))


@faulty("custom loss: logarithm of nothing", "binary", "custom loss")
def logarithm_of_nothing(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [32], 1, "sigmoid")
    model.compile(optimizers.Adam(0.1), _log_loss, metrics=["accuracy"])
    return model.fit(6 * x, y[:, None].astype("float32"), epochs=15, validation_split=0.2, verbose=0)


def _root_error(y_true: Any, y_pred: Any) -> Any:
    error = y_true - y_pred
    return ops.mean(ops.sqrt(ops.square(error) * ops.cast(ops.abs(error) > 0.1, error.dtype)))


@faulty("custom loss: root of zero", "regression", "custom loss")
def root_of_zero(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.compile("adam", _root_error)
    return model.fit(x, y[:, None], epochs=6, validation_split=0.2, verbose=0)


def _relative_error(y_true: Any, y_pred: Any) -> Any:
    return ops.mean(ops.abs(y_true - y_pred) / y_true)


@faulty("custom loss: division by the target", "regression", "custom loss")
def division_by_the_target(seed: int) -> Any:
    x, y = data.friedman(seed)
    y = np.maximum(y, 0)
    model = models.dense(10, [32], 1, None)
    model.compile("adam", _relative_error)
    return model.fit(x, y[:, None], epochs=4, validation_split=0.2, verbose=0)


@faulty("unstable layer: rows divided by their length", "images", "unstable layer")
def rows_divided_by_their_length(seed: int) -> Any:
    """Empty images have no length."""
    x, y = data.digits(seed)
    x = x.copy()
    x[::200] = 0
    start = keras.Input((64,))
    unit = layers.Lambda(lambda v: v / ops.sqrt(ops.sum(ops.square(v), axis=-1, keepdims=True)), name="unit")(start)
    model = keras.Model(start, layers.Dense(10, "softmax")(layers.Dense(48, "tanh")(unit)))
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=4, validation_split=0.2, verbose=0)


@faulty("mixed precision: values beyond float16", "regression", "mixed precision")
def values_beyond_float16(seed: int) -> Any:
    x, y = data.friedman(seed, 800)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = models.dense(10, [32], 1, None)
        model.compile("adam", "mse", metrics=["mae"])
        return model.fit(1e5 * x, y, epochs=4, validation_split=0.2, verbose=0)
    finally:
        keras.config.set_dtype_policy(policy)
