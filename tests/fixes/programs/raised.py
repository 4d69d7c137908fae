"""Calls of which `fit` raises."""

from __future__ import annotations

from tests.fixes.programs.base import (
    ACCURACY,
    BINARY,
    DIGITS,
    FRIEDMAN,
    IMAGES,
    REVIEWS,
    SPARSE,
    SPLIT,
    TUMOURS,
    WINES,
    compiled,
    dense,
    fit,
    notebook,
    stack,
)

notebook(
    "integer labels under categorical cross-entropy",
    DIGITS,
    dense(64, [64], 10),
    compiled('"adam"', '"categorical_crossentropy"', ACCURACY),
    fit(f"epochs=4, {SPLIT}"),
)
notebook(
    "one-hot rows under sparse cross-entropy",
    DIGITS + "\nlabels = keras.utils.to_categorical(y)",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=4, {SPLIT}", y="labels"),
)
notebook(
    "a vocabulary one short",
    REVIEWS,
    stack(
        "Input((20,))",
        "layers.Embedding(int(x.max()), 8)",
        "layers.GlobalAveragePooling1D()",
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=4, {SPLIT}"),
)
notebook(
    "lists of numbers",
    TUMOURS + "\nrows, labels = x.tolist(), y.tolist()",
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit("epochs=6", "rows", "labels"),
)
notebook(
    "numbers as objects",
    TUMOURS + "\nx = x.astype(object)",
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "more rows at once than memory holds",
    DIGITS,
    """# a table of every row with every other, once a thousand of them meet
class Compared(keras.layers.Layer):
    def call(self, x):
        copies = 1 + 50_000_000 * (keras.ops.shape(x)[0] // 512) ** 2
        return x + 0 * keras.ops.mean(keras.ops.tile(x, (1, copies)), axis=1, keepdims=True)""",
    """model = keras.Sequential([
    keras.Input((64,)),
    Compared(),
    keras.layers.Dense(32, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])""",
    compiled('"adam"', SPARSE, ACCURACY),
    fit("epochs=2, batch_size=1024"),
)

notebook(
    "images where rows are expected",
    DIGITS + "\nx = x.reshape(-1, 8, 8)",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=4, {SPLIT}"),
)
notebook(
    "names of classes",
    WINES + '\nnames = np.array(["barolo", "grignolino", "barbera"])[y]',
    dense(13, [16], 3),
    compiled("keras.optimizers.Adam(0.01)", SPARSE, ACCURACY),
    fit(f"epochs=12, {SPLIT}", y="names"),
)
notebook(
    "no loss",
    DIGITS,
    dense(64, [64], 10),
    'model.compile(optimizer="adam", metrics=["accuracy"])',
    fit(f"epochs=4, {SPLIT}"),
)
notebook(
    "an autoencoder without targets",
    DIGITS,
    dense(64, [16], 64, "sigmoid"),
    compiled('"adam"', BINARY),
    f"history = %kdoctor fit model.fit(x, epochs=6, {SPLIT}, verbose=0)",
)
notebook(
    "no Flatten",
    IMAGES,
    stack(
        "Input((8, 8, 1))",
        'layers.Conv2D(8, 3, activation="relu")',
        "layers.MaxPooling2D()",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "two units for three amounts",
    FRIEDMAN + "\ny = np.stack([y, y**2, np.abs(y)], axis=1)",
    dense(10, [32], 2, None),
    compiled('"adam"', '"mse"'),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "sentences of different lengths",
    REVIEWS + "\nsentences = [row[: rng.integers(8, 21)].tolist() for row in x]",
    stack(
        "Input((20,))",
        "layers.Embedding(200, 8)",
        "layers.GlobalAveragePooling1D()",
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled('"adam"', BINARY, ACCURACY),
    fit("epochs=4", "sentences", "y"),
)
notebook(
    "stopping by an old name",
    DIGITS,
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    'stop = keras.callbacks.EarlyStopping("val_acc", patience=3, restore_best_weights=True)',
    fit(f"epochs=6, {SPLIT}, callbacks=[stop]"),
)
