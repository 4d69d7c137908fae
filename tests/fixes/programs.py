"""Notebooks with a fault, as the text of their cells: between them they are offered every prescription."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Notebook:
    """Cells as a user writes them; the last one calls `fit` (or examines the call) and shows the fault."""

    name: str
    cells: tuple[str, ...]

    @property
    def command(self) -> str:
        """What examines the call: a rule that needs `check --overfit` is asked by it again after the treatment."""
        return "check --overfit" if "%kdoctor check --overfit" in self.cells[-1] else "fit"


NOTEBOOKS: dict[str, Notebook] = {}


def notebook(name: str, *cells: str) -> None:
    """Registers a notebook."""
    if name in NOTEBOOKS:
        raise ValueError(f"two notebooks are called {name!r}")
    NOTEBOOKS[name] = Notebook(name, cells)


def dense(
    inputs: int, hidden: Sequence[int], outputs: int, last: str | None = "softmax", more: str = "", act: str = "relu"
) -> str:
    """The cell of a Sequential model; `more` are further arguments of every hidden layer."""
    layers = [f'    keras.layers.Dense({units}, activation="{act}"{more and f", {more}"}),' for units in hidden]
    output = f"    keras.layers.Dense({outputs}{'' if last is None else f', activation={last!r}'}),".replace("'", '"')
    return "\n".join(["model = keras.Sequential([", f"    keras.Input(({inputs},)),", *layers, output, "])"])


def stack(*layers: str) -> str:
    """The cell of a Sequential model of the given layers."""
    return "\n".join(["model = keras.Sequential([", *(f"    keras.{layer}," for layer in layers), "])"])


def compiled(optimizer: str, loss: str, metrics: str = "") -> str:
    """The `compile` line; `optimizer` is a name in quotes or written with `keras`."""
    return f"model.compile(optimizer={optimizer}, loss={loss}{metrics and f', metrics=[{metrics}]'})"


IMPORTS = "import keras\nimport numpy as np\n"
SPARSE = '"sparse_categorical_crossentropy"'
BINARY = '"binary_crossentropy"'
ACCURACY = '"accuracy"'


def _set(name: str, scaling: str) -> str:
    return (
        f"{IMPORTS}from sklearn.datasets import load_{name}\n\n"
        f"x, y = load_{name}(return_X_y=True)\n"
        f"order = np.random.default_rng(0).permutation(len(x))\n"
        f'x, y = {scaling}[order].astype("float32"), y[order]'
    )


DIGITS = _set("digits", "(x / 16)")
IMAGES = DIGITS + "\nx = x.reshape(-1, 8, 8, 1)"
TUMOURS = _set("breast_cancer", "((x - x.mean(0)) / x.std(0))")
RAW_TUMOURS = _set("breast_cancer", "x")
WINES = _set("wine", "((x - x.mean(0)) / x.std(0))")
RAW_WINES = _set("wine", "x")
DIABETES = _set("diabetes", "(20 * x)") + '\ny = ((y - y.mean()) / y.std()).astype("float32")'
RAW_DIABETES = _set("diabetes", "(20 * x)") + '\ny = y.astype("float32")'
FRIEDMAN = (
    f"{IMPORTS}from sklearn.datasets import make_friedman1\n\n"
    "x, y = make_friedman1(2000, noise=0.5, random_state=0)\n"
    'x, y = (2 * x - 1).astype("float32"), ((y - y.mean()) / y.std()).astype("float32")'
)
ROWS = (
    f"{IMPORTS}from sklearn.datasets import make_classification\n\n"
    "x, y = make_classification(2000, 20, n_informative=8, class_sep=1.5, random_state=0)\n"
    'x = ((x - x.mean(0)) / x.std(0)).astype("float32")'
)
OVERLAPPING = (
    f"{IMPORTS}\nrng = np.random.default_rng(0)\ny = rng.integers(0, 2, 700)\n"
    "x = rng.standard_normal((700, 20)) + 0.35 * (2 * y[:, None] - 1) * (np.arange(20) < 6)\n"
    'x = x.astype("float32")'
)
SHAPES = f"""{IMPORTS}
rng = np.random.default_rng(0)
y = rng.integers(0, 3, 900)
x = 0.3 * rng.standard_normal((900, 16, 16, 1)).astype("float32")
for image, kind in zip(x, y):
    top, left, size = rng.integers(0, 8), rng.integers(0, 8), rng.integers(6, 9)
    part = image[top : top + size, left : left + size, 0]
    if kind == 0:
        part += 1
    elif kind == 1:
        part[[0, -1]] += 1
        part[1:-1, [0, -1]] += 1
    else:
        part[size // 2] += 1
        part[:, size // 2] += 1"""
REVIEWS = f"""{IMPORTS}
rng = np.random.default_rng(0)
y = rng.integers(0, 2, 1200)
words = rng.integers(40, 200, (1200, 20))
own = np.where(rng.random((1200, 20)) < 0.8, y[:, None], 1 - y[:, None])
x = np.where(rng.random((1200, 20)) < 0.3, 1 + 19 * own + rng.integers(0, 19, (1200, 20)), words)"""
LABELS = (
    f"{IMPORTS}\nrng = np.random.default_rng(0)\n"
    'x = rng.standard_normal((1500, 20)).astype("float32")\n'
    "scores = x @ rng.standard_normal((20, 5))\n"
    'y = (scores > np.quantile(scores, 0.7, axis=0)).astype("float32")'
)
WAVE = (
    f"{IMPORTS}\nrng = np.random.default_rng(0)\ntime = np.arange(1200)\n"
    "series = np.sin(time / 9) + 0.5 * np.sin(time / 4) + 0.1 * rng.standard_normal(1200)\n"
    "windows = np.lib.stride_tricks.sliding_window_view(series, 21)\n"
    'x, y = windows[:, :20].astype("float32"), windows[:, 20].astype("float32")'
)
MOONS = (
    f"{IMPORTS}from sklearn.datasets import make_moons\n\n"
    'x, y = make_moons(1500, noise=0.15, random_state=0)\nx = x.astype("float32")'
)
CIRCLES = (
    f"{IMPORTS}from sklearn.datasets import make_circles\n\n"
    'x, y = make_circles(1500, noise=0.08, factor=0.5, random_state=0)\nx = x.astype("float32")'
)


def fit(arguments: str, x: str = "x", y: str = "y") -> str:
    """The cell that trains."""
    return f"history = %kdoctor fit model.fit({x}, {y}, {arguments}, verbose=0)"


SPLIT = "validation_split=0.2"

# what stands in the code: targets, last layer, loss and metric ------------------------------------------------------

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

# what fit raises ----------------------------------------------------------------------------------------------------

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

# data ---------------------------------------------------------------------------------------------------------------

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
HELD_OUT = "validation_data=(x_val, y_val)"
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

# the curves ---------------------------------------------------------------------------------------------------------

notebook(
    "overlapping rows",
    OVERLAPPING,
    dense(20, [128, 128], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    fit("epochs=40, validation_split=0.3"),
)
notebook(
    "noisy digits",
    DIGITS + "\nx, y = x[:500] + 0.35 * np.random.default_rng(0).standard_normal((500, 64)), y[:500]",
    dense(64, [256, 256], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit("epochs=40, validation_split=0.4"),
)
notebook(
    "diabetes, learned by heart",
    DIABETES,
    dense(10, [128, 128], 1, None),
    compiled("keras.optimizers.Adam(0.003)", '"mse"', '"mae"'),
    fit("epochs=50, validation_split=0.25"),
)
notebook(
    "sentences, learned by heart",
    REVIEWS + "\nx, y = x[:500], y[:500]",
    stack(
        "Input((20,))",
        "layers.Embedding(200, 32)",
        "layers.Flatten()",
        'layers.Dense(64, activation="relu")',
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled('"adam"', BINARY, ACCURACY),
    fit("epochs=25, validation_split=0.3"),
)
notebook(
    "shapes, learned by heart",
    SHAPES + '\nx = x + 0.7 * rng.standard_normal(x.shape).astype("float32")',
    stack(
        "Input((16, 16, 1))",
        'layers.Conv2D(16, 3, activation="relu")',
        "layers.Flatten()",
        'layers.Dense(64, activation="relu")',
        'layers.Dense(3, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit("epochs=20, validation_split=0.3"),
)
notebook(
    "over-confident about sentences",
    REVIEWS,
    stack(
        "Input((20,))",
        "layers.Embedding(200, 32)",
        "layers.GlobalAveragePooling1D()",
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled("keras.optimizers.Adam(0.03)", BINARY, ACCURACY),
    fit("epochs=40, validation_split=0.3"),
)
notebook(
    "a checkpoint by the loss",
    REVIEWS,
    stack(
        "Input((20,))",
        "layers.Embedding(200, 32)",
        "layers.GlobalAveragePooling1D()",
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled("keras.optimizers.Adam(0.03)", BINARY, ACCURACY),
    'save = keras.callbacks.ModelCheckpoint("sentences.keras", save_best_only=True)',
    fit("epochs=40, validation_split=0.3, callbacks=[save]"),
)
notebook(
    "a line through circles",
    CIRCLES,
    dense(2, [1], 1, "sigmoid"),
    compiled("keras.optimizers.Adam(0.01)", BINARY, ACCURACY),
    fit(f"epochs=25, {SPLIT}"),
)
notebook(
    "one unit for ten digits",
    DIGITS,
    dense(64, [1], 10, act="tanh"),
    compiled("keras.optimizers.Adam(0.005)", SPARSE, ACCURACY),
    fit(f"epochs=30, {SPLIT}"),
)
notebook(
    "nine of ten units dropped",
    DIGITS,
    stack(
        "Input((64,))",
        'layers.Dense(64, activation="relu")',
        "layers.Dropout(0.9)",
        'layers.Dense(64, activation="relu")',
        "layers.Dropout(0.9)",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "circles with strong dropout",
    CIRCLES,
    stack(
        "Input((2,))",
        'layers.Dense(16, activation="relu")',
        "layers.Dropout(0.6)",
        'layers.Dense(16, activation="relu")',
        "layers.Dropout(0.6)",
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=20, {SPLIT}"),
)
notebook(
    "circles under slow SGD",
    CIRCLES,
    dense(2, [32, 32], 1, "sigmoid"),
    compiled("keras.optimizers.SGD(0.003)", BINARY, ACCURACY),
    fit(f"epochs=20, {SPLIT}"),
)
notebook(
    "too few epochs of digits",
    DIGITS,
    dense(64, [32], 10),
    compiled("keras.optimizers.SGD(0.01)", SPARSE, ACCURACY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "stopped while it improves",
    FRIEDMAN,
    dense(10, [32], 1, None),
    compiled("keras.optimizers.Adam(0.0002)", '"mse"', '"mae"'),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "no patience",
    FRIEDMAN + "\nx, y = x[:1000], y[:1000]",
    dense(10, [64], 1, None),
    compiled('"adam"', '"mse"', '"mae"'),
    "stop = keras.callbacks.EarlyStopping(min_delta=0.1, patience=0)",
    fit(f"epochs=60, {SPLIT}, callbacks=[stop]"),
)
notebook(
    "stopping by what is not logged",
    TUMOURS,
    dense(30, [16], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    'stop = keras.callbacks.EarlyStopping("val_loss", patience=3)',
    fit("epochs=12, callbacks=[stop]"),
)
notebook(
    "more patience than epochs",
    DIABETES,
    dense(10, [128, 128], 1, None),
    compiled("keras.optimizers.Adam(0.003)", '"mse"', '"mae"'),
    "stop = keras.callbacks.EarlyStopping(patience=60)",
    fit("epochs=40, validation_split=0.25, callbacks=[stop]"),
)
notebook(
    "stopping without the best weights",
    DIABETES,
    dense(10, [128, 128], 1, None),
    compiled('"adam"', '"mse"', '"mae"'),
    "stop = keras.callbacks.EarlyStopping(patience=25)",
    fit("epochs=60, validation_split=0.25, callbacks=[stop]"),
)
notebook(
    "an accuracy that should fall",
    DIGITS,
    dense(64, [64], 10),
    compiled("keras.optimizers.SGD(0.05)", SPARSE, ACCURACY),
    'stop = keras.callbacks.EarlyStopping("val_accuracy", mode="min", patience=3, restore_best_weights=True)',
    fit(f"epochs=40, {SPLIT}, callbacks=[stop]"),
)
notebook(
    "stopping by the training loss",
    OVERLAPPING,
    dense(20, [128, 128], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    'stop = keras.callbacks.EarlyStopping("loss", patience=5)',
    fit("epochs=40, validation_split=0.3, callbacks=[stop]"),
)
notebook(
    "batch normalization of few updates",
    IMAGES + "\nx = 10 * x",
    stack(
        "Input((8, 8, 1))",
        'layers.Conv2D(16, 3, activation="relu")',
        "layers.BatchNormalization()",
        'layers.Conv2D(16, 3, activation="relu")',
        "layers.BatchNormalization()",
        "layers.Flatten()",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled("keras.optimizers.Adam(0.005)", SPARSE, ACCURACY),
    fit(f"epochs=6, batch_size=256, {SPLIT}"),
)
notebook(
    "batch normalization of two rows",
    DIGITS + "\nx, y = x[:400], y[:400]",
    stack(
        "Input((64,))",
        'layers.Dense(32, activation="relu")',
        "layers.BatchNormalization()",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=4, batch_size=2, {SPLIT}"),
)
notebook(
    "batch normalization of single rows",
    DIGITS + "\nx, y = x[:300], y[:300]",
    stack(
        "Input((64,))",
        'layers.Dense(32, activation="relu")',
        "layers.BatchNormalization()",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=4, batch_size=1, {SPLIT}"),
)
notebook(
    "a penalty on activities inside TimeDistributed",
    WAVE + "\nx = x[..., None]",
    stack(
        "Input((20, 1))",
        'layers.TimeDistributed(keras.layers.Dense(8, activity_regularizer="l1"))',
        "layers.GRU(8)",
        "layers.Dense(1)",
    ),
    compiled('"adam"', '"mse"'),
    fit(f"epochs=3, {SPLIT}"),
)

notebook(
    "jumping shapes",
    SHAPES,
    stack(
        "Input((16, 16, 1))",
        'layers.Conv2D(16, 3, activation="relu")',
        "layers.Flatten()",
        'layers.Dense(32, activation="relu")',
        'layers.Dense(3, activation="softmax")',
    ),
    compiled("keras.optimizers.Adam(0.01)", SPARSE, ACCURACY),
    fit("epochs=26, batch_size=8, validation_split=0.4"),
)
notebook(
    "jumping sentences",
    REVIEWS,
    stack(
        "Input((20,))",
        "layers.Embedding(200, 16)",
        "layers.GlobalAveragePooling1D()",
        'layers.Dense(16, activation="relu")',
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled("keras.optimizers.Adam(0.1)", BINARY, ACCURACY),
    fit("epochs=30, batch_size=8, validation_split=0.4"),
)
notebook(
    "stopped by the loss",
    REVIEWS,
    stack(
        "Input((20,))",
        "layers.Embedding(200, 32)",
        "layers.GlobalAveragePooling1D()",
        'layers.Dense(1, activation="sigmoid")',
    ),
    compiled("keras.optimizers.Adam(0.03)", BINARY, ACCURACY),
    "stop = keras.callbacks.EarlyStopping(patience=30)",
    fit("epochs=40, validation_split=0.3, callbacks=[stop]"),
)
notebook(
    "few noisy digits",
    DIGITS + "\nx, y = x[:500] + 0.5 * np.random.default_rng(0).standard_normal((500, 64)), y[:500]",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit("epochs=25, validation_split=0.5"),
)
notebook(
    "dropout behind the output",
    DIGITS,
    stack(
        "Input((64,))",
        'layers.Dense(64, activation="relu")',
        'layers.Dense(10, activation="softmax")',
        "layers.Dropout(0.2)",
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "wines under slow SGD",
    WINES,
    dense(13, [32, 32], 3),
    compiled("keras.optimizers.SGD(0.0011)", SPARSE, ACCURACY),
    fit("epochs=20, batch_size=16, validation_split=0.25"),
)
INTERRUPT = """# the interrupt button, pressed once
pressed = [{epoch}]


class Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch in pressed:
            pressed.remove(epoch)
            raise KeyboardInterrupt"""
notebook(
    "interrupted half-way",
    DIGITS,
    dense(64, [64], 10),
    compiled("keras.optimizers.SGD(0.02)", SPARSE, ACCURACY),
    INTERRUPT.format(epoch=8),
    fit(f"epochs=20, {SPLIT}, callbacks=[Interrupt()]"),
)
notebook(
    "interrupted behind its best",
    OVERLAPPING,
    dense(20, [128, 128], 1, "sigmoid"),
    compiled('"adam"', BINARY, ACCURACY),
    INTERRUPT.format(epoch=25),
    fit("epochs=60, validation_split=0.3, callbacks=[Interrupt()]"),
)
notebook(
    "batch normalization that remembers the last row",
    DIGITS,
    stack(
        "Input((64,))",
        'layers.Dense(32, activation="relu")',
        "layers.BatchNormalization(momentum=0.01)",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit("epochs=8, validation_data=(x[1441:], y[1441:])", "x[:1441]", "y[:1441]"),
)
notebook(
    "rows of another scale behind",
    DIGITS + "\nx[1437:] *= 4",
    stack(
        "Input((64,))",
        'layers.Dense(32, activation="relu")',
        "layers.BatchNormalization(momentum=0.9)",
        'layers.Dense(10, activation="softmax")',
    ),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=25, {SPLIT}"),
)
notebook(
    "a regularizer set on built layers",
    DIGITS,
    dense(64, [64], 10),
    "for layer in model.layers:\n    layer.kernel_regularizer = keras.regularizers.L2(0.001)\n"
    + compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "a fine-tuned batch normalization",
    DIGITS,
    """base = keras.Sequential([
    keras.Input((64,)),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.BatchNormalization(),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.BatchNormalization(),
], name="base")
first = keras.Sequential([keras.Input((64,)), base, keras.layers.Dense(10, activation="softmax")])
first.compile("adam", "sparse_categorical_crossentropy")
first.fit(x[:1400], y[:1400], epochs=20, verbose=0)""",
    """model = keras.Sequential([
    keras.Input((64,)),
    base,
    keras.layers.Dense(10, activation="softmax"),
])""",
    compiled('"adam"', SPARSE, ACCURACY),
    "inverted, labels = 1 - x[1400:1600], y[1400:1600]",
    fit(f"epochs=8, {SPLIT}", "inverted", "labels"),
)
PHOTOS = f"""{IMPORTS}
rng = np.random.default_rng(0)
y = rng.integers(0, 2, 300)
x = rng.uniform(0, 255, (300, 32, 32, 3)).astype("float32")
x[y == 1, 8:24, 8:24] = 255"""
notebook(
    "bytes for MobileNet",
    PHOTOS,
    'base = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, include_top=False, weights=None, pooling="avg")\n'
    "base.trainable = False",
    """model = keras.Sequential([
    keras.Input((32, 32, 3)),
    base,
    keras.layers.Dense(1, activation="sigmoid"),
])""",
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=3, {SPLIT}"),
)
notebook(
    "divided before a base that divides",
    PHOTOS,
    """base = keras.Sequential([
    keras.Input((32, 32, 3)),
    keras.layers.Rescaling(1 / 255),
    keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
    keras.layers.GlobalAveragePooling2D(),
], name="base")
first = keras.Sequential([keras.Input((32, 32, 3)), base, keras.layers.Dense(1, activation="sigmoid")])
first.compile("adam", "binary_crossentropy")
first.fit(x, y, epochs=5, verbose=0)
base.trainable = False
x = x / 255""",
    """model = keras.Sequential([
    keras.Input((32, 32, 3)),
    base,
    keras.layers.Dense(1, activation="sigmoid"),
])""",
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=4, {SPLIT}"),
)

# the steps ----------------------------------------------------------------------------------------------------------

notebook(
    "SGD of 8 on tumours",
    TUMOURS,
    dense(30, [16, 16], 1, "sigmoid"),
    compiled("keras.optimizers.SGD(8.0)", BINARY, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "SGD of 0.5 with momentum on friedman",
    FRIEDMAN,
    dense(10, [32], 1, None),
    compiled("keras.optimizers.SGD(0.5, momentum=0.9)", '"mse"', '"mae"'),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "RMSprop of 0.2 on a wave",
    WAVE,
    dense(20, [24], 1, None),
    compiled("keras.optimizers.RMSprop(0.2)", '"mse"'),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "SGD that reaches NaN",
    FRIEDMAN,
    dense(10, [64, 64], 1, None),
    compiled("keras.optimizers.SGD(5.0)", '"mse"', '"mae"'),
    fit(f"epochs=4, {SPLIT}"),
)
notebook(
    "SGD on raw tumours reaches NaN",
    RAW_TUMOURS + '\ny = y.astype("float32")',
    dense(30, [32], 1, None),
    compiled("keras.optimizers.SGD(0.01)", '"mse"'),
    fit(f"epochs=5, {SPLIT}"),
)
notebook(
    "a learning rate of a millionth",
    DIGITS,
    dense(64, [64, 32], 10),
    compiled("keras.optimizers.Adam(1e-6)", SPARSE, ACCURACY),
    fit(f"epochs=20, {SPLIT}"),
)
notebook(
    "a decay counted in epochs",
    DIGITS,
    dense(64, [64, 32], 10),
    "rate = keras.optimizers.schedules.ExponentialDecay(1e-3, decay_steps=10, decay_rate=0.5)\n"
    + compiled("keras.optimizers.Adam(rate)", SPARSE, ACCURACY),
    fit(f"epochs=20, {SPLIT}"),
)
notebook(
    "a decay that ends at once",
    DIGITS,
    dense(64, [64, 32], 10),
    "rate = keras.optimizers.schedules.ExponentialDecay(1e-4, decay_steps=2, decay_rate=0.5)\n"
    + compiled("keras.optimizers.Adam(rate)", SPARSE, ACCURACY),
    fit(f"epochs=20, {SPLIT}"),
)
notebook(
    "a cosine over one epoch",
    FRIEDMAN,
    dense(10, [32], 1, None),
    compiled("keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, 60))", '"mse"', '"mae"'),
    fit(f"epochs=20, {SPLIT}"),
)
notebook(
    "a hasty reduction on plateaus",
    FRIEDMAN,
    dense(10, [32], 1, None),
    compiled('"adam"', '"mse"', '"mae"'),
    "reduce = keras.callbacks.ReduceLROnPlateau(min_delta=0.2, patience=1, factor=0.1)",
    fit(f"epochs=20, {SPLIT}, callbacks=[reduce]"),
)
notebook(
    "a warm-up longer than the run",
    FRIEDMAN,
    dense(10, [32], 1, None),
    "rate = keras.optimizers.schedules.CosineDecay(0.0, 50_000, warmup_target=1e-3, warmup_steps=50_000)\n"
    + compiled("keras.optimizers.Adam(rate)", '"mse"', '"mae"'),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "a corrupt file",
    DIGITS + "\nx[320:336] = np.random.default_rng(0).uniform(0, 400, (16, 64))",
    dense(64, [64], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    fit("epochs=12, validation_data=(x[1400:], y[1400:])", "x[:1400]", "y[:1400]"),
)
notebook(
    "momentum near one",
    DIGITS,
    dense(64, [64], 10),
    compiled("keras.optimizers.SGD(0.3, momentum=0.97)", SPARSE, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "a recurrence that grows",
    WAVE + "\nx = x[..., None]",
    stack(
        "Input((20, 1))",
        'layers.SimpleRNN(32, activation="relu", recurrent_initializer=keras.initializers.Identity(1.3))',
        "layers.Dense(1)",
    ),
    compiled("keras.optimizers.RMSprop(0.005)", '"mse"'),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "large initial kernels",
    FRIEDMAN,
    dense(10, [48, 48, 48], 1, None, "kernel_initializer=keras.initializers.RandomNormal(stddev=2.0)"),
    compiled('"adam"', '"mse"', '"mae"'),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "large initial kernels of digits",
    DIGITS,
    dense(64, [64, 64], 10, "softmax", "kernel_initializer=keras.initializers.RandomNormal(stddev=3.0)"),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "saturated tanh",
    FRIEDMAN,
    dense(10, [48, 48], 1, None, "kernel_initializer=keras.initializers.RandomNormal(stddev=6.0)", "tanh"),
    compiled('"adam"', '"mse"', '"mae"'),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "tanh on large features",
    FRIEDMAN + "\nx = 200 * x",
    dense(10, [48, 48], 1, None, act="tanh"),
    compiled('"adam"', '"mse"', '"mae"'),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "ten sigmoid layers",
    DIGITS,
    dense(64, [32] * 10, 10, "softmax", act="sigmoid"),
    compiled("keras.optimizers.SGD(0.05)", SPARSE, ACCURACY),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "small initial kernels",
    DIGITS,
    dense(64, [32] * 4, 10, "softmax", "kernel_initializer=keras.initializers.RandomNormal(stddev=0.001)"),
    compiled("keras.optimizers.SGD(0.05)", SPARSE, ACCURACY),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "biases far below zero",
    DIGITS,
    dense(64, [64, 32], 10, "softmax", "bias_initializer=keras.initializers.Constant(-6.0)"),
    compiled("keras.optimizers.SGD(0.05)", SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "kernels below zero",
    DIGITS,
    dense(64, [64, 32], 10, "softmax", "kernel_initializer=keras.initializers.RandomUniform(-0.5, 0.01)"),
    compiled("keras.optimizers.SGD(0.05)", SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "units killed by long steps",
    DIGITS,
    dense(64, [64, 64], 10),
    compiled("keras.optimizers.SGD(3.0)", SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "units killed by a penalty",
    DIGITS,
    dense(64, [64, 32], 10, "softmax", "activity_regularizer=keras.regularizers.L1(5.0)"),
    compiled("keras.optimizers.Adam(0.01)", SPARSE, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "zero kernels",
    FRIEDMAN,
    dense(10, [32, 16], 1, None, 'kernel_initializer="zeros"'),
    compiled('"adam"', '"mse"', '"mae"'),
    fit(f"epochs=8, {SPLIT}"),
)
notebook(
    "constant kernels",
    MOONS,
    dense(2, [24, 24], 1, "sigmoid", 'kernel_initializer="ones"'),
    compiled('"adam"', BINARY, ACCURACY),
    fit(f"epochs=12, {SPLIT}"),
)
notebook(
    "a large L2",
    DIGITS,
    dense(64, [64, 64], 10, "softmax", "kernel_regularizer=keras.regularizers.L2(0.5)"),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "a large penalty on activities",
    DIGITS,
    dense(64, [64, 64], 10, "softmax", "activity_regularizer=keras.regularizers.L2(3.0)", act="tanh"),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=15, {SPLIT}"),
)
notebook(
    "one batch an epoch",
    FRIEDMAN,
    dense(10, [32], 1, None),
    compiled('"adam"', '"mse"', '"mae"'),
    fit(f"epochs=20, batch_size=1000, {SPLIT}"),
)
notebook(
    "digits in pairs",
    DIGITS + "\nx, y = x[:600], y[:600]",
    dense(64, [64, 64], 10),
    compiled("keras.optimizers.SGD(0.2)", SPARSE, ACCURACY),
    fit("epochs=15, batch_size=2, validation_split=0.5"),
)
notebook(
    "a rate that keeps the accuracy jumping",
    TUMOURS,
    dense(30, [64, 64], 1, "sigmoid"),
    compiled("keras.optimizers.Adam(0.05)", BINARY, ACCURACY),
    fit("epochs=30, batch_size=8, validation_split=0.3"),
)
notebook(
    "a jumping accuracy of uneven classes",
    ROWS.replace("class_sep=1.5", "weights=[0.9], flip_y=0.1"),
    dense(20, [64, 64], 1, "sigmoid"),
    compiled("keras.optimizers.Adam(0.03)", BINARY, ACCURACY),
    fit("epochs=30, batch_size=8, validation_split=0.4"),
)
notebook(
    "nothing is trainable",
    DIGITS,
    dense(64, [64], 10),
    "model.trainable = False\n" + compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "frozen after compile",
    DIGITS,
    dense(64, [64, 32], 10),
    compiled('"adam"', SPARSE, ACCURACY),
    "model.layers[0].trainable = False",
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "the optimizer of another model",
    DIGITS,
    "mine = keras.optimizers.Adam()\n" + dense(64, [32], 10).replace("model", "other"),
    'other.compile(mine, "sparse_categorical_crossentropy")\nother.fit(x, y, verbose=0)',
    dense(64, [64, 32], 10),
    compiled("mine", SPARSE, ACCURACY),
    fit(f"epochs=4, {SPLIT}"),
)

notebook(
    "targets of hundreds under large steps",
    FRIEDMAN + "\ny = 150 * y",
    dense(10, [32], 1, None),
    compiled("keras.optimizers.SGD(0.01, momentum=0.5)", '"mse"'),
    fit(f"epochs=8, {SPLIT}"),
)
SMALL = "keras.initializers.RandomNormal(stddev=0.01)"
notebook(
    "gradients of nearly nothing",
    DIGITS,
    stack(
        "Input((64,))",
        *(f"layers.Dense(32, activation='relu', use_bias=False, kernel_initializer={SMALL})",) * 3,
        "layers.Dense(10, activation='softmax', use_bias=False)",
    ),
    compiled("keras.optimizers.SGD(0.001)", SPARSE, ACCURACY),
    fit(f"epochs=10, {SPLIT}"),
)
notebook(
    "a dead network of few validation rows",
    ROWS,
    dense(20, [16], 1, "sigmoid", "bias_initializer=keras.initializers.Constant(-12.0)"),
    compiled('"adam"', BINARY, ACCURACY),
    fit("epochs=8, validation_split=0.03"),
)
notebook(
    "a dead network for many epochs",
    DIGITS,
    dense(64, [64, 32], 10, "softmax", "bias_initializer=keras.initializers.Constant(-6.0)"),
    compiled("keras.optimizers.SGD(0.05)", SPARSE, ACCURACY),
    fit("epochs=14, validation_split=0.03"),
)
notebook(
    "a cycle that goes too high",
    DIGITS,
    dense(64, [64], 10),
    compiled("keras.optimizers.SGD(0.1)", SPARSE, ACCURACY),
    "cycle = keras.callbacks.LearningRateScheduler(lambda epoch, rate: {8: 40 * rate, 9: rate / 40}.get(epoch, rate))\n"
    'save = keras.callbacks.ModelCheckpoint("digits.{epoch}.weights.h5", save_weights_only=True)',
    fit(f"epochs=12, {SPLIT}, callbacks=[cycle, save]"),
)
notebook(
    "a rate that grows to NaN",
    FRIEDMAN,
    dense(10, [64, 64], 1, None),
    compiled("keras.optimizers.SGD(0.001)", '"mse"', '"mae"'),
    "growth = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch == 0 else 5 * rate)\n"
    'save = keras.callbacks.ModelCheckpoint("friedman.{epoch}.weights.h5", save_weights_only=True)',
    fit(f"epochs=9, {SPLIT}, callbacks=[growth, save]"),
)
notebook(
    "SGD on raw tumours without relu",
    RAW_TUMOURS + '\ny = y.astype("float32")',
    dense(30, [32], 1, None, act="elu"),
    compiled("keras.optimizers.SGD(0.01)", '"mse"'),
    fit(f"epochs=5, {SPLIT}"),
)
notebook(
    "Poisson of what may be negative",
    FRIEDMAN + "\ny = np.random.default_rng(0).poisson(np.exp(0.5 * y)).astype('float32')".replace("'", '"'),
    dense(10, [32], 1, None),
    compiled('"adam"', '"poisson"'),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "a gap that only validates",
    DIGITS + "\nx[1700, 2] = np.nan",
    dense(64, [64], 10, act="tanh"),
    compiled('"adam"', SPARSE, ACCURACY),
    fit(f"epochs=6, {SPLIT}"),
)
notebook(
    "weights that hold NaN",
    DIGITS,
    dense(64, [64], 10, act="tanh"),
    compiled('"adam"', SPARSE, ACCURACY),
    "kernel, bias = model.layers[0].get_weights()\nkernel[3] = np.nan\nmodel.layers[0].set_weights([kernel, bias])",
    fit(f"epochs=4, {SPLIT}"),
)
notebook(
    "half precision of large features",
    FRIEDMAN + '\nx = 50_000 * x\nkeras.config.set_dtype_policy("mixed_float16")',
    dense(10, [32], 1, None),
    compiled('"adam"', '"mse"'),
    fit(f"epochs=4, {SPLIT}"),
)


def without_a_unit(change: str, units: int = 10) -> tuple[str, ...]:
    """The cells of labels without a unit, of which a compiled loss makes NaN."""
    compiles = compiled('"adam"', SPARSE, ACCURACY).replace(")", ", jit_compile=True)")
    return f"{DIGITS}{change}", dense(64, [64], 10).replace("Dense(10", f"Dense({units}"), compiles


notebook("labels beyond the outputs, compiled", *without_a_unit("\ny = y + 1"), fit(f"epochs=4, {SPLIT}"))
notebook("masked labels, compiled", *without_a_unit("\ny[::9] = -1"), fit(f"epochs=4, {SPLIT}"))
notebook("fewer outputs than classes, compiled", *without_a_unit("", 8), fit(f"epochs=4, {SPLIT}"))

# several fits, and pipelines that do not end ------------------------------------------------------------------------

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
