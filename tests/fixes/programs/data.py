"""Faults of the data."""

from __future__ import annotations

from tests.fixes.programs.base import (
    ACCURACY,
    BINARY,
    DIGITS,
    FRIEDMAN,
    HELD_OUT,
    IMPORTS,
    RAW_DIABETES,
    RAW_TUMOURS,
    RAW_WINES,
    REVIEWS,
    ROWS,
    SPARSE,
    SPLIT,
    TUMOURS,
    WAVE,
    compiled,
    dense,
    fit,
    notebook,
    stack,
)

notebook(
    "sorted digits",
    DIGITS + "\norder = np.argsort(y)\nx, y = x[order], y[order]",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "rows of another source behind",
    ROWS + "\ny[-200:] = 1",
    dense(20, [32], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit("epochs=6, validation_split=0.1"),
)
notebook(
    "growing sales",
    WAVE.replace("series = ", "series = time / 400 + ")
    + '\nimport pandas as pd\n\ndates = pd.date_range("2020-01-01", periods=len(x))\n'
    "x, y = pd.DataFrame(x, index=dates), pd.Series(y, index=dates)",
    dense(20, [16], 1, None, act="tanh"),
    compiled('"adam"', '"mse"'),
    fit("epochs=8, validation_split=0.25"),
)
notebook(
    "digits of 0 to 4080",
    DIGITS + "\nx = 4080 * x",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "raw tumours",
    RAW_TUMOURS,
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "an identifier among the columns",
    ROWS + "\nids = np.random.default_rng(0).integers(10_000, 99_999, (len(x), 1))\n"
    'x = np.concatenate([x, ids], axis=1).astype("float32")',
    dense(21, [32], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "features around a thousand",
    ROWS + "\nx = x + 1000",
    dense(20, [32], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "a normalization that was never adapted",
    RAW_WINES,
    stack(
        "Input((13,))",
        "layers.Normalization()",
        'layers.Dense(16, activation="relu")',
        'layers.Dense(3, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "raw progressions of diabetes",
    RAW_DIABETES,
    dense(10, [16], 1, None),
    compiled('"adam"', '"mse"', '"mae"'),
    fit(f"epochs=20, {SPLIT}"),
)
notebook(
    "prices around 4000",
    FRIEDMAN + "\ny = 4000 + 90 * y",
    dense(10, [32, 16], 1, None),
    compiled("keras.optimizers.Adam(0.01)", '"mse"', '"mae"'),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "targets of thousands under SGD",
    FRIEDMAN + "\ny = 3000 * y",
    dense(10, [32], 1, None),
    compiled("keras.optimizers.SGD(0.01)", '"mse"'),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "four rows with a gap",
    TUMOURS + "\nx[[3, 50, 120, 200], 2] = np.nan",
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=5, {SPLIT}"),
)
notebook(
    "gaps that nothing has met yet",
    TUMOURS + "\nx[[3, 50, 120, 200], 2] = np.nan",
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    f"%kdoctor check model.fit(x, y, epochs=5, {SPLIT}, verbose=0)",
)
notebook(
    "the logarithm of a count",
    ROWS + "\ncounts = np.random.default_rng(0).poisson(4.0, (len(x), 1))\n"
    'x = np.concatenate([x, np.log(counts)], axis=1).astype("float32")',
    dense(21, [32], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=4, {SPLIT}"),
)
notebook(
    "infinities that nothing has met yet",
    ROWS + "\ncounts = np.random.default_rng(0).poisson(4.0, (len(x), 1))\n"
    'x = np.concatenate([x, np.log(counts)], axis=1).astype("float32")',
    dense(21, [32], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    f"%kdoctor check model.fit(x, y, epochs=4, {SPLIT}, verbose=0)",
)
notebook(
    "a gap in the last rows",
    DIGITS + "\nx[1700, 2] = np.nan",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "a gap in the last rows, examined before",
    DIGITS + "\nx[1700, 2] = np.nan",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    f"%kdoctor check model.fit(x, y, epochs=6, {SPLIT}, verbose=0)",
)
notebook(
    "a gap in the validation data",
    DIGITS + "\nx_train, x_val, y_train, y_val = x[:1400], x[1400:], y[:1400], y[1400:]\nx_val[7, 2] = np.nan",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit("epochs=6, validation_data=(x_val, y_val)", "x_train", "y_train"),
)
BY_HAND = "\nx_train, x_val, y_train, y_val = x[:400], x[400:], y[:400], y[400:]"
notebook(
    "raw tumours, split by hand",
    RAW_TUMOURS + BY_HAND,
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=15, {HELD_OUT}", "x_train", "y_train"),
)
notebook(
    "prices, split by hand into a tuple",
    FRIEDMAN + "\ny = 4000 + 90 * y" + BY_HAND + "\nheld_out = (x_val, y_val)",
    dense(10, [32, 16], 1, None),
    compiled("keras.optimizers.Adam(0.01)", '"mse"', '"mae"'),
    fit("epochs=12, validation_data=held_out", "x_train", "y_train"),
)
notebook(
    "labels one and two, split by hand",
    TUMOURS + "\ny = y + 1" + BY_HAND,
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=12, {HELD_OUT}", "x_train", "y_train"),
)
notebook(
    "few defects",
    f"{IMPORTS}\nrng = np.random.default_rng(0)\ny = (rng.random(2000) < 0.08).astype(int)\n"
    'x = (rng.standard_normal((2000, 12)) + 0.15 * y[:, None]).astype("float32")',
    dense(12, [8], 1, "sigmoid"),
    compiled("keras.optimizers.Adam(0.005)", BINARY, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
PIPELINE = (
    "\nimport tensorflow as tf\n\norder = np.argsort(y[:1440])\n"
    "rows = tf.data.Dataset.from_tensor_slices((x[:1440][order], y[:1440][order]))"
)
notebook(
    "a buffer of forty",
    DIGITS + PIPELINE + "\ntrain = rows.shuffle(40).batch(32)",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    "%kdoctor fit model.fit(train, epochs=6, validation_data=(x[1440:], y[1440:]), verbose=0)",
)
notebook(
    "batches that are shuffled",
    DIGITS + PIPELINE + "\ntrain = rows.batch(32).shuffle(100)",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    "%kdoctor fit model.fit(train, epochs=6, validation_data=(x[1440:], y[1440:]), verbose=0)",
)
notebook(
    "a pipeline in order",
    DIGITS + PIPELINE + "\ntrain = rows.batch(32)",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    "%kdoctor fit model.fit(train, epochs=6, validation_data=(x[1440:], y[1440:]), verbose=0)",
)
notebook(
    "shuffle=False on sorted rows",
    DIGITS + "\norder = np.argsort(y[:1440])\nx_train, y_train = x[order], y[order]",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit("epochs=6, shuffle=False, validation_data=(x[1440:], y[1440:])", "x_train", "y_train"),
)
notebook(
    "four rows of a class validate",
    ROWS.replace("class_sep=1.5", "class_sep=1.5, weights=[0.965]") + "\nrare = np.flatnonzero(y[1800:])[4:] + 1800\n"
    "keep = np.setdiff1d(np.arange(2000), rare)\nx, y = x[keep], y[keep]",
    dense(20, [32], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit("epochs=10, validation_split=0.1"),
)
notebook(
    "one class fewer in the tail",
    ROWS + "\nrare = np.flatnonzero(y[1600:])[3:] + 1600\n"
    "keep = np.setdiff1d(np.arange(2000), rare)\nx, y = x[keep], y[keep]",
    dense(20, [32], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit("epochs=10, validation_split=0.1"),
)
notebook(
    "few sentences",
    REVIEWS + "\nx, y = x[:300], y[:300]",
    stack(
        "Input((20,))",
        "layers.Embedding(200, 32)",
        "layers.GlobalAveragePooling1D()",
        'layers.Dense(32, activation="relu")',
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled("keras.optimizers.Adam(0.01)", BINARY, ACCURACY),
    fit("epochs=30, validation_split=0.4"),
)

notebook(
    "rows that stand twice",
    DIGITS + "\norder = np.random.default_rng(1).permutation(np.r_[0:1797, 0:600])\nx, y = x[order], y[order]",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "rare rows, repeated before the split",
    ROWS.replace("class_sep=1.5", "class_sep=1.5, weights=[0.9]") + "\nrare = np.flatnonzero(y == 1)\n"
    "order = np.random.default_rng(1).permutation(np.r_[0:2000, np.repeat(rare, 7)])\nx, y = x[order], y[order]",
    dense(20, [32], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "shuffled windows",
    WAVE + "\norder = rng.permutation(len(x))\nx, y = x[order], y[order]",
    dense(20, [24], 1, None),
    compiled('"adam"', '"mse"'),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "rows of a year with more defects behind",
    ROWS + "\ntail = np.r_[np.flatnonzero(y == 1)[:160], np.flatnonzero(y == 0)[:40]]\n"
    "rows = np.random.default_rng(1)\n"
    "order = np.r_[rows.permutation(np.setdiff1d(np.arange(2000), tail)), rows.permutation(tail)]\n"
    "x, y = x[order], y[order]",
    dense(20, [32], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit("epochs=10, validation_split=0.1"),
)
notebook(
    "twenty rows validate",
    TUMOURS,
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit("epochs=12, validation_split=0.05"),
)
notebook(
    "a validation part that was not divided",
    f"{IMPORTS}from sklearn.datasets import load_digits\nfrom sklearn.model_selection import train_test_split\n\n"
    "x, y = load_digits(return_X_y=True)\n"
    "x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.2, random_state=0)\n"
    "x_train = x_train / 16",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=8, {HELD_OUT}", "x_train", "y_train"),
)
notebook(
    "a validation part of bytes",
    f"{IMPORTS}from sklearn.datasets import load_digits\nfrom sklearn.model_selection import train_test_split\n\n"
    'x, y = load_digits(return_X_y=True)\nx = (15 * x).astype("uint8")\n'
    "x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.2, random_state=0)\n"
    'x_train = x_train.astype("float32") / 255',
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=8, {HELD_OUT}", "x_train", "y_train"),
)
notebook(
    "columns in another order",
    f"{IMPORTS}from sklearn.datasets import load_breast_cancer\n\n"
    "x, y = load_breast_cancer(return_X_y=True, as_frame=True)\n"
    "x = x.sample(frac=1, random_state=0)\ny = y[x.index]\n"
    "x_train, y_train, x_val, y_val = x[:400], y[:400], x[400:], y[400:]\n"
    "x_val = x_val[sorted(x_val.columns)]",
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=12, {HELD_OUT}", "x_train", "y_train"),
)
DRAWN = "\nx_train, x_val, y_train, y_val = x[:1440], x[1440:], y[:1440], y[1440:]"
GENERATOR = """

def batches(x, y, size=32):
    rng = np.random.default_rng(0)
    while True:
        rows = rng.integers(0, len(x), size)
        yield x[rows], y[rows]"""
notebook(
    "a validation by an endless generator",
    DIGITS + DRAWN + "\n" + GENERATOR,
    dense(64, [32], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    "%kdoctor fit model.fit(batches(x_train, y_train), steps_per_epoch=45, epochs=6, "
    "validation_data=batches(x_val, y_val), validation_steps=8, verbose=0)",
)
notebook(
    "a part of a shuffled validation",
    DIGITS + DRAWN + "\nimport tensorflow as tf\n\n"
    "train = tf.data.Dataset.from_tensor_slices((x_train, y_train)).shuffle(1440).batch(32)\n"
    "validation = tf.data.Dataset.from_tensor_slices((x_val, y_val)).shuffle(357).batch(32)",
    dense(64, [32], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    "%kdoctor fit model.fit(train, epochs=6, validation_data=validation, validation_steps=5, verbose=0)",
)
notebook(
    "a generator that ends",
    DIGITS
    + DRAWN
    + """

def batches():
    for start in range(0, 1440, 32):
        yield x_train[start : start + 32], y_train[start : start + 32]""",
    dense(64, [32], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    "%kdoctor fit model.fit(batches(), steps_per_epoch=45, epochs=4, validation_data=(x_val, y_val), verbose=0)",
)
ROWS_DRAWN = (
    DIGITS + DRAWN + "\nimport tensorflow as tf\n\nrows = tf.data.Dataset.from_tensor_slices((x_train, y_train))"
)
notebook(
    "more steps than a pipeline holds",
    ROWS_DRAWN + "\ntrain = rows.shuffle(1440).batch(32)",
    dense(64, [32], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    "%kdoctor fit model.fit(train, steps_per_epoch=100, epochs=4, validation_data=(x_val, y_val), verbose=0)",
)
notebook(
    "shuffled once",
    ROWS_DRAWN + "\ntrain = rows.shuffle(1440, reshuffle_each_iteration=False).batch(32)",
    dense(64, [32], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    "%kdoctor fit model.fit(train, epochs=6, validation_data=(x_val, y_val), verbose=0)",
)
notebook(
    "a cache behind the shuffle",
    ROWS_DRAWN + "\ntrain = rows.shuffle(1440).batch(32).cache()",
    dense(64, [32], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    "%kdoctor fit model.fit(train, epochs=6, validation_data=(x_val, y_val), verbose=0)",
)
