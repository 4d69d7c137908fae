"""Programs whose `fit` raises."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tests.accuracy.programs import data, models
from tests.accuracy.programs.program import faulty

layers = keras.layers
SPARSE = "sparse_categorical_crossentropy"


@faulty("integer labels raise: digits", "multi-class", "integer labels raise", raises=True)
def integer_labels(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=3, validation_split=0.2, verbose=0)


@faulty("integer labels raise: shapes", "images", "integer labels raise", raises=True)
def integer_labels_shapes(seed: int) -> Any:
    x, y = data.shapes(seed, 300)
    model = models.conv((16, 16, 1), [8], 3)
    model.compile("adam", keras.losses.CategoricalCrossentropy())
    return model.fit(x, y, epochs=3, verbose=0)


@faulty("one-hot labels raise: digits", "multi-class", "one-hot labels raise", raises=True)
def one_hot_labels(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, data.one_hot(y, 10), epochs=3, validation_split=0.2, verbose=0)


@faulty("one-hot labels raise: wines", "small data", "one-hot labels raise", raises=True)
def one_hot_labels_wines(seed: int) -> Any:
    x, y = data.wines(seed)
    model = models.dense(13, [16], 3, None)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model.fit(x, keras.utils.to_categorical(y), epochs=3, verbose=0)


@faulty("labels from one: wines", "small data", "labels from one", raises=True)
def labels_from_one(seed: int) -> Any:
    x, y = data.wines(seed)
    model = models.dense(13, [16], 3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y + 1, epochs=5, validation_split=0.2, verbose=0)


@faulty("labels from one: reviews", "text", "labels from one", raises=True)
def labels_from_one_reviews(seed: int) -> Any:
    x, y = data.reviews(seed, 600, classes=3)
    model = models.text(layers.GlobalAveragePooling1D(), outputs=3, last="softmax", size=8)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y + 1, epochs=3, validation_split=0.2, verbose=0)


@faulty("masked labels: digits", "multi-class", "masked labels", raises=True)
def masked_labels(seed: int) -> Any:
    x, y = data.digits(seed)
    y = np.where(np.random.default_rng(seed).random(len(y)) < 0.1, -1, y)
    model = models.dense(64, [64], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=3, validation_split=0.2, verbose=0)


@faulty("too few outputs: digits", "multi-class", "too few outputs", raises=True)
def too_few_outputs(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 9)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=3, validation_split=0.2, verbose=0)


@faulty("different lengths: tumours", "binary", "different lengths", raises=True)
def different_lengths(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x[:400], y[:399], epochs=3, verbose=0)


@faulty("different lengths: windows and their targets", "time series", "different lengths", raises=True)
def lengths_of_windows(seed: int) -> Any:
    series = data.wave(seed, 600)
    x, _ = data.windows(series)
    model = keras.Sequential([keras.Input((20, 1)), layers.GRU(8), layers.Dense(1)])
    model.compile("adam", "mse")
    return model.fit(x, series[20:-5], epochs=3, validation_split=0.2, verbose=0)


@faulty("object dtype: a table with numbers as objects", "binary", "object dtype", raises=True)
def numbers_as_objects(seed: int) -> Any:
    x, y = data.tumours(seed)
    x = x.astype(object)
    x[3, 2] = None
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=3, validation_split=0.2, verbose=0)


@faulty("object dtype: an array of arrays", "images", "object dtype", truth=("fit-raised: ragged-input",), raises=True)
def array_of_arrays(seed: int) -> Any:
    x, y = data.digit_images(seed, 200)
    images = np.empty(len(x), dtype=object)
    for row, image in enumerate(x):
        images[row] = image
    model = models.conv((8, 8, 1), [8], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(images, y, epochs=3, verbose=0)


@faulty(
    "ragged input: sentences of any length", "text", "ragged input", truth=("fit-raised: object-dtype",), raises=True
)
def sentences_of_any_length(seed: int) -> Any:
    x, y = data.reviews(seed, 400)
    lengths = np.random.default_rng(seed).integers(5, 20, len(x))
    ragged = np.asarray([row[:length] for row, length in zip(x, lengths, strict=True)], dtype=object)
    model = models.text(layers.GlobalAveragePooling1D(), size=8)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(ragged, y, epochs=3, verbose=0)


@faulty("text input: words for an embedding", "text", "text input", raises=True)
def words_for_an_embedding(seed: int) -> Any:
    x, y = data.sentences(seed, 300)
    model = models.text(layers.GlobalAveragePooling1D(), size=8)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=3, verbose=0)


@faulty("text input: names of classes as labels", "small data", "text input", raises=True)
def names_of_classes(seed: int) -> Any:
    x, y = data.irises(seed)
    names = np.asarray(["setosa", "versicolor", "virginica"])[y]
    model = models.dense(4, [12], 3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, names, epochs=3, verbose=0)


@faulty("embedding index: a vocabulary one short", "text", "embedding index", raises=True)
def vocabulary_one_short(seed: int) -> Any:
    x, y = data.reviews(seed, 600)
    model = models.text(layers.GlobalAveragePooling1D(), size=8, words=int(x.max()))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=3, verbose=0)


@faulty("embedding index: half of the words", "text", "embedding index", raises=True)
def half_of_the_words(seed: int) -> Any:
    x, y = data.reviews(seed, 600, classes=3)
    model = models.text(layers.LSTM(8), outputs=3, last="softmax", words=100)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=3, validation_split=0.2, verbose=0)


@faulty("output shape: five outputs for ten columns", "multi-class", "output shape", raises=True)
def five_outputs_for_ten_columns(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 5)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, data.one_hot(y, 10), epochs=3, verbose=0)


@faulty("output shape: one unit for two columns", "binary", "output shape", raises=True)
def one_unit_for_two_columns(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, data.one_hot(y, 2), epochs=3, verbose=0)


@faulty("output shape: masks of half the size", "images", "output shape", raises=True)
def masks_of_half_the_size(seed: int) -> Any:
    x, y = data.masks(seed, 100)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(4, 3, strides=2, padding="same"),
            layers.Conv2D(1, 1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    return model.fit(x, y, epochs=2, verbose=0)


@faulty("input shape: pictures for a dense layer", "images", "input shape", raises=True)
def pictures_for_a_dense_layer(seed: int) -> Any:
    x, y = data.digit_images(seed)
    model = models.dense(64, [64], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=3, verbose=0)


@faulty("input shape: no channel axis", "images", "input shape", raises=True)
def no_channel_axis(seed: int) -> Any:
    x, y = data.shapes(seed, 200)
    model = models.conv((16, 16, 3), [8], 3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=3, verbose=0)


@faulty("input shape: a column was dropped", "binary", "input shape", raises=True)
def column_was_dropped(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x[:, 1:], y, epochs=3, verbose=0)


@faulty("no data: an empty selection", "binary", "no data", raises=True)
def empty_selection(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x[y > 1], y[y > 1], epochs=3, validation_split=0.2, verbose=0)


@faulty("out of memory: a layer of terabytes", "multi-class", "out of memory", raises=True)
def layer_of_terabytes(seed: int) -> Any:
    """Built by the first batch, so that it is `fit` that asks for the memory."""
    x, y = data.digits(seed, 100)
    model = keras.Sequential(
        [layers.Dense(2_000_000), layers.Dense(2_000_000, activation="relu"), layers.Dense(10, activation="softmax")]
    )
    model.compile("sgd", SPARSE)
    return model.fit(x, y, epochs=1, verbose=0)
