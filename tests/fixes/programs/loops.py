"""Several fits, and pipelines that do not end."""

from __future__ import annotations

from tests.fixes.programs.base import (
    ACCURACY,
    BINARY,
    DIGITS,
    HELD_OUT,
    SPARSE,
    SPLIT,
    TUMOURS,
    WINES,
    compiled,
    dense,
    notebook,
    stack,
)

RUN_TWICE = f"%kdoctor fit model.fit(x, y, epochs=8, {SPLIT}, verbose=0)"
notebook(
    "the cell was run again",
    TUMOURS,
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    RUN_TWICE,
    RUN_TWICE,
)
notebook(
    "folds that share one model",
    WINES,
    dense(13, [16], 3),
    compiled("keras.optimizers.Adam(0.003)", SPARSE, ACCURACY),
    "held = np.arange(len(x)) % 3 == 0\nmodel.fit(x[~held], y[~held], epochs=8, verbose=0)",
    "held = np.arange(len(x)) % 3 == 1\n"
    "%kdoctor fit model.fit(x[~held], y[~held], epochs=8, validation_data=(x[held], y[held]), verbose=0)",
)
notebook(
    "compiled between two fits",
    DIGITS,
    dense(64, [48], 10),
    compiled("keras.optimizers.SGD(0.05, momentum=0.95)", SPARSE, ACCURACY),
    f"%kdoctor fit model.fit(x, y, epochs=6, {SPLIT}, verbose=0)",
    compiled("keras.optimizers.SGD(0.05, momentum=0.95)", SPARSE, ACCURACY),
    f"%kdoctor fit model.fit(x, y, epochs=12, initial_epoch=6, {SPLIT}, verbose=0)",
)
notebook(
    "weights from a file",
    DIGITS,
    dense(64, [48], 10),
    compiled("keras.optimizers.Adam(0.003)", SPARSE, ACCURACY),
    f"%kdoctor fit model.fit(x, y, epochs=6, {SPLIT}, verbose=0)\n"
    'keras.Model(model.inputs, model.outputs).save_weights("digits.weights.h5")',
    dense(64, [48], 10),
    compiled("keras.optimizers.Adam(0.003)", SPARSE, ACCURACY),
    'keras.Model(model.inputs, model.outputs).load_weights("digits.weights.h5")',
    f"%kdoctor fit model.fit(x, y, epochs=12, initial_epoch=6, {SPLIT}, verbose=0)",
)
notebook(
    "a pipeline without an end",
    DIGITS + "\nimport tensorflow as tf\n\nrows = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(1797)",
    dense(64, [32], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    "train = rows.repeat().batch(32)",
    "%kdoctor check model.fit(train, epochs=3, verbose=0)",
)
notebook(
    "a validation without an end",
    DIGITS + "\nimport tensorflow as tf\n\nrows = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(1797)",
    dense(64, [32], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    "train, validation = rows.batch(32), rows.repeat().batch(64)",
    "%kdoctor check model.fit(train, epochs=3, validation_data=validation, verbose=0)",
)

DRAW_ANEW = "x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.2, random_state={seed})"
TRAIN_ON = f"%kdoctor fit model.fit(x_train, y_train, epochs=8, {HELD_OUT}, verbose=0)"
notebook(
    "split anew for the same model",
    TUMOURS + "\nfrom sklearn.model_selection import train_test_split",
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    f"{DRAW_ANEW.format(seed=1)}\n{TRAIN_ON}",
    f"{DRAW_ANEW.format(seed=2)}\n{TRAIN_ON}",
)


def learned_by_heart(arguments: str = f"epochs=6, {SPLIT}") -> str:
    """The cell that asks whether a few rows can be learned by heart."""
    return f"%kdoctor check --overfit model.fit(x, y, {arguments}, verbose=0)"


notebook(
    "a batch under a rate of 10",
    DIGITS,
    dense(64, [64], 10),
    compiled("keras.optimizers.SGD(10.0)", SPARSE, ACCURACY),
    learned_by_heart(),
)
notebook(
    "a batch under a tiny rate",
    DIGITS,
    dense(64, [64], 10),
    compiled("keras.optimizers.SGD(1e-5)", SPARSE, ACCURACY),
    learned_by_heart(),
)
notebook(
    "a batch under strong dropout",
    DIGITS,
    stack(
        "Input((64,))",
        'layers.Dense(32, activation="relu")',
        "layers.Dropout(0.95)",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    learned_by_heart(),
)
notebook(
    "a batch under heavy dropout",
    DIGITS,
    stack(
        "Input((64,))",
        "layers.Dropout(0.9)",
        'layers.Dense(32, activation="relu")',
        "layers.Dropout(0.97)",
        'layers.Dense(32, activation="relu")',
        "layers.Dropout(0.97)",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    learned_by_heart(),
)
notebook(
    "a batch under a large L2",
    DIGITS,
    dense(64, [64], 10, "softmax", "kernel_regularizer=keras.regularizers.L2(2.0)").replace(
        'Dense(10, activation="softmax")',
        'Dense(10, activation="softmax", kernel_regularizer=keras.regularizers.L2(2.0))',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    learned_by_heart(),
)
notebook(
    "a batch through dead units",
    DIGITS,
    stack(
        "Input((64,))",
        'layers.Dense(32, activation="relu", bias_initializer=keras.initializers.Constant(-6.0))',
        'layers.Dense(10, activation="softmax", use_bias=False)',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    learned_by_heart(),
)
notebook(
    "a batch and frozen layers",
    DIGITS,
    dense(64, [64], 10),
    "model.trainable = False\n" + compiled('"adam"', SPARSE, ACCURACY),
    learned_by_heart(),
)
notebook(
    "a batch of large inputs",
    DIGITS + "\nx = 4080 * x",
    dense(64, [64], 10),
    compiled("keras.optimizers.SGD(0.1)", SPARSE, ACCURACY),
    learned_by_heart(),
)
notebook(
    "a batch of linear outputs",
    DIGITS,
    dense(64, [64], 10, None),
    compiled('"adam"', SPARSE, ACCURACY),
    learned_by_heart(),
)
notebook(
    "a start from large kernels",
    DIGITS,
    dense(64, [64], 10, "softmax", "kernel_initializer=keras.initializers.RandomNormal(stddev=2.0)"),
    compiled('"adam"', SPARSE, ACCURACY),
    learned_by_heart(),
)
