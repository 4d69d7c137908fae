"""Small Keras programs that the tests train."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits


def digits(*, ordered: bool = False) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """scikit-learn's 1,797 handwritten digits in [0, 1], sorted by label or shuffled."""
    x, y = load_digits(return_X_y=True)
    order = np.argsort(y, kind="stable") if ordered else np.random.default_rng(0).permutation(len(y))
    return (x[order] / 16).astype("float32"), y[order]


def classifier(units: int = 32, *, dropout: float = 0.0, compiled: bool = True) -> keras.Model:
    """A small network for the digits."""
    layers = [keras.Input((64,)), keras.layers.Dense(units, activation="relu")]
    if dropout:
        layers.append(keras.layers.Dropout(dropout))
    layers.append(keras.layers.Dense(10, activation="softmax"))
    model = keras.Sequential(layers)
    if compiled:
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
