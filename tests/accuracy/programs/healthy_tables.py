"""Healthy programs on tables: binary, multi-class, multi-label, regression, autoencoders, imbalance, small data."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.accuracy.programs import data, models
from tests.accuracy.programs.program import healthy

layers = keras.layers
optimizers = keras.optimizers
SPARSE = "sparse_categorical_crossentropy"


# binary


@healthy("tumours-dense-adam", "binary", "val_accuracy", 0.93)
def tumours_dense_adam(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, "sigmoid", l2=1e-3)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=32, validation_split=0.25, verbose=0)


@healthy("tumours-momentum", "binary", "val_accuracy", 0.93)
def tumours_momentum(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [8], 1, "sigmoid")
    model.compile(optimizers.SGD(0.01, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=20, batch_size=32, validation_split=0.25, verbose=0)


@healthy("tumours-two-outputs", "binary", "val_accuracy", 0.93)
def tumours_two_outputs(seed: int) -> Any:
    x, y = data.tumours(seed)
    y = data.one_hot(y, 2)
    model = models.dense(30, [16], 2, dropout=0.3)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x[:420], y[:420], epochs=30, validation_data=(x[420:], y[420:]), verbose=0)


@healthy("tumours-normalization-layer", "binary", "val_accuracy", 0.93)
def tumours_normalization_layer(seed: int) -> Any:
    x, y = data.tumours(seed, raw=True)
    normalization = layers.Normalization()
    normalization.adapt(x[:420])
    model = models.dense(30, [16], 1, "sigmoid", first=[normalization], l2=1e-3)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
    return model.fit(x[:420], y[:420], epochs=40, validation_data=(x[420:], y[420:]), verbose=0)


@healthy("tumours-norm-dropout", "binary", "val_accuracy", 0.93)
def tumours_norm_dropout(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [24, 24], 1, "sigmoid", norm=True, dropout=0.4)
    model.compile("nadam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=30, batch_size=32, validation_split=0.25, verbose=0)


@healthy("tumours-logits", "binary", "val_binary_accuracy", 0.93)
def tumours_logits(seed: int) -> Any:
    x, y = data.tumours(seed)
    model = models.dense(30, [16], 1, None, l2=1e-3)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)])
    return model.fit(x, y, epochs=40, validation_split=0.25, verbose=0)


@healthy("moons-dense", "binary", "val_accuracy", 0.95)
def moons_dense(seed: int) -> Any:
    x, y = data.moons(seed)
    model = models.dense(2, [32, 32], 1, "sigmoid")
    model.compile(optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=32, validation_split=0.2, verbose=0)


@healthy("circles-tanh-sgd", "binary", "val_accuracy", 0.95)
def circles_tanh_sgd(seed: int) -> Any:
    x, y = data.circles(seed)
    model = models.dense(2, [24, 24], 1, "sigmoid", activation="tanh")
    model.compile(optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=32, validation_split=0.2, verbose=0)


@healthy("rows-adamw", "binary", "val_accuracy", 0.9)
def rows_adamw(seed: int) -> Any:
    x, y = data.rows(seed, 4000)
    model = models.dense(20, [32, 16], 1, "sigmoid", dropout=0.1)
    model.compile(optimizers.AdamW(1e-3, weight_decay=1e-3), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=30, batch_size=64, validation_split=0.2, verbose=0)


@healthy("rows-tf-data", "binary", "val_accuracy", 0.9)
def rows_tf_data(seed: int) -> Any:
    x, y = data.rows(seed, 3000)
    train = tf.data.Dataset.from_tensor_slices((x[:2400], y[:2400])).shuffle(2400).batch(32).prefetch(2)
    validation = tf.data.Dataset.from_tensor_slices((x[2400:], y[2400:])).batch(64)
    model = models.dense(20, [32], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(train, epochs=20, validation_data=validation, verbose=0)


class Batches(keras.utils.PyDataset):
    """Shuffled batches of two arrays."""

    def __init__(self, x: Any, y: Any, size: int, seed: int) -> None:
        super().__init__()
        self.x, self.y, self.size = x, y, size
        self.generator = np.random.default_rng(seed)
        self.order = self.generator.permutation(len(x))

    def __len__(self) -> int:
        return len(self.x) // self.size

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        rows = self.order[index * self.size : (index + 1) * self.size]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self) -> None:
        self.order = self.generator.permutation(len(self.x))


@healthy("rows-pydataset", "binary", "val_accuracy", 0.9)
def rows_pydataset(seed: int) -> Any:
    x, y = data.rows(seed, 3000)
    model = models.dense(20, [32], 1, "sigmoid", norm=True)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(Batches(x[:2400], y[:2400], 32, seed), epochs=15, validation_data=(x[2400:], y[2400:]), verbose=0)


@healthy("rows-generator", "binary", "val_accuracy", 0.9)
def rows_generator(seed: int) -> Any:
    x, y = data.rows(seed, 3000)

    def batches() -> Any:
        generator = np.random.default_rng(seed)
        while True:
            order = generator.permutation(2400)
            for start in range(0, 2400, 40):
                rows = order[start : start + 40]
                yield x[rows], y[rows]

    model = models.dense(20, [32, 16], 1, "sigmoid")
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model.fit(batches(), steps_per_epoch=60, epochs=15, validation_data=(x[2400:], y[2400:, None]), verbose=0)


@healthy("moons-hinge", "binary", "val_loss", 0.25)
def moons_hinge(seed: int) -> Any:
    x, y = data.moons(seed)
    model = models.dense(2, [32, 32], 1, "tanh")
    model.compile(optimizers.Adam(3e-3), "hinge")
    return model.fit(x, 2.0 * y - 1, epochs=30, validation_split=0.2, verbose=0)


@healthy("rows-steps-per-execution", "binary", "val_accuracy", 0.9)
def rows_steps_per_execution(seed: int) -> Any:
    x, y = data.rows(seed, 3000)
    model = models.dense(20, [32], 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], steps_per_execution=5)
    return model.fit(x, y, epochs=20, validation_split=0.2, verbose=0)


# imbalanced, and handled


@healthy("rare-class-weights", "imbalanced", "val_auc", 0.9)
def rare_class_weights(seed: int) -> Any:
    x, y = data.rows(seed, 4000, positives=0.08)
    weights = {0: len(y) / (2 * (y == 0).sum()), 1: len(y) / (2 * (y == 1).sum())}
    model = models.dense(20, [32], 1, "sigmoid", l2=1e-3)
    model.compile("adam", "binary_crossentropy", metrics=[keras.metrics.AUC(name="auc"), keras.metrics.Recall()])
    return model.fit(x, y, epochs=25, batch_size=64, validation_split=0.25, class_weight=weights, verbose=0)


@healthy("rare-class-pr", "imbalanced", "val_pr", 0.8)
def rare_class_pr(seed: int) -> Any:
    x, y = data.rows(seed, 4000, positives=0.1)
    model = models.dense(20, [32], 1, "sigmoid", l2=1e-3)
    model.compile("adam", "binary_crossentropy", metrics=[keras.metrics.AUC(curve="PR", name="pr")])
    return model.fit(x, y, epochs=25, batch_size=64, validation_split=0.25, verbose=0)


@healthy("rare-class-oversampled", "imbalanced", "val_auc", 0.9)
def rare_class_oversampled(seed: int) -> Any:
    x, y = data.rows(seed, 3000, positives=0.1)
    x_train, y_train, x_val, y_val = x[:2200], y[:2200], x[2200:], y[2200:]
    rare = np.flatnonzero(y_train == 1)
    more = np.random.default_rng(seed).choice(rare, len(y_train) - 2 * len(rare))
    x_train, y_train = np.concatenate([x_train, x_train[more]]), np.concatenate([y_train, y_train[more]])
    model = models.dense(20, [24], 1, "sigmoid", dropout=0.2, l2=1e-3)
    model.compile("adam", "binary_crossentropy", metrics=[keras.metrics.AUC(name="auc")])
    return model.fit(x_train, y_train, epochs=15, batch_size=64, validation_data=(x_val, y_val), verbose=0)


@healthy("rare-class-focal", "imbalanced", "val_auc", 0.9)
def rare_class_focal(seed: int) -> Any:
    x, y = data.rows(seed, 4000, positives=0.12)
    model = models.dense(20, [32], 1, "sigmoid", l2=1e-4)
    loss = keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.8)
    model.compile("adam", loss, metrics=[keras.metrics.AUC(name="auc")])
    return model.fit(x, y, epochs=25, batch_size=64, validation_split=0.25, verbose=0)


@healthy("one-in-five", "imbalanced", "val_accuracy", 0.9)
def one_in_five(seed: int) -> Any:
    x, y = data.rows(seed, 3000, positives=0.2)
    model = models.dense(20, [32], 1, "sigmoid", l2=1e-3)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.Recall(name="recall")])
    return model.fit(x, y, epochs=25, batch_size=32, validation_split=0.25, verbose=0)


# multi-class


@healthy("digits-dense-adam", "multi-class", "val_accuracy", 0.93)
def digits_dense_adam(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 32], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=30, batch_size=32, validation_split=0.2, verbose=0)


@healthy("digits-cosine-decay", "multi-class", "val_accuracy", 0.93)
def digits_cosine_decay(seed: int) -> Any:
    x, y = data.digits(seed)
    epochs, batch = 25, 32
    steps = epochs * (1437 // batch + 1)
    model = models.dense(64, [64, 32], 10)
    rate = optimizers.schedules.CosineDecay(0.05, steps)
    model.compile(optimizers.SGD(rate, momentum=0.9), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=epochs, batch_size=batch, validation_split=0.2, verbose=0)


@healthy("digits-rmsprop", "multi-class", "val_accuracy", 0.93)
def digits_rmsprop(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10, dropout=0.2)
    model.compile("rmsprop", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=30, batch_size=64, validation_split=0.2, verbose=0)


@healthy("digits-smoothing", "multi-class", "val_accuracy", 0.93)
def digits_smoothing(seed: int) -> Any:
    x, y = data.digits(seed)
    y = data.one_hot(y, 10)
    model = models.dense(64, [64], 10)
    model.compile("nadam", keras.losses.CategoricalCrossentropy(label_smoothing=0.1), metrics=["accuracy"])
    return model.fit(x[:1400], y[:1400], epochs=25, validation_data=(x[1400:], y[1400:]), verbose=0)


@healthy("digits-batch-norm", "multi-class", "val_accuracy", 0.93)
def digits_batch_norm(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 32], 10, norm=True)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=20, batch_size=32, validation_split=0.2, verbose=0)


@healthy("digits-dropout", "multi-class", "val_accuracy", 0.93)
def digits_dropout(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [128, 64], 10, dropout=0.4)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=64, validation_split=0.2, verbose=0)


@healthy("digits-l2", "multi-class", "val_accuracy", 0.93)
def digits_l2(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64, 64], 10, l2=1e-3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=64, validation_split=0.2, verbose=0)


@healthy("digits-0-to-16", "multi-class", "val_accuracy", 0.93)
def digits_0_to_16(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10, l2=1e-3)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(16 * x, y, epochs=30, batch_size=64, validation_split=0.2, verbose=0)


@healthy("digits-early-stopping", "multi-class", "val_accuracy", 0.92)
def digits_early_stopping(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [128, 64], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
    return model.fit(x, y, epochs=80, batch_size=32, validation_split=0.3, callbacks=[stop], verbose=0)


@healthy("digits-batch-512", "multi-class", "val_accuracy", 0.92)
def digits_batch_512(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [128], 10)
    model.compile(optimizers.Adam(5e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=80, batch_size=512, validation_split=0.2, verbose=0)


@healthy("digits-batch-8", "multi-class", "val_accuracy", 0.92)
def digits_batch_8(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [32], 10)
    model.compile(optimizers.SGD(0.02), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=20, batch_size=8, validation_split=0.2, verbose=0)


@healthy("digits-no-validation", "multi-class", "accuracy", 0.95)
def digits_no_validation(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=20, verbose=0)


@healthy("digits-120-validate", "multi-class", "val_accuracy", 0.9)
def digits_120_validate(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10, dropout=0.2)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x[:1200], y[:1200], epochs=40, validation_split=0.1, verbose=0)


@healthy("digits-long", "multi-class", "val_accuracy", 0.93)
def digits_long(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [32], 10, l2=3e-3)
    model.compile(optimizers.Adam(2e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=80, batch_size=128, validation_split=0.2, verbose=0)


@healthy("digits-subclassed", "multi-class", "val_accuracy", 0.93)
def digits_subclassed(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.Subclassed(10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=30, batch_size=32, validation_split=0.2, verbose=0)


@healthy("digits-residual", "multi-class", "val_accuracy", 0.93)
def digits_residual(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.residual(64, 48, 3, 10)
    model.compile(optimizers.Adam(5e-4), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=20, batch_size=32, validation_split=0.2, verbose=0)


@healthy("digits-plateau-reducer", "multi-class", "val_accuracy", 0.93)
def digits_plateau_reducer(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10, l2=1e-3)
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    reduce = keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=4, min_lr=1e-5)
    return model.fit(x, y, epochs=40, batch_size=64, validation_split=0.2, callbacks=[reduce], verbose=0)


@healthy("digits-average-of-weights", "multi-class", "val_accuracy", 0.93)
def digits_average_of_weights(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.compile(optimizers.Adam(1e-3, use_ema=True, ema_momentum=0.9), SPARSE, metrics=["accuracy"])
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    return model.fit(x, y, epochs=25, batch_size=32, validation_split=0.2, callbacks=[swap], verbose=0)


@healthy("digits-cosine-similarity", "multi-class", "val_accuracy", 0.92)
def digits_cosine_similarity(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [48], 10)
    model.compile("adam", "cosine_similarity", metrics=["accuracy"])
    return model.fit(x, data.one_hot(y, 10), epochs=25, batch_size=32, validation_split=0.2, verbose=0)


@healthy("digits-two-outputs", "multi-class", "val_digit_accuracy", 0.92)
def digits_two_outputs(seed: int) -> Any:
    x, y = data.digits(seed)
    pixels = keras.Input((64,))
    hidden = layers.Dense(64, activation="relu")(pixels)
    digit = layers.Dense(10, activation="softmax", name="digit")(hidden)
    odd = layers.Dense(1, activation="sigmoid", name="odd")(hidden)
    model = keras.Model(pixels, {"digit": digit, "odd": odd})
    model.compile(
        "adam",
        {"digit": SPARSE, "odd": "binary_crossentropy"},
        metrics={"digit": ["accuracy"], "odd": ["accuracy"]},
    )
    return model.fit(x, {"digit": y, "odd": y % 2}, epochs=25, batch_size=32, validation_split=0.2, verbose=0)


@healthy("digits-two-inputs", "multi-class", "val_accuracy", 0.92)
def digits_two_inputs(seed: int) -> Any:
    x, y = data.digits(seed)
    upper, lower = keras.Input((32,), name="upper"), keras.Input((32,), name="lower")
    halves = [layers.Dense(32, activation="relu")(half) for half in (upper, lower)]
    model = keras.Model({"upper": upper, "lower": lower}, layers.Dense(10, "softmax")(layers.concatenate(halves)))
    model.compile("adam", SPARSE, metrics=["accuracy"])
    return model.fit({"upper": x[:, :32], "lower": x[:, 32:]}, y, epochs=30, validation_split=0.2, verbose=0)


@healthy("digits-resumed", "multi-class", "val_accuracy", 0.92)
def digits_resumed(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [64], 10)
    model.compile("adam", SPARSE, metrics=["accuracy"])
    model.fit(x[:1400], y[:1400], epochs=10, validation_data=(x[1400:], y[1400:]), verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.keras"
        model.save(path)
        model = keras.models.load_model(path)
    return model.fit(x[:1400], y[:1400], epochs=25, initial_epoch=10, validation_data=(x[1400:], y[1400:]), verbose=0)


@healthy("blobs-logits", "multi-class", "val_accuracy", 0.85)
def blobs_logits(seed: int) -> Any:
    x, y = data.rows(seed, 3000, classes=4)
    model = models.dense(20, [48, 24], 4, None, l2=1e-4)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model.fit(x, y, epochs=25, batch_size=32, validation_split=0.2, verbose=0)


# small data


@healthy("wines-dense", "small data", "val_accuracy", 0.9)
def wines_dense(seed: int) -> Any:
    x, y = data.wines(seed)
    model = models.dense(13, [16], 3, l2=1e-3)
    model.compile(optimizers.Adam(3e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=60, batch_size=16, validation_split=0.25, verbose=0)


@healthy("wines-sgd", "small data", "val_accuracy", 0.9)
def wines_sgd(seed: int) -> Any:
    x, y = data.wines(seed)
    model = models.dense(13, [], 3)
    model.compile(optimizers.SGD(0.05), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=60, batch_size=16, validation_split=0.25, verbose=0)


@healthy("irises-adam", "small data", "val_accuracy", 0.88)
def irises_adam(seed: int) -> Any:
    x, y = data.irises(seed)
    model = models.dense(4, [12], 3, activation="tanh", l2=1e-3)
    model.compile(optimizers.Adam(0.01), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=60, batch_size=16, validation_split=0.25, verbose=0)


@healthy("digits-400-noise", "small data", "val_accuracy", 0.88)
def digits_400_noise(seed: int) -> Any:
    x, y = data.digits(seed, 600)
    model = models.dense(64, [48], 10, first=[layers.GaussianNoise(0.15)], dropout=0.3)
    model.compile(optimizers.Adam(2e-3), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=50, batch_size=16, validation_split=0.3, verbose=0)


# slow starters


@healthy("slow-deep-sgd", "multi-class", "val_accuracy", 0.85)
def slow_deep_sgd(seed: int) -> Any:
    """Five narrow tanh layers and plain SGD: near one in ten at first."""
    x, y = data.digits(seed)
    model = models.dense(64, [32] * 5, 10, activation="relu")
    model.compile(optimizers.SGD(0.02), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=70, batch_size=32, validation_split=0.2, verbose=0)


@healthy("slow-sigmoid", "multi-class", "val_accuracy", 0.85)
def slow_sigmoid(seed: int) -> Any:
    x, y = data.digits(seed)
    model = models.dense(64, [32, 32], 10, activation="sigmoid")
    model.compile(optimizers.SGD(0.2, momentum=0.9), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=64, validation_split=0.2, verbose=0)


@healthy("slow-warm-up", "multi-class", "val_accuracy", 0.92)
def slow_warm_up(seed: int) -> Any:
    x, y = data.digits(seed)
    rate = optimizers.schedules.CosineDecay(0.0, 1350, warmup_target=3e-3, warmup_steps=225)
    model = models.dense(64, [64, 32], 10)
    model.compile(optimizers.Adam(rate), SPARSE, metrics=["accuracy"])
    return model.fit(x, y, epochs=30, batch_size=32, validation_split=0.2, verbose=0)


@healthy("slow-parity", "binary", "val_accuracy", 0.95)
def slow_parity(seed: int) -> Any:
    x, y = data.parity(seed)
    model = models.dense(8, [32], 1, "sigmoid")
    model.compile(optimizers.SGD(0.05, momentum=0.9), "binary_crossentropy", metrics=["accuracy"])
    return model.fit(x, y, epochs=40, batch_size=128, validation_split=0.2, verbose=0)


# several labels


@healthy("labels-dense", "multi-label", "val_auc", 0.9)
def labels_dense(seed: int) -> Any:
    x, y = data.labels_of_rows(seed, 2000)
    model = models.dense(20, [32], 5, "sigmoid", l2=1e-4)
    auc = keras.metrics.AUC(multi_label=True, name="auc")
    model.compile("adam", "binary_crossentropy", metrics=["binary_accuracy", auc])
    return model.fit(x, y, epochs=25, batch_size=32, validation_split=0.2, verbose=0)


@healthy("labels-f1", "multi-label", "val_f1", 0.8)
def labels_f1(seed: int) -> Any:
    x, y = data.labels_of_rows(seed, 2000, labels=4)
    model = models.dense(20, [24], 4, "sigmoid")
    f1 = keras.metrics.F1Score(average="macro", threshold=0.5, name="f1")
    model.compile(optimizers.AdamW(2e-3), "binary_crossentropy", metrics=[f1])
    return model.fit(x, y, epochs=25, batch_size=32, validation_split=0.2, verbose=0)


@healthy("digits-properties", "multi-label", "val_binary_accuracy", 0.92)
def digits_properties(seed: int) -> Any:
    x, y = data.digits(seed)
    properties = np.stack([y % 2, y > 4, np.isin(y, [0, 6, 8, 9])], axis=1).astype("float32")
    model = models.dense(64, [64], 3, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["binary_accuracy"])
    return model.fit(x, properties, epochs=30, batch_size=32, validation_split=0.2, verbose=0)


@healthy("labels-logits", "multi-label", "val_auc", 0.9)
def labels_logits(seed: int) -> Any:
    x, y = data.labels_of_rows(seed, 2000, labels=6)
    model = models.dense(20, [32], 6, None, dropout=0.1)
    auc = keras.metrics.AUC(multi_label=True, num_labels=6, from_logits=True, name="auc")
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=[auc])
    return model.fit(x, y, epochs=25, batch_size=32, validation_split=0.2, verbose=0)


# regression


@healthy("diabetes-mse", "regression", "val_loss", 0.72)
def diabetes_mse(seed: int) -> Any:
    x, y = data.diabetes(seed)
    model = models.dense(10, [16], 1, None, l2=1e-2)
    model.compile(optimizers.Adam(2e-3), "mse", metrics=["mae"])
    return model.fit(x, y, epochs=40, batch_size=32, validation_split=0.25, verbose=0)


@healthy("diabetes-early-stopping", "regression", "val_loss", 0.72)
def diabetes_early_stopping(seed: int) -> Any:
    x, y = data.diabetes(seed)
    model = models.dense(10, [32], 1, None, dropout=0.2)
    model.compile("adam", "mse", metrics=["mae"])
    stop = keras.callbacks.EarlyStopping(patience=8, restore_best_weights=True)
    return model.fit(x, y, epochs=80, batch_size=32, validation_split=0.25, callbacks=[stop], verbose=0)


@healthy("friedman-huber", "regression", "val_mae", 0.35)
def friedman_huber(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32, 16], 1, None)
    model.compile(optimizers.Adam(2e-3), "huber", metrics=["mae", keras.metrics.R2Score()])
    return model.fit(x, y[:, None], epochs=40, batch_size=32, validation_split=0.2, verbose=0)


@healthy("friedman-mae", "regression", "val_loss", 0.35)
def friedman_mae(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32, 16], 1, None, activation="swish")
    model.compile(optimizers.RMSprop(2e-3), "mae")
    return model.fit(x, y, epochs=30, batch_size=32, validation_split=0.2, verbose=0)


@healthy("friedman-sgd", "regression", "val_loss", 0.15)
def friedman_sgd(seed: int) -> Any:
    x, y = data.friedman(seed)
    model = models.dense(10, [32], 1, None)
    model.compile(optimizers.SGD(0.02, momentum=0.9), "mse", metrics=["mae"])
    return model.fit(x, y, epochs=40, batch_size=32, validation_split=0.2, verbose=0)


@healthy("friedman-two-targets", "regression", "val_loss", 0.15)
def friedman_two_targets(seed: int) -> Any:
    x, y = data.friedman(seed)
    both = np.stack([y, data.standardized(x[:, 0] * x[:, 1])], axis=1)
    model = models.dense(10, [48], 2, None)
    model.compile(optimizers.Adam(3e-3), "mse")
    return model.fit(x, both, epochs=40, batch_size=32, validation_split=0.2, verbose=0)


@healthy("counts-poisson", "regression", "val_loss", 0.5)
def counts_poisson(seed: int) -> Any:
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((2000, 6)).astype("float32")
    y = generator.poisson(np.exp(0.5 + 0.5 * x[:, 0] - 0.4 * x[:, 1])).astype("float32")
    model = models.dense(6, [16], 1, "exponential")
    model.compile("adam", "poisson")
    return model.fit(x, y, epochs=20, batch_size=32, validation_split=0.2, verbose=0)


@healthy("shares-sigmoid", "regression", "val_mae", 0.08)
def shares_sigmoid(seed: int) -> Any:
    """Targets within (0, 1) and a sigmoid that can reach them."""
    x, y = data.friedman(seed)
    share = 1 / (1 + np.exp(-y))
    model = models.dense(10, [32], 1, "sigmoid")
    model.compile(optimizers.Adam(3e-3), "mse", metrics=["mae"])
    return model.fit(x, share, epochs=30, batch_size=32, validation_split=0.2, verbose=0)


# autoencoders


@healthy("autoencoder-bce", "autoencoder", "val_loss", 0.32)
def autoencoder_bce(seed: int) -> Any:
    x, _ = data.digits(seed)
    model = models.dense(64, [48, 16, 48], 64, "sigmoid")
    model.compile(optimizers.Adam(2e-3), "binary_crossentropy")
    return model.fit(x, x, epochs=40, batch_size=64, validation_split=0.2, verbose=0)


@healthy("autoencoder-mse", "autoencoder", "val_loss", 0.04)
def autoencoder_mse(seed: int) -> Any:
    x, _ = data.digits(seed)
    model = models.dense(64, [16], 64, "sigmoid")
    model.compile(optimizers.Adam(5e-3), "mse", metrics=["mae"])
    return model.fit(x, x, epochs=50, batch_size=64, validation_split=0.2, verbose=0)


@healthy("autoencoder-of-tumours", "autoencoder", "val_loss", 0.5)
def autoencoder_of_tumours(seed: int) -> Any:
    x, _ = data.tumours(seed)
    model = models.dense(30, [16, 6, 16], 30, None, activation="tanh")
    model.compile(optimizers.Adam(3e-3), "mse")
    return model.fit(x, x, epochs=60, batch_size=32, validation_split=0.25, verbose=0)
