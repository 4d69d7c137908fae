"""Failures from public threads, re-created in our own words on small data; each names its thread and what solved it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.accuracy.programs import data, models
from tests.accuracy.programs.faulty_targets import SquaredError
from tests.accuracy.programs.healthy_images import pretrained
from tests.accuracy.programs.program import faulty

layers = keras.layers
optimizers = keras.optimizers
ops = keras.ops
SPARSE = "sparse_categorical_crossentropy"


@faulty(
    "thread: val_acc of zero on sorted classes",
    "multi-class",
    "ordered labels",
    thread="keras-team/keras#597",
    accepted_fix="shuffle rows and labels together before fit: the split is taken before the shuffle",
)
def keras_597(seed: int) -> Any:
    x, y = data.by_label(*data.digits(seed))
    model = models.dense(64, [128], 10, dropout=0.5)
    model.compile(optimizers.SGD(0.05, momentum=0.9, nesterov=True), "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, data.one_hot(y, 10), epochs=10, validation_split=0.1, verbose=0)


@faulty(
    "thread: positives first, then negatives",
    "text",
    "ordered labels",
    thread="keras-team/keras#8346",
    accepted_fix="shuffle before validation_split",
)
def keras_8346(seed: int) -> Any:
    x, y = data.by_label(*data.reviews(seed, 1000))
    model = models.text(layers.Conv1D(16, 3, activation="relu"), layers.GlobalMaxPooling1D())
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=8, validation_split=0.3, verbose=0)


@faulty(
    "thread: skip and take of a shuffled dataset",
    "images",
    "reshuffled before take",
    thread="tensorflow/tensorflow#59279",
    accepted_fix="split before shuffling, or reshuffle_each_iteration=False",
)
def tensorflow_59279(seed: int) -> Any:
    x, y = data.digit_images(seed)
    rows = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(1797)
    validation, train = rows.take(300).batch(32), rows.skip(300).batch(32)
    model = models.conv((8, 8, 1), [16], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(train, epochs=8, validation_data=validation, verbose=0)


@faulty(
    "thread: two ways to prepare the images",
    "images",
    "different range",
    thread="keras-team/keras#12689",
    accepted_fix="one preprocessing for both generators",
)
def keras_12689(seed: int) -> Any:
    x, y = data.photo_patches(seed)
    train = tf.data.Dataset.from_tensor_slices((x[:600] / 127.5 - 1, y[:600])).shuffle(600).batch(32)
    model = models.conv((16, 16, 3), [16, 16], 2, dropout=0.3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(train, epochs=10, validation_data=(x[600:], y[600:]), verbose=0)


@faulty(
    "thread: a buffer of a hundredth on sorted files",
    "multi-class",
    "buffer below data",
    thread="IBM/graph2tac PR#95",
    accepted_fix="a shuffle buffer of the size of the data",
)
def graph2tac_95(seed: int) -> Any:
    x, y = data.by_label(*data.rows(seed, 3000, classes=6))
    x_val, y_val = x[::6], y[::6]
    rest = np.arange(len(x)) % 6 != 0
    train = tf.data.Dataset.from_tensor_slices((x[rest], y[rest])).shuffle(25).batch(32)
    model = models.dense(20, [32], 6)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(train, epochs=10, validation_data=(x_val, y_val), verbose=0)


@faulty(
    "thread: faces that are in both sets",
    "images",
    "copies across the split",
    thread="ResEmoteNet#42",
    accepted_fix="remove duplicates before the split",
)
def resemotenet_42(seed: int) -> Any:
    x, y = data.shapes(seed, 500)
    train = (np.concatenate([x[:400], x[400:460]]), np.concatenate([y[:400], y[400:460]]))
    model = models.conv((16, 16, 1), [16, 32], 3, dropout=0.3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(*train, epochs=10, validation_data=(x[400:], y[400:]), verbose=0)


@faulty(
    "thread: validation that jumps by a sample",
    "small data",
    "small validation set",
    thread="keras-team/keras#3559",
    accepted_fix="more validation data",
)
def keras_3559(seed: int) -> Any:
    x, y = data.irises(seed)
    model = models.dense(4, [16], 3)
    model.compile(optimizers.Adam(5e-3), SPARSE, metrics=["accuracy"])
    best = keras.callbacks.EarlyStopping("val_accuracy", patience=30, restore_best_weights=True)
    return model.fit(x, y, epochs=40, batch_size=16, validation_split=0.07, callbacks=[best], verbose=0)


@faulty(
    "thread: one generator augments both subsets",
    "images",
    "augmented validation",
    thread="keras-team/keras-preprocessing#218",
    accepted_fix="a second generator without augmentation for validation",
)
def preprocessing_218(seed: int) -> Any:
    x, y = data.shapes(seed)
    flip = keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.2), layers.RandomZoom(0.3)])

    def augmented(images: Any, labels: Any) -> Any:
        return flip(images, training=True), labels

    rows = tf.data.Dataset.from_tensor_slices((x, y)).batch(32).map(augmented)
    train, validation = rows.take(22).shuffle(22), rows.skip(22)
    model = models.conv((16, 16, 1), [16, 32], 3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(train, epochs=8, validation_data=validation, verbose=0)


@faulty(
    "thread: the model predicts always 0",
    "imbalanced",
    "imbalanced classes",
    thread="keras-team/keras#10292",
    accepted_fix="class weights and metrics per class instead of accuracy",
)
def keras_10292(seed: int) -> Any:
    generator = np.random.default_rng(seed)
    y = (generator.random(2000) < 0.08).astype("int64")
    x = (generator.standard_normal((2000, 12)) + 0.15 * y[:, None]).astype("float32")
    model = models.dense(12, [8], 1, "sigmoid", dropout=0.5)
    model.compile(optimizers.Adam(5e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=10, batch_size=32, validation_split=0.2, verbose=0)


@faulty(
    "thread: no true and no false positives",
    "imbalanced",
    "imbalanced classes",
    thread="keras-team/keras#18044",
    accepted_fix="weigh the classes",
)
def keras_18044(seed: int) -> Any:
    generator = np.random.default_rng(seed)
    y = (generator.random(3000) < 0.03).astype("float32")
    x = generator.standard_normal((3000, 6)).astype("float32")
    x[:, 0] += y
    counts = [keras.metrics.TruePositives(name="tp"), keras.metrics.FalsePositives(name="fp")]
    model = models.dense(6, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", *counts])
    return model.fit(x, y, epochs=6, batch_size=64, validation_split=0.2, verbose=0)


@faulty(
    "thread: inputs as they are",
    "regression",
    "mixed scales",
    thread="keras-team/keras#510",
    accepted_fix="mean 0 and variance 1 for each input",
)
def keras_510(seed: int) -> Any:
    x, y = data.friedman(seed)
    x = x * np.asarray([1, 1, 1000, 1, 1, 50_000, 1, 1, 10, 1], dtype="float32")
    model = models.dense(10, [32], 1, None)
    model.compile(optimizers.SGD(0.01), "mse", metrics=["mae"])
    return model.fit(x, y, epochs=8, validation_split=0.2, verbose=0)


@faulty(
    "thread: negative loss of a binary classifier",
    "binary",
    "labels one and two",
    thread="keras-team/keras#1917",
    accepted_fix="labels of 0 and 1",
)
def keras_1917(seed: int) -> Any:
    x, y = data.rows(seed)
    model = models.dense(20, [64], 1, "sigmoid", dropout=0.5)
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y + 1, epochs=10, validation_split=0.2, verbose=0)


@faulty(
    "thread: masks of 0 and 255",
    "images",
    "targets of 0 to 255",
    thread="milesial/Pytorch-UNet#7",
    accepted_fix="divide the masks by 255",
)
def unet_7(seed: int) -> Any:
    x, y = data.masks(seed, 300)
    start = keras.Input((16, 16, 1))
    down = layers.Conv2D(8, 3, padding="same", activation="relu")(start)
    deep = layers.Conv2D(16, 3, padding="same", activation="relu")(layers.MaxPooling2D()(down))
    up = layers.concatenate([layers.UpSampling2D()(deep), down])
    model = keras.Model(start, layers.Conv2D(1, 1, activation="sigmoid")(up))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, (255 * y).astype("uint8"), epochs=5, batch_size=16, validation_split=0.2, verbose=0)


@faulty(
    "thread: three classes in a binary loss",
    "multi-class",
    "several classes on one unit",
    thread="keras-team/keras#13926",
    accepted_fix="one output per class with softmax and a categorical loss",
)
def keras_13926(seed: int) -> Any:
    x, y = data.irises(seed)
    model = models.dense(4, [16, 16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=8, validation_split=0.2, verbose=0)


@faulty(
    "thread: accuracy that never moves",
    "binary",
    "softmax over one unit",
    thread="keras-team/keras#4784",
    accepted_fix="sigmoid for a single output",
)
def keras_4784(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [64, 32], 1, "softmax", dropout=0.2)
    model.compile(optimizers.SGD(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty(
    "thread: the tutorial that stays near chance",
    "images",
    "no output activation",
    thread="tensorflow/docs#2102",
    accepted_fix="from_logits=True in the loss",
)
def docs_2102(seed: int) -> Any:
    x, y = data.shapes(seed)
    model = models.conv((16, 16, 1), [16, 16], 3, None)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=8, validation_split=0.2, verbose=0)


@faulty(
    "thread: tags with softmax",
    "multi-label",
    "softmax for several labels",
    thread="keras-team/keras#741",
    accepted_fix="sigmoid outputs with binary crossentropy",
)
def keras_741(seed: int) -> Any:
    x, y = data.labels_of_rows(seed, labels=8, rate=0.35)
    model = models.dense(20, [64], 8, dropout=0.2)
    model.compile("rmsprop", "binary_crossentropy", metrics=["binary_accuracy"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@faulty(
    "thread: a custom loss that learns the mean",
    "regression",
    "broadcast targets",
    thread="keras-team/keras#16836",
    accepted_fix="give the targets the shape of the predictions",
)
def keras_16836(seed: int) -> Any:
    x, y = data.diabetes(seed)
    model = models.dense(10, [32, 16], 1, None)
    model.compile(optimizers.Adam(3e-3), SquaredError())
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


@faulty(
    "thread: accuracy of zero while the loss falls",
    "regression",
    "accuracy on regression",
    thread="rstudio/keras3#296",
    accepted_fix="mean absolute error or R2 instead of accuracy",
)
def keras3_296(seed: int) -> Any:
    x, y = data.diabetes(seed)
    model = models.dense(10, [16], 1, None, l2=1e-2)
    model.compile("adam", "mse", metrics=["accuracy"])
    return model.fit(x, y, epochs=30, validation_split=0.2, verbose=0)


@faulty(
    "thread: 97 % accuracy for nothing",
    "multi-label",
    "accuracy on several labels",
    thread="keras-team/keras#5335",
    accepted_fix="F1 or AUC per label",
)
def keras_5335(seed: int) -> Any:
    x, y = data.labels_of_rows(seed, labels=20, rate=0.05)
    model = models.dense(20, [48], 20, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@faulty(
    "thread: accuracy that counts logits above one half",
    "binary",
    "threshold on logits",
    thread="tensorflow/tensorflow#42182",
    accepted_fix="BinaryAccuracy(threshold=0.0)",
)
def tensorflow_42182(seed: int) -> Any:
    x, y = data.rows(seed, flip=0.1)
    model = models.dense(20, [32], 1, None)
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"])
    return model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)


@faulty(
    "thread: always the same prediction",
    "regression",
    "unscaled targets",
    thread="keras-team/keras#2576",
    accepted_fix="scale the targets",
)
def keras_2576(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32, 16], 1, None)
    model.compile(optimizers.SGD(1e-2), "mse", metrics=["mae"])
    return model.fit(x, 4000 + 900 * y, epochs=10, validation_split=0.2, verbose=0)


@faulty(
    "thread: Adam at .01 was ten times too much",
    "text",
    "learning rate too high",
    thread="keras-team/keras#4066",
    accepted_fix="a smaller learning rate",
)
def keras_4066(seed: int) -> Any:
    x, y = data.reviews(seed, 1200, 16)
    model = models.text(layers.LSTM(16), layers.Dense(16, activation="relu"))
    model.compile(optimizers.Adam(0.2), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=10, validation_split=0.2, verbose=0)


@faulty(
    "thread: rates above .03 do not learn",
    "time series",
    "learning rate too high",
    thread="NLeSC/mcfly#43",
    accepted_fix="search the rate below .01",
)
def mcfly_43(seed: int) -> Any:
    x, y = data.windows(data.wave(seed))
    model = keras.Sequential(
        [keras.Input((20, 1)), layers.Conv1D(16, 5, activation="relu"), layers.Flatten(), layers.Dense(1)]
    )
    model.compile(optimizers.SGD(0.6, momentum=0.9), "mse")
    return model.fit(x, y, epochs=8, validation_split=0.2, verbose=0)


@faulty(
    "thread: NaN from a custom loss",
    "multi-class",
    "custom loss",
    thread="umbertogriffo/focal-loss-keras#17",
    accepted_fix="clip the probabilities by an epsilon before the logarithm",
)
def focal_loss_17(seed: int) -> Any:
    def focal(y_true: Any, y_pred: Any) -> Any:
        return -ops.sum(y_true * (1 - y_pred) ** 2 * ops.log(y_pred), axis=-1)

    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.compile(optimizers.Adam(5e-3), focal, metrics=["accuracy"])
    return model.fit(100 * x, data.one_hot(y, 10), epochs=10, validation_split=0.2, verbose=0)


@faulty(
    "thread: the root of a distance of zero",
    "autoencoder",
    "custom loss",
    thread="tensorflow/tensorflow#42889",
    accepted_fix="add an epsilon under the root",
)
def tensorflow_42889(seed: int) -> Any:
    def distance(y_true: Any, y_pred: Any) -> Any:
        return ops.sqrt(ops.sum(ops.square(y_true - y_pred) * y_true, axis=-1))

    x, _ = data.digits(seed)
    x = x.copy()
    x[::40] = 0
    model = models.dense(64, [16], 64, "sigmoid")
    model.compile("adam", distance)
    return model.fit(x, x, epochs=5, validation_split=0.2, verbose=0)


@faulty(
    "thread: mixed precision and a large input",
    "images",
    "mixed precision",
    thread="keras-team/keras#16552",
    accepted_fix="scale the inputs and keep the last layer in float32",
)
def keras_16552(seed: int) -> Any:
    x, y = data.photo_patches(seed, 400)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = models.conv((16, 16, 3), [8], 1, "sigmoid")
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        return model.fit(1000 * x, y, epochs=4, validation_split=0.2, verbose=0)
    finally:
        keras.config.set_dtype_policy(policy)


@faulty(
    "thread: confident and wrong",
    "text",
    "over-confidence",
    also=("overfitting: no-regularization",),
    thread="keras-team/keras#3755",
    accepted_fix="watch the metric that matters; smooth or regularize",
)
def keras_3755(seed: int) -> Any:
    x, y = data.reviews(seed, 1500, 20)
    model = models.text(layers.Conv1D(32, 3, activation="relu"), layers.GlobalMaxPooling1D(), size=32)
    model.compile(optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=25, validation_split=0.3, verbose=0)


@faulty(
    "thread: a validation loss ten times below",
    "multi-class",
    "class weights",
    thread="keras-team/keras#5616",
    accepted_fix="by design: weights act on training only; compare unweighted losses",
)
def keras_5616(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10, l2=1e-4)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    weights = dict.fromkeys(range(10), 10.0)
    return model.fit(x, y, epochs=15, class_weight=weights, validation_split=0.2, verbose=0)


@faulty(
    "thread: batch normalization that was not ready",
    "images",
    "batch norm lags",
    thread="keras-team/keras#10666",
    accepted_fix="BatchNormalization(momentum=0.9)",
)
def keras_10666(seed: int) -> Any:
    x, y = data.digit_images(seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizers.Adam(5e-3), SPARSE, metrics=["accuracy"])
    return model.fit(10 * x, y, epochs=6, batch_size=256, validation_split=0.2, verbose=0)


@faulty(
    "thread: train .93, evaluate .25 on the same rows",
    "transfer learning",
    "batch norm fine-tuned",
    truth=("lagging-batch-norm: small-momentum-window", "lagging-batch-norm: too-few-updates"),
    thread="keras-team/keras#10045",
    accepted_fix="base(x, training=False) with its batch normalization frozen",
)
def keras_10045(seed: int) -> Any:
    base, x, y = pretrained(seed, norm=True)
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.999
    start = keras.Input((8, 8, 1))
    model = keras.Model(start, layers.Dense(5, "softmax")(base(start)))
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    return model.fit(4 - 3 * x, y, epochs=8, batch_size=32, validation_split=0.25, verbose=0)


@faulty(
    "thread: unfrozen, and nothing changes",
    "transfer learning",
    "changed after compile",
    thread="keras-team/keras#6405",
    accepted_fix="compile again after changing trainable",
)
def keras_6405(seed: int) -> Any:
    base, x, y = pretrained(seed)
    base.trainable = False
    model = keras.Sequential([keras.Input((8, 8, 1)), base, layers.Dense(5, "softmax")])
    model.compile(optimizers.Adam(2e-3), SPARSE, metrics=["accuracy"])
    base.trainable = True
    return model.fit(x, y, epochs=10, validation_split=0.25, verbose=0)


@faulty(
    "thread: fit again goes on from the old weights",
    "binary",
    "cell run again",
    thread="keras-team/keras#4709",
    accepted_fix="build the model again for a fresh start",
)
def keras_4709(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    history = None
    for _ in range(2):
        history = model.fit(x, y, epochs=12, validation_split=0.2, verbose=0)
    return history


@faulty(
    "thread: every other epoch is zero",
    "images",
    "steps beyond data",
    thread="keras-team/keras#12773",
    accepted_fix="repeat() the dataset, or drop steps_per_epoch",
)
def keras_12773(seed: int) -> Any:
    x, y = data.shapes(seed)

    def batches() -> Any:
        for _ in range(3):
            for start in range(0, 700, 32):
                yield x[start : start + 32], y[start : start + 32]

    model = models.conv((16, 16, 1), [16], 3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(batches(), steps_per_epoch=30, epochs=6, validation_data=(x[700:], y[700:]), verbose=0)


@faulty(
    "thread: validation steps over an endless generator",
    "images",
    "validation from an infinite generator",
    thread="tensorflow/tensorflow#25254",
    accepted_fix="a finite validation set",
)
def tensorflow_25254(seed: int) -> Any:
    x, y = data.shapes(seed, 1000)

    def validation() -> Any:
        generator = np.random.default_rng(seed)
        while True:
            rows = 700 + generator.permutation(300)
            for start in range(0, 288, 32):
                yield x[rows[start : start + 32]], y[rows[start : start + 32]]

    model = models.conv((16, 16, 1), [16], 3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x[:700], y[:700], epochs=10, validation_data=validation(), validation_steps=2, verbose=0)


@faulty(
    "thread: the last weights instead of the best",
    "regression",
    "weights not restored",
    also=("overfitting: no-regularization",),
    thread="keras-team/keras#12511",
    accepted_fix="restore_best_weights=True",
)
def keras_12511(seed: int) -> Any:
    x, y = data.diabetes(seed)
    model = models.dense(10, [256], 1, None)
    model.compile(optimizers.Adam(5e-3), "mse", metrics=["mae"])
    stop = keras.callbacks.EarlyStopping(patience=20)
    return model.fit(x, y, epochs=60, validation_split=0.25, callbacks=[stop], verbose=0)


@faulty(
    "thread: two label columns for one unit",
    "images",
    "output shape",
    raises=True,
    thread="keras-team/keras#13006",
    accepted_fix="class_mode='binary'",
)
def keras_13006(seed: int) -> Any:
    x, y = data.photo_patches(seed, 200)
    model = models.conv((16, 16, 3), [8], 1, "sigmoid")
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x / 255, data.one_hot(y, 2), epochs=2, verbose=0)


@faulty(
    "thread: a label that has no output",
    "text",
    "too few outputs",
    raises=True,
    thread="tensorflow/tensorflow#8484",
    accepted_fix="as many outputs as the largest label plus one",
)
def tensorflow_8484(seed: int) -> Any:
    x, y = data.reviews(seed, 600, classes=4)
    model = models.text(layers.GRU(8), outputs=3, last="softmax", size=8)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=2, verbose=0)


@faulty(
    "thread: divided by 255 before a base that divides",
    "transfer learning",
    "rescaled twice",
    thread="keras-team/keras-io#1549",
    accepted_fix="raw pixels of 0 to 255 for a base that rescales itself",
)
def keras_io_1549(seed: int) -> Any:
    x, y = data.photo_patches(seed)
    base = models.conv((16, 16, 3), [8, 16], 1, "sigmoid", first=[layers.Rescaling(1 / 255)])
    base.compile(optimizers.Adam(3e-3), "binary_crossentropy")
    base.fit(x[:300], y[:300], epochs=8, verbose=0)
    base = keras.Model(base.inputs, base.layers[-2].output, name="base")
    base.trainable = False
    model = keras.Sequential([keras.Input((16, 16, 3)), base, layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x[300:] / 255, y[300:], epochs=10, validation_split=0.25, verbose=0)


@faulty(
    "thread: the loss rises after loading the weights",
    "multi-class",
    "compiled again",
    thread="keras-team/keras#2378",
    accepted_fix="save and load the whole model, and do not compile it again",
)
def keras_2378(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [48], 10)
    model.compile(optimizers.SGD(0.05, momentum=0.95), SPARSE, metrics=["accuracy"])
    model.fit(x, y, epochs=6, validation_split=0.2, verbose=0)
    model.compile(optimizers.SGD(0.05, momentum=0.95), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=12, initial_epoch=6, validation_split=0.2, verbose=0)


@faulty(
    "thread: the gradient explodes in a recurrent net",
    "time series",
    "exploding recurrence",
    thread="keras-team/keras#5127",
    accepted_fix="clipnorm",
)
def keras_5127(seed: int) -> Any:
    x, y = data.windows(data.wave(seed, 700), 30)
    cell = layers.SimpleRNN(32, activation="relu", recurrent_initializer=keras.initializers.Identity(1.3))
    model = keras.Sequential([keras.Input((30, 1)), cell, layers.Dense(1)])
    model.compile(optimizers.RMSprop(5e-3), "mse")
    return model.fit(x, y, epochs=6, validation_split=0.2, verbose=0)
