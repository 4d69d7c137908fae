"""What the notebooks are made of: data, models and calls as the text of cells."""

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
HELD_OUT = "validation_data=(x_val, y_val)"
