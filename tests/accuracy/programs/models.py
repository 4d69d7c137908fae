"""The models of the programs, small enough that a run takes seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

layers = keras.layers


def dense(
    inputs: int,
    hidden: Sequence[int],
    outputs: int,
    last: str | None = "softmax",
    *,
    activation: str = "relu",
    init: Any = "glorot_uniform",
    bias: Any = "zeros",
    l2: float = 0.0,
    dropout: float = 0.0,
    norm: bool = False,
    first: Sequence[Any] = (),
) -> keras.Sequential:
    model = keras.Sequential([keras.Input((inputs,)), *first])
    for units in hidden:
        regularizer = keras.regularizers.L2(l2) if l2 else None
        model.add(
            layers.Dense(
                units,
                activation=activation,
                kernel_initializer=init,
                bias_initializer=bias,
                kernel_regularizer=regularizer,
            )
        )
        if norm:
            model.add(layers.BatchNormalization(momentum=0.9))
        if dropout:
            model.add(layers.Dropout(dropout))
    model.add(layers.Dense(outputs, activation=last, kernel_initializer=init))
    return model


def conv(
    shape: tuple[int, int, int],
    filters: Sequence[int],
    outputs: int,
    last: str | None = "softmax",
    *,
    first: Sequence[Any] = (),
    norm: bool = False,
    momentum: float = 0.9,
    dropout: float = 0.0,
    init: Any = "glorot_uniform",
) -> keras.Sequential:
    model = keras.Sequential([keras.Input(shape), *first])
    for count in filters:
        model.add(layers.Conv2D(count, 3, padding="same", activation="relu", kernel_initializer=init))
        if norm:
            model.add(layers.BatchNormalization(momentum=momentum))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    if dropout:
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(outputs, activation=last))
    return model


def text(*body: Any, outputs: int = 1, last: str | None = "sigmoid", words: int = 200, size: int = 16) -> keras.Model:
    """An embedding, `body` and a dense layer."""
    return keras.Sequential(
        [keras.Input((None,), dtype="int32"), layers.Embedding(words, size), *body, layers.Dense(outputs, last)]
    )


def transformer(length: int, outputs: int = 1, last: str = "sigmoid", words: int = 200) -> keras.Model:
    tokens = keras.Input((length,), dtype="int32")
    positions = keras.ops.arange(length)
    x = layers.Embedding(words, 16)(tokens) + layers.Embedding(length, 16)(positions)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8, dropout=0.1)(x, x))
    x = layers.LayerNormalization()(x + layers.Dense(16)(layers.Dense(32, activation="relu")(x)))
    x = layers.GlobalAveragePooling1D()(x)
    return keras.Model(tokens, layers.Dense(outputs, activation=last)(x))


def residual(inputs: int, width: int, blocks: int, outputs: int) -> keras.Model:
    start = keras.Input((inputs,))
    x = layers.Dense(width, activation="relu")(start)
    for _ in range(blocks):
        x = layers.LayerNormalization()(x + layers.Dense(width, activation="relu")(x))
    return keras.Model(start, layers.Dense(outputs, activation="softmax")(x))


class Subclassed(keras.Model):
    """A classifier written as a class."""

    def __init__(self, outputs: int, **options: Any) -> None:
        super().__init__(**options)
        self.hidden = layers.Dense(48, activation="gelu")
        self.drop = layers.Dropout(0.2)
        self.out = layers.Dense(outputs, activation="softmax")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.out(self.drop(self.hidden(x), training=training))
