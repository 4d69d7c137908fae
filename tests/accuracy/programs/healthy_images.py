"""Healthy programs on images, and transfer learning."""

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


@healthy("digits-conv", "images", "val_accuracy", 0.93)
def digits_conv(seed: int) -> Any:
    x, y = data.digit_images(seed)
    model = models.conv((8, 8, 1), [16, 32], 10, dropout=0.3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=20, batch_size=32, validation_split=0.2, verbose=0)


@healthy("digits-conv-norm", "images", "val_accuracy", 0.93)
def digits_conv_norm(seed: int) -> Any:
    x, y = data.digit_images(seed)
    model = models.conv((8, 8, 1), [16, 16], 10, norm=True, dropout=0.3)
    model.compile(optimizers.SGD(0.05, momentum=0.9), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=20, batch_size=64, validation_split=0.2, verbose=0)


@healthy("digits-conv-moved", "images", "val_accuracy", 0.9)
def digits_conv_moved(seed: int) -> Any:
    x, y = data.digit_images(seed)
    move = layers.RandomTranslation(0.12, 0.12, fill_mode="constant")
    model = models.conv((8, 8, 1), [16, 32], 10, first=[move])
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=25, batch_size=64, validation_split=0.2, verbose=0)


@healthy("photos-rescaled", "images", "val_accuracy", 0.8)
def photos_rescaled(seed: int) -> Any:
    x, y = data.photo_patches(seed)
    model = models.conv((16, 16, 3), [8, 16], 1, "sigmoid", first=[layers.Rescaling(1 / 255)], dropout=0.4)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=25, batch_size=32, validation_split=0.25, verbose=0)


@healthy("photos-bytes-tf-data", "images", "val_accuracy", 0.8)
def photos_bytes_tf_data(seed: int) -> Any:
    x, y = data.photo_patches(seed)
    x = x.astype("uint8")

    def prepare(image: Any, label: Any) -> Any:
        return tf.cast(image, tf.float32) / 127.5 - 1, label

    train = tf.data.Dataset.from_tensor_slices((x[:600], y[:600])).map(prepare).cache().shuffle(600).batch(32)
    validation = tf.data.Dataset.from_tensor_slices((x[600:], y[600:])).map(prepare).batch(100)
    model = models.conv((16, 16, 3), [8, 16], 1, "sigmoid", dropout=0.4)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(train, epochs=25, validation_data=validation, verbose=0)


@healthy("photos-brightened", "images", "val_accuracy", 0.75)
def photos_brightened(seed: int) -> Any:
    x, y = data.photo_patches(seed)
    first = [layers.RandomFlip(), layers.RandomBrightness(0.1, value_range=(0, 1))]
    model = models.conv((16, 16, 3), [8, 16], 1, "sigmoid", first=first, dropout=0.2)
    model.compile(optimizers.Adam(2e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x / 255, y, epochs=20, batch_size=32, validation_split=0.25, verbose=0)


@healthy("shapes-conv", "images", "val_accuracy", 0.9)
def shapes_conv(seed: int) -> Any:
    x, y = data.shapes(seed, 1200)
    model = models.conv((16, 16, 1), [16, 32], 3, dropout=0.3)
    model.compile(optimizers.Adam(2e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=20, batch_size=32, validation_split=0.25, verbose=0)


@healthy("shapes-separable-pooled", "images", "val_accuracy", 0.85)
def shapes_separable_pooled(seed: int) -> Any:
    x, y = data.shapes(seed, 1200)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.SeparableConv2D(32, 3, activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.SeparableConv2D(32, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizers.Adam(2e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=20, batch_size=32, validation_split=0.25, verbose=0)


@healthy("shapes-residual", "images", "val_accuracy", 0.9)
def shapes_residual(seed: int) -> Any:
    x, y = data.shapes(seed, 1200)
    start = keras.Input((16, 16, 1))
    h = layers.Conv2D(16, 3, padding="same", activation="relu")(start)
    for _ in range(2):
        h = layers.BatchNormalization(momentum=0.9)(h + layers.Conv2D(16, 3, padding="same", activation="relu")(h))
        h = layers.MaxPooling2D()(h)
    model = keras.Model(start, layers.Dense(3, "softmax")(layers.Dropout(0.3)(layers.Flatten()(h))))
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=15, batch_size=32, validation_split=0.25, verbose=0)


@healthy("rectangles-masks", "images", "val_binary_accuracy", 0.95)
def rectangles_masks(seed: int) -> Any:
    x, y = data.masks(seed)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.Conv2D(1, 1, activation="sigmoid"),
        ]
    )
    model.compile(optimizers.Adam(5e-3), "binary_crossentropy", metrics=["binary_accuracy"])
    return model.fit(x, y, epochs=25, batch_size=16, validation_split=0.25, verbose=0)


@healthy("denoising-conv", "autoencoder", "val_loss", 0.05)
def denoising_conv(seed: int) -> Any:
    x, y = data.masks(seed, 500)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(1, 3, padding="same"),
        ]
    )
    model.compile(optimizers.Adam(3e-3), "mse")
    return model.fit(x, y, epochs=25, batch_size=32, validation_split=0.25, verbose=0)


def pretrained(seed: int, *, norm: bool = False, momentum: float = 0.9) -> tuple[keras.Model, Any, Any]:
    """A convolutional base that has learned the digits 0 to 4, and the rows of 5 to 9."""
    x, y = data.digit_images(seed)
    model = models.conv((8, 8, 1), [16, 32], 5, norm=norm, momentum=momentum)
    model.compile(optimizers.Adam(3e-3), SPARSE)
    model.fit(x[y < 5], y[y < 5], epochs=8, batch_size=64, verbose=0)
    base = keras.Model(model.inputs, model.layers[-2].output, name="base")
    return base, x[y >= 5], y[y >= 5] - 5


@healthy("transfer-frozen", "transfer learning", "val_accuracy", 0.85)
def transfer_frozen(seed: int) -> Any:
    base, x, y = pretrained(seed)
    base.trainable = False
    model = keras.Sequential([keras.Input((8, 8, 1)), base, layers.Dropout(0.2), layers.Dense(5, "softmax")])
    model.compile(optimizers.Adam(5e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=30, batch_size=32, validation_split=0.25, verbose=0)


@healthy("transfer-frozen-norm", "transfer learning", "val_accuracy", 0.85)
def transfer_frozen_norm(seed: int) -> Any:
    base, x, y = pretrained(seed, norm=True)
    base.trainable = False
    start = keras.Input((8, 8, 1))
    model = keras.Model(start, layers.Dense(5, "softmax")(base(start, training=False)))
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=30, batch_size=32, validation_split=0.25, verbose=0)


@healthy("transfer-fine-tuned", "transfer learning", "val_accuracy", 0.88)
def transfer_fine_tuned(seed: int) -> Any:
    """Head first, then everything at a small rate: two fits of one model, recompiled in between."""
    base, x, y = pretrained(seed)
    base.trainable = False
    model = keras.Sequential([keras.Input((8, 8, 1)), base, layers.Dense(5, "softmax")])
    model.compile(optimizers.Adam(5e-3), SPARSE, metrics=["accuracy"])
    model.fit(x, y, epochs=15, batch_size=32, validation_split=0.25, verbose=0)
    base.trainable = True
    model.compile(optimizers.Adam(2e-4), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=15, batch_size=32, validation_split=0.25, verbose=0)


@healthy("transfer-features", "transfer learning", "val_accuracy", 0.85)
def transfer_features(seed: int) -> Any:
    """The base runs once; only a small head is trained on its outputs."""
    base, x, y = pretrained(seed)
    features = np.asarray(base.predict(x, verbose=0))
    features = data.standardized(features + 1e-3 * np.random.default_rng(seed).standard_normal(features.shape))
    model = models.dense(features.shape[1], [], 5, first=[layers.Dropout(0.3)])
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(features, y, epochs=20, batch_size=32, validation_split=0.25, verbose=0)
