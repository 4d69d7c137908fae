"""Faults that stand in the code: targets, last layer, loss and metric."""

from __future__ import annotations

from tests.fixes.programs.base import (
    ACCURACY,
    BINARY,
    DIGITS,
    FRIEDMAN,
    LABELS,
    MOONS,
    ROWS,
    SHAPES,
    SPARSE,
    SPLIT,
    TUMOURS,
    WAVE,
    WINES,
    compiled,
    dense,
    fit,
    notebook,
    stack,
)

notebook(
    "accuracy of a regression",
    FRIEDMAN,
    dense(10, [32], 1, None),
    compiled('"adam"', '"mse"', ACCURACY),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "accuracy of five labels",
    LABELS,
    dense(20, [32], 5, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "accuracy of twenty rare labels",
    LABELS.replace("(20, 5)", "(20, 20)").replace("0.7", "0.95"),
    dense(20, [48], 20, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "brightness of images in [0, 1]",
    SHAPES + "\nx = np.clip((x + 0.5) / 2, 0, 1)",
    stack(
        "Input((16, 16, 1))",
        "layers.RandomBrightness(0.2)",
        'layers.Conv2D(8, 3, activation="relu")',
        "layers.MaxPooling2D()",
        "layers.Flatten()",
        'layers.Dense(3, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=5, {SPLIT}"),
)
notebook(
    "rescaling before brightness",
    SHAPES + "\nx = 255 * np.clip((x + 0.5) / 2, 0, 1)",
    stack(
        "Input((16, 16, 1))",
        "layers.Rescaling(1 / 255)",
        "layers.RandomBrightness(0.2)",
        'layers.Conv2D(8, 3, activation="relu")',
        "layers.MaxPooling2D()",
        "layers.Flatten()",
        'layers.Dense(3, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=5, {SPLIT}"),
)
notebook(
    "a value range of one for bytes",
    SHAPES + "\nx = 255 * np.clip((x + 0.5) / 2, 0, 1)",
    stack(
        "Input((16, 16, 1))",
        "layers.RandomBrightness(0.2, value_range=(0, 1))",
        "layers.Rescaling(1 / 255)",
        'layers.Conv2D(8, 3, activation="relu")',
        "layers.MaxPooling2D()",
        "layers.Flatten()",
        'layers.Dense(3, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=5, {SPLIT}"),
)
notebook(
    "relu on targets below zero",
    WAVE,
    dense(20, [24], 1, "relu"),
    compiled('"adam"', '"mse"'),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "sigmoid on targets beyond one",
    FRIEDMAN,
    dense(10, [32], 1, "sigmoid"),
    compiled('"adam"', '"mse"', '"mae"'),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "tanh on targets beyond one",
    FRIEDMAN,
    dense(10, [32], 1, "tanh"),
    compiled('"adam"', '"mae"'),
    fit(f"epochs=8, {SPLIT}", y="2 * y"),
)
notebook(
    "a loss class of one's own",
    FRIEDMAN,
    "class SquaredError(keras.losses.Loss):\n    def call(self, y_true, y_pred):\n"
    "        return keras.ops.square(y_true - y_pred)",
    dense(10, [32], 1, None),
    compiled('"adam"', "SquaredError()", '"mae"'),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "labels beyond the outputs",
    DIGITS,
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=4, {SPLIT}", y="y + 1"),
)
notebook(
    "fewer outputs than classes",
    DIGITS,
    dense(64, [64], 8),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=4, {SPLIT}"),
)
notebook(
    "masked labels",
    DIGITS + "\ny[::9] = -1",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=4, {SPLIT}"),
)
notebook(
    "labels one and two",
    TUMOURS,
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=12, {SPLIT}", y="y + 1"),
)
notebook(
    "labels one and two for one epoch",
    TUMOURS + "\ny = y + 1",
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=1, {SPLIT}"),
)
notebook(
    "labels plus and minus one",
    MOONS + "\ny = 2 * y - 1",
    dense(2, [16], 1, "sigmoid"),
    compiled("keras.optimizers.Adam(0.01)", BINARY, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "labels plus and minus one, slow",
    MOONS + "\ny = 2 * y - 1",
    dense(2, [16], 1, "sigmoid"),
    compiled("keras.optimizers.Adam(0.0005)", BINARY, ACCURACY),
    fit(f"epochs=2, {SPLIT}"),
)
notebook(
    "masks of 0 to 255",
    DIGITS + "\ny = 255 * (x > 0.5)",
    dense(64, [32], 64, "sigmoid"),
    compiled('"adam"', BINARY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "masks of 0 to 255, one slow epoch",
    DIGITS + "\ny = 255 * (x > 0.5)",
    dense(64, [32], 64, "sigmoid"),
    compiled("keras.optimizers.Adam(1e-6)", BINARY),
    fit(f"epochs=1, {SPLIT}"),
)
notebook(
    "an autoencoder of 0 to 16",
    DIGITS + "\nx = 16 * x",
    dense(64, [16], 64, "sigmoid"),
    compiled('"adam"', BINARY),
    fit(f"epochs=6, {SPLIT}", y="x"),
)
notebook(
    "no activation under probabilities",
    TUMOURS,
    dense(30, [16], 1, None),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "ten linear outputs under probabilities",
    DIGITS,
    dense(64, [32], 10, None),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "relu under a cross-entropy",
    TUMOURS,
    dense(30, [16], 1, "relu"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "softmax over one unit",
    TUMOURS,
    dense(30, [16], 1, "softmax"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "categorical cross-entropy on one unit",
    TUMOURS + '\ny = y[:, None].astype("float32")',
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', '"categorical_crossentropy"', ACCURACY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "softmax and from_logits",
    DIGITS,
    dense(64, [64], 10),
    compiled('"adam"', "keras.losses.SparseCategoricalCrossentropy(from_logits=True)", ACCURACY),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "sigmoid for exclusive classes",
    WINES,
    dense(13, [16], 3, "sigmoid"),
    compiled("keras.optimizers.Adam(0.003)", SPARSE, ACCURACY),
    fit("epochs=25, batch_size=16, validation_split=0.25"),
)
notebook(
    "softmax for several labels",
    LABELS.replace("0.7", "0.5"),
    dense(20, [24], 5),
    compiled('"adam"', BINARY, '"binary_accuracy"'),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "accuracy of logits",
    ROWS,
    dense(20, [32], 1, None),
    compiled('"adam"', "keras.losses.BinaryCrossentropy(from_logits=True)", ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "precision of logits",
    ROWS,
    dense(20, [32], 1, None),
    compiled('"adam"', "keras.losses.BinaryCrossentropy(from_logits=True)", "keras.metrics.Precision()"),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "area under the curve of logits",
    ROWS,
    dense(20, [32], 1, None),
    compiled('"adam"', "keras.losses.BinaryCrossentropy(from_logits=True)", "keras.metrics.AUC()"),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "logits far from zero as probabilities",
    DIGITS + "\nx = 16 * x",
    dense(64, [64], 10, None, 'kernel_initializer="he_normal"'),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=5, {SPLIT}"),
)

notebook(
    "digits as amounts",
    DIGITS,
    dense(64, [32], 1, None),
    compiled('"adam"', '"mse"', ACCURACY),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "binary accuracy of rare labels",
    LABELS.replace("(20, 5)", "(20, 20)").replace("0.7", "0.95"),
    dense(20, [48], 20, "sigmoid"),
    compiled('"adam"', BINARY, '"binary_accuracy"'),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "labels with gaps",
    DIGITS + "\ny = 3 * y",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=4, {SPLIT}"),
)
notebook(
    "three classes for one unit, one slow epoch",
    WINES,
    dense(13, [16], 1, "sigmoid"),
    compiled("keras.optimizers.Adam(1e-6)", BINARY, ACCURACY),
    fit(f"epochs=1, {SPLIT}"),
)
notebook(
    "softmax behind softmax",
    DIGITS,
    stack(
        "Input((64,))",
        'layers.Dense(64, activation="relu")',
        'layers.Dense(10, activation="softmax")',
        "layers.Softmax()",
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "several ones under categorical cross-entropy",
    LABELS,
    dense(20, [24], 5, "sigmoid"),
    compiled('"adam"', '"categorical_crossentropy"'),
    fit(f"epochs=10, {SPLIT}"),
)
VOTES = (
    "\nlabels = keras.utils.to_categorical(y)\nchance = 0.7 * labels + 0.3 * np.roll(labels, 1, axis=1)\n"
    "votes = np.stack([np.random.default_rng(row).multinomial(5, p) for row, p in enumerate(chance.astype(float))])"
)
notebook(
    "votes of five people",
    DIGITS + VOTES,
    dense(64, [32], 10),
    compiled('"adam"', '"categorical_crossentropy"'),
    fit(f"epochs=8, {SPLIT}", y="votes"),
)
notebook(
    "a divergence of halved shares",
    DIGITS + VOTES.replace("votes = ", "votes = 0.1 * "),
    dense(64, [32], 10),
    compiled('"adam"', '"kl_divergence"'),
    fit(f"epochs=12, {SPLIT}", y="votes"),
)
notebook(
    "a divergence of sigmoids",
    DIGITS + VOTES.replace("votes = ", "votes = 0.2 * "),
    dense(64, [32], 10, "sigmoid"),
    compiled('"adam"', '"kl_divergence"'),
    fit(f"epochs=12, {SPLIT}", y="votes"),
)
