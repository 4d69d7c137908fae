"""The four programs whose training the benchmarks time: small enough that watching would show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tests import programs

BATCH = 32


@dataclass(frozen=True)
class Workload:
    """A model, its data, and how many epochs take about five seconds on two cores."""

    build: Callable[[], keras.Model]
    data: Callable[[], tuple[NDArray[Any], NDArray[Any]]]
    epochs: int

    def fit(self, model: keras.Model, epochs: int, callbacks: list[Any] | None = None) -> None:
        x, y = self.data()
        model.fit(x, y, batch_size=BATCH, validation_split=0.2, epochs=epochs, verbose=0, callbacks=callbacks)


def compiled(model: keras.Model) -> keras.Model:
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def mlp() -> keras.Model:
    layers = [keras.layers.Dense(64, activation="relu") for _ in range(3)]
    return compiled(keras.Sequential([keras.Input((64,)), *layers, keras.layers.Dense(10, activation="softmax")]))


def cnn() -> keras.Model:
    layers: list[keras.layers.Layer] = []
    for filters in (16, 32, 32):
        layers += [
            keras.layers.Conv2D(filters, 3, padding="same", activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(),
        ]
    head = [keras.layers.Flatten(), keras.layers.Dropout(0.3), keras.layers.Dense(10, activation="softmax")]
    return compiled(keras.Sequential([keras.Input((32, 32, 3)), *layers, *head]))


def lstm() -> keras.Model:
    layers = [keras.layers.Embedding(2000, 32), keras.layers.LSTM(32), keras.layers.Dense(10, activation="softmax")]
    return compiled(keras.Sequential([keras.Input((40,), dtype="int32"), *layers]))


def transformer() -> keras.Model:
    inputs = keras.Input((40,), dtype="int32")
    x = keras.layers.Embedding(2000, 32)(inputs)
    for _ in range(2):
        x = keras.layers.LayerNormalization()(x + keras.layers.MultiHeadAttention(4, 8, dropout=0.1)(x, x))
        x = keras.layers.LayerNormalization()(x + keras.layers.Dense(32)(keras.layers.Dense(64, activation="relu")(x)))
    x = keras.layers.GlobalAveragePooling1D()(x)
    return compiled(keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x)))


def images() -> tuple[NDArray[Any], NDArray[Any]]:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 10, 640)
    return (generator.standard_normal((640, 32, 32, 3)) + y[:, None, None, None] / 5).astype("float32"), y


def tokens() -> tuple[NDArray[Any], NDArray[Any]]:
    x = np.random.default_rng(0).integers(0, 2000, (1280, 40)).astype("int32")
    return x, (x[:, 0] % 10).astype("int64")


WORKLOADS = {
    "mlp": Workload(mlp, programs.digits, 50),
    "cnn": Workload(cnn, images, 22),
    "lstm": Workload(lstm, tokens, 20),
    "transformer": Workload(transformer, tokens, 11),
}
