"""Healthy programs on text and on time series."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.accuracy.programs import data, models
from tests.accuracy.programs.program import healthy

layers = keras.layers
optimizers = keras.optimizers
SPARSE = "sparse_categorical_crossentropy"


@healthy("reviews-averaged", "text", "val_accuracy", 0.9)
def reviews_averaged(seed: int) -> Any:
    x, y = data.reviews(seed, 2000)
    model = models.text(layers.GlobalAveragePooling1D(), layers.Dropout(0.3))
    model.compile(optimizers.Adam(5e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=15, batch_size=32, validation_split=0.2, verbose=0)


@healthy("reviews-lstm", "text", "val_accuracy", 0.88)
def reviews_lstm(seed: int) -> Any:
    x, y = data.reviews(seed, 2000, 16)
    model = models.text(layers.LSTM(12, dropout=0.2), size=8)
    model.compile(optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    return model.fit(x, y, epochs=12, batch_size=64, validation_split=0.2, callbacks=[stop], verbose=0)


@healthy("reviews-bidirectional", "text", "val_accuracy", 0.85)
def reviews_bidirectional(seed: int) -> Any:
    x, y = data.reviews(seed, 2000, 16, classes=3)
    model = models.text(
        layers.SpatialDropout1D(0.3), layers.Bidirectional(layers.GRU(12)), outputs=3, last="softmax", size=8
    )
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    return model.fit(x, y, epochs=15, batch_size=64, validation_split=0.2, callbacks=[stop], verbose=0)


@healthy("reviews-conv", "text", "val_accuracy", 0.88)
def reviews_conv(seed: int) -> Any:
    x, y = data.reviews(seed, 2500)
    model = models.text(layers.Conv1D(16, 3, activation="relu"), layers.GlobalAveragePooling1D(), layers.Dropout(0.3))
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    return model.fit(x, y, epochs=20, batch_size=32, validation_split=0.2, callbacks=[stop], verbose=0)


@healthy("reviews-transformer", "text", "val_accuracy", 0.88)
def reviews_transformer(seed: int) -> Any:
    x, y = data.reviews(seed, 2500, 16)
    model = models.transformer(16)
    model.compile(optimizers.AdamW(3e-4), "binary_crossentropy", metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    return model.fit(x, y, epochs=15, batch_size=32, validation_split=0.2, callbacks=[stop], verbose=0)


@healthy("sentences-vectorized", "text", "val_accuracy", 0.85)
def sentences_vectorized(seed: int) -> Any:
    strings, y = data.sentences(seed, 1500)
    vectorize = layers.TextVectorization(max_tokens=200, output_sequence_length=20)
    vectorize.adapt(strings[:1200])
    tokens = np.asarray(vectorize(strings))
    train = tf.data.Dataset.from_tensor_slices((tokens[:1200], y[:1200])).shuffle(1200).batch(32)
    validation = tf.data.Dataset.from_tensor_slices((tokens[1200:], y[1200:])).batch(100)
    model = models.text(layers.GlobalAveragePooling1D(), layers.Dropout(0.4), size=8)
    model.compile(optimizers.Adam(5e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(train, epochs=15, validation_data=validation, verbose=0)


@healthy("reviews-bag-of-words", "text", "val_accuracy", 0.9)
def reviews_bag_of_words(seed: int) -> Any:
    x, y = data.reviews(seed, 2000)
    bags = np.stack([(x == word).any(1) for word in range(data.WORDS)], axis=1).astype("float32")
    model = models.dense(data.WORDS, [], 1, "sigmoid", first=[layers.Dropout(0.3)])
    model.compile(optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(bags, y, epochs=20, batch_size=32, validation_split=0.2, verbose=0)


@healthy("reviews-and-numbers", "text", "val_accuracy", 0.9)
def reviews_and_numbers(seed: int) -> Any:
    x, y = data.reviews(seed, 2000)
    stars = (y[:, None] + np.random.default_rng(seed).standard_normal((len(y), 2))).astype("float32")
    words, numbers = keras.Input((20,), dtype="int32", name="words"), keras.Input((2,), name="numbers")
    pooled = layers.GlobalAveragePooling1D()(layers.Embedding(data.WORDS, 8)(words))
    merged = layers.Dropout(0.3)(layers.concatenate([pooled, numbers]))
    model = keras.Model([words, numbers], layers.Dense(1, "sigmoid")(merged))
    model.compile(optimizers.Adam(5e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit([x, stars], y, epochs=15, batch_size=32, validation_split=0.2, verbose=0)


@healthy("slow-order-of-words", "text", "val_accuracy", 0.9)
def slow_order_of_words(seed: int) -> Any:
    """Nothing but the order of two words tells: one half for some epochs, then all at once."""
    x, y = data.orders(seed, 2500, 8)
    model = models.text(layers.GRU(16), words=20, size=8)
    model.compile(optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=20, batch_size=64, validation_split=0.2, verbose=0)


@healthy("wave-gru", "time series", "val_loss", 0.06)
def wave_gru(seed: int) -> Any:
    x, y = data.windows(data.wave(seed))
    model = keras.Sequential([keras.Input((20, 1)), layers.GRU(12), layers.Dense(1)])
    model.compile(optimizers.Adam(5e-3), "mse", metrics=["mae"])
    return model.fit(x[:900], y[:900], epochs=12, batch_size=32, validation_data=(x[920:], y[920:]), verbose=0)


@healthy("wave-conv", "time series", "val_loss", 0.06)
def wave_conv(seed: int) -> Any:
    x, y = data.windows(data.wave(seed, 1600))
    model = keras.Sequential(
        [
            keras.Input((20, 1)),
            layers.Conv1D(12, 5, activation="relu"),
            layers.Conv1D(12, 5, activation="relu"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile(optimizers.Adam(2e-3), "mse")
    return model.fit(x[:1200], y[:1200], epochs=20, batch_size=32, validation_data=(x[1220:], y[1220:]), verbose=0)


@healthy("wave-time-series-dataset", "time series", "val_mae", 0.2)
def wave_time_series_dataset(seed: int) -> Any:
    series = data.wave(seed, 1600)
    make = keras.utils.timeseries_dataset_from_array
    train = make(series[:1180, None], series[20:1200], 20, batch_size=32, shuffle=True, seed=seed)
    validation = make(series[1220:-20, None], series[1240:], 20, batch_size=64)
    model = keras.Sequential([keras.Input((20, 1)), layers.Flatten(), layers.Dense(24, "relu"), layers.Dense(1)])
    model.compile("adam", "huber", metrics=["mae"])
    return model.fit(train, epochs=20, validation_data=validation, verbose=0)


@healthy("wave-lstm-five-ahead", "time series", "val_loss", 0.1)
def wave_lstm_five_ahead(seed: int) -> Any:
    x, y = data.windows(data.wave(seed), ahead=5)
    model = keras.Sequential([keras.Input((20, 1)), layers.LSTM(16), layers.Dense(5)])
    model.compile(optimizers.Adam(0.01), "mse")
    return model.fit(x[:900], y[:900], epochs=20, batch_size=32, validation_data=(x[925:], y[925:]), verbose=0)


@healthy("wave-dense-split", "time series", "val_loss", 0.06)
def wave_dense_split(seed: int) -> Any:
    """`validation_split` takes the latest windows, which is what a forecast needs."""
    x, y = data.windows(data.wave(seed, 1600))
    model = keras.Sequential([keras.Input((20, 1)), layers.Flatten(), layers.Dense(24, "relu"), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model.fit(x, y, epochs=25, batch_size=32, validation_split=0.2, verbose=0)


@healthy("waves-told-apart", "time series", "val_accuracy", 0.9)
def waves_told_apart(seed: int) -> Any:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 3, 1200)
    time = np.arange(32)[None] + generator.uniform(0, 40, (1200, 1))
    x = np.sin(time / np.asarray([2.0, 3.0, 5.0])[y][:, None]) + 0.3 * generator.standard_normal((1200, 32))
    model = keras.Sequential(
        [
            keras.Input((32, 1)),
            layers.Conv1D(16, 7, activation="relu"),
            layers.MaxPooling1D(),
            layers.Conv1D(16, 5, activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x[..., None].astype("float32"), y, epochs=20, batch_size=32, validation_split=0.25, verbose=0)
