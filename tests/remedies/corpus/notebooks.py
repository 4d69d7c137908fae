"""Notebooks as people write them, each with one training cell whose run is at fault, and what its names are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Notebook:
    """Cells, and what a cell that is written for the last run must call its objects."""

    name: str
    #: The cells, one after the other, each behind a line "# %%".
    text: str
    #: Expression for the model.
    model: str = "model"
    #: Arguments of `fit` -> their expressions.
    arguments: Mapping[str, str] = field(default_factory=lambda: {"x": "x", "y": "y"})
    #: What stands before the call.
    assignment: str = ""
    tail: str = ""
    #: Names that the user must fill in.
    placeholders: tuple[str, ...] = ()
    #: Part of the reason why no cell is written.
    unwritten: str = ""
    #: The diagnosis whose prescriptions are looked at.
    diagnosis: str = "unshuffled-split"
    #: Whether the cell cures what it is prescribed for, too.
    cures: bool = True
    #: Which of the notebook's runs.
    run: int = -1
    #: Names of modules and functions that the cell must import.
    imports: tuple[str, ...] | None = None
    #: The last cell raises.
    raises: bool = False
    #: Whether the extension is loaded.
    extension: bool = True

    @property
    def cells(self) -> list[str]:
        """The text of each cell."""
        return [cell.strip("\n") for cell in self.text.split("# %%\n") if cell.strip()]


KERAS = "# %%\nimport numpy as np\nimport keras\nfrom keras import layers\n"
DATA = """# %%
rng = np.random.default_rng(0)
x = rng.normal(size=(120, 4)).astype("float32")
y = np.repeat([0, 1, 2], 40)
"""
MODEL = """# %%
model = keras.Sequential([
    keras.Input((4,)),
    layers.Dense(8, activation="relu"),
    layers.Dense(3, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""
BUILD = '''# %%
def build(units=8):
    """A small classifier."""
    net = keras.Sequential([keras.Input((4,)), layers.Dense(units, "relu"), layers.Dense(3, "softmax")])
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return net
'''
START = KERAS + DATA + MODEL
ARRAYS = {"X_train": "x", "y_train": "y"}
NAMED = KERAS + DATA.replace("x =", "X_train =").replace("y =", "y_train =") + MODEL
LABELS = {"x": "X_train", "y": "y_train"}

NOTEBOOKS = (
    # how the call is laid out -----------------------------------------------------------------------------------------
    Notebook(
        name="plain",
        text=START + "# %%\n%kdoctor fit model.fit(x, y, epochs=1, validation_split=0.2, verbose=0)",
    ),
    Notebook(
        name="several lines with comments",
        text=NAMED
        + """# %%
# train the thing
history = %kdoctor fit model.fit(
    X_train,  # features, scaled already
    y_train,
    # more epochs did not help
    epochs=1,
    validation_split=0.2,   # the tail
    verbose=0,
)
""",
        arguments=LABELS | {"validation_split": "0.2"},
        assignment="history = ",
    ),
    Notebook(
        name="an indented call over several lines",
        text=START
        + """# %%
%kdoctor on
if len(x) > 10:
    for repeat in range(1):
        history = model.fit(
            x, y,
            validation_split=0.2,
            verbose=0)
""",
        assignment="history = ",
    ),
    Notebook(
        name="positional arguments",
        text=START + "# %%\nh = %kdoctor fit model.fit(x, y, 32, 1, 0, None, .2)",
        arguments={"x": "x", "y": "y", "batch_size": "32", "epochs": "1", "validation_split": ".2"},
        assignment="h = ",
    ),
    Notebook(
        name="everything by keyword",
        text=START + "# %%\n%kdoctor fit model.fit(validation_split=.2, verbose=0, y=y, x=x)",
    ),
    Notebook(
        name="trailing backslash",
        text=START
        + """# %%
%kdoctor on
history = \\
    model.fit(x, y, epochs=1, \\
              validation_split=0.25, verbose=0)
""",
        assignment="history = ",
        arguments={"x": "x", "y": "y", "validation_split": "0.25"},
    ),
    Notebook(
        name="a chain held together by parentheses",
        text=START
        + """# %%
%kdoctor on
history = (
    model
    .fit(x, y, validation_split=0.2, verbose=0)
    .history
)
""",
        assignment="history = ",
        tail=".history",
    ),
    Notebook(
        name="semicolons",
        text=START + "# %%\n%kdoctor on\nn = len(x); model.fit(x, y, validation_split=0.2, verbose=0); print(n)",
    ),
    Notebook(
        name="strings and comments that look like calls",
        text=START
        + """# %%
%kdoctor on
print(f"now model.fit(a, b) for {len(x)} rows", 'net.fit(')  # model.fit(data, labels)
model.fit(x, y, validation_split=0.2, verbose=0)  # not other.fit(z)
""",
    ),
    Notebook(
        name="type annotations",
        text=START
        + """# %%
%kdoctor on
history: keras.callbacks.History = model.fit(x, y, validation_split=0.2, verbose=0)
""",
        assignment="history = ",
    ),
    # what becomes of the value ----------------------------------------------------------------------------------------
    Notebook(
        name="history of the call",
        text=START + "# %%\nhist = %kdoctor fit model.fit(x, y, validation_split=0.2, verbose=0).history",
        assignment="hist = ",
        tail=".history",
    ),
    Notebook(
        name="loss of the history",
        text=START + '# %%\n%kdoctor on\nlosses = model.fit(x, y, validation_split=0.2, verbose=0).history["loss"]',
        assignment="losses = ",
        tail='.history["loss"]',
    ),
    Notebook(
        name="walrus around the call",
        text=START
        + """# %%
%kdoctor on
if (h := model.fit(x, y, validation_split=0.2, verbose=0)).history["loss"][-1] > 0:
    print("trained")
""",
        assignment="h = ",
    ),
    Notebook(
        name="walrus in the call",
        text=START
        + BUILD
        + """# %%
%kdoctor on
(net := build()).fit(data := x * 1, y, validation_split=0.2, verbose=0)
""",
        model="net",
        arguments={"x": "data", "y": "y"},
    ),
    Notebook(
        name="the value passed on",
        text=START
        + """# %%
def best(history):
    return min(history.history["loss"])

# %%
%kdoctor on
result = best(model.fit(x, y, validation_split=0.2, verbose=0))
""",
    ),
    Notebook(
        name="into a dictionary of results",
        text=START
        + """# %%
results = {}
# %%
%kdoctor on
for name, rate in [("slow", 0.001)]:
    results[name] = model.fit(x, y, validation_split=0.2, verbose=0)
""",
        assignment="results[name] = ",
    ),
    # arguments --------------------------------------------------------------------------------------------------------
    Notebook(
        name="a dictionary of keywords",
        text=NAMED
        + """# %%
kw = {"validation_split": 0.2, "epochs": 1, "verbose": 0}
# %%
%kdoctor fit model.fit(X_train, y_train, **kw)
""",
        arguments=LABELS | {"validation_split": 'kw["validation_split"]', "epochs": 'kw["epochs"]'},
    ),
    Notebook(
        name="everything in a dictionary",
        text=START
        + "# %%\nfit_args = dict(x=x, y=y, validation_split=0.2, verbose=0)\n"
        + "# %%\n%kdoctor fit model.fit(**fit_args)",
        arguments={"x": 'fit_args["x"]', "y": 'fit_args["y"]'},
    ),
    Notebook(
        name="a nested configuration",
        text=START
        + """# %%
CONFIG = {"model": {"units": 8}, "fit": {"validation_split": 0.2, "verbose": 0}}
# %%
%kdoctor fit model.fit(x, y, **CONFIG["fit"])
""",
        arguments={"x": "x", "y": "y", "validation_split": 'CONFIG["fit"]["validation_split"]'},
    ),
    Notebook(
        name="written out mappings",
        text=START + '# %%\n%kdoctor fit model.fit(x, y, **{"validation_split": 0.2}, **dict(epochs=1, verbose=0))',
        arguments={"x": "x", "y": "y", "validation_split": "0.2", "epochs": "1"},
    ),
    Notebook(
        name="keywords of a function's result",
        text=START
        + """# %%
def options():
    return {"validation_split": 0.2, "verbose": 0}

# %%
%kdoctor fit model.fit(x, y, **options())
""",
        unwritten="**options()",
    ),
    Notebook(
        name="star of a tuple",
        text=START + "# %%\ndata = (x, y)\n# %%\n%kdoctor fit model.fit(*data, validation_split=0.2, verbose=0)",
        arguments={"x": "data[0]", "y": "data[1]", "validation_split": "0.2"},
    ),
    Notebook(
        name="star of a function's result",
        text=START
        + """# %%
def load():
    return x, y

# %%
%kdoctor fit model.fit(*load(), validation_split=0.2, verbose=0)
""",
        unwritten="*load()",
    ),
    Notebook(
        name="sample weights",
        text=START
        + """# %%
weights = np.where(y == 1, 2.0, 1.0)
# %%
%kdoctor fit model.fit(x, y, sample_weight=weights, validation_split=0.2, verbose=0)
""",
        arguments={"x": "x", "y": "y", "sample_weight": "weights"},
    ),
    Notebook(
        name="class weights and callbacks",
        text=START
        + """# %%
from keras.callbacks import EarlyStopping
stop = EarlyStopping(patience=3)
# %%
%kdoctor fit model.fit(x, y, class_weight={0: 1.0, 1: 2.0, 2: 1.0}, callbacks=[stop], validation_split=0.2, verbose=0)
""",
        arguments={"x": "x", "y": "y", "class_weight": "{0: 1.0, 1: 2.0, 2: 1.0}", "callbacks": "[stop]"},
    ),
    Notebook(
        name="expressions",
        text=START + "# %%\n%kdoctor fit model.fit(x / x.max(), y.astype(int), validation_split=0.2, verbose=0)",
        arguments={"x": "x / x.max()", "y": "y.astype(int)"},
    ),
    # data -------------------------------------------------------------------------------------------------------------
    Notebook(
        name="columns of a table",
        text=KERAS
        + """import pandas as pd
# %%
df = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 4)), columns=list("abcd")).astype("float32")
df["species"] = np.repeat([0, 1, 2], 40)
cols = ["a", "b", "c", "d"]
"""
        + MODEL
        + '# %%\n%kdoctor fit model.fit(df[cols], df["species"], validation_split=0.2, verbose=0)',
        arguments={"x": "df[cols]", "y": 'df["species"]'},
    ),
    Notebook(
        name="dropped columns and values",
        text=KERAS
        + """import pandas as pd
# %%
df = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 4)), columns=list("abcd")).astype("float32")
df["target"] = np.repeat([0, 1, 2], 40)
"""
        + MODEL
        + """# %%
%kdoctor fit model.fit(df.drop(columns=["target"]), df.target.values, validation_split=0.2, verbose=0)
""",
        arguments={"x": 'df.drop(columns=["target"])', "y": "df.target.values"},
    ),
    Notebook(
        name="a dictionary of inputs",
        text=KERAS
        + DATA
        + """# %%
a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
out = layers.Dense(3, activation="softmax")(layers.Concatenate()([a, b]))
model = keras.Model({"a": a, "b": b}, out)
model.compile("adam", "sparse_categorical_crossentropy")
# %%
%kdoctor fit model.fit({"a": x[:, :2], "b": x[:, 2:]}, y, validation_split=0.2, verbose=0)
""",
        arguments={"x": '{"a": x[:, :2], "b": x[:, 2:]}', "y": "y"},
    ),
    Notebook(
        name="a list of inputs",
        text=KERAS
        + DATA
        + """# %%
left, right = x[:, :2], x[:, 2:]
a, b = keras.Input((2,)), keras.Input((2,))
out = layers.Dense(3, activation="softmax")(layers.Concatenate()([a, b]))
model = keras.Model([a, b], out)
model.compile("adam", "sparse_categorical_crossentropy")
# %%
%kdoctor fit model.fit([left, right], y, validation_split=0.2, verbose=0)
""",
        arguments={"x": "[left, right]", "y": "y"},
    ),
    Notebook(
        name="a tf.data pipeline",
        text="# %%\nimport tensorflow as tf\n"
        + KERAS
        + DATA
        + """# %%
net = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
net.compile(keras.optimizers.SGD(1e30), "mse")
ds = tf.data.Dataset.from_tensor_slices((x, x[:, :3]))
# %%
%kdoctor fit net.fit(ds.batch(32), epochs=2, verbose=0)
""",
        model="net",
        arguments={"x": "ds.batch(32)", "epochs": "2"},
        diagnosis="nan-loss",
        cures=False,
    ),
    Notebook(
        name="a generator",
        text=KERAS
        + """# %%
def batches():
    rng = np.random.default_rng(0)
    while True:
        rows = rng.normal(size=(16, 4))
        yield rows, rows[:, :1]

# %%
model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
model.compile(keras.optimizers.SGD(learning_rate=1e30), loss="mse")
train_gen = batches()
# %%
%kdoctor fit model.fit(train_gen, steps_per_epoch=4, epochs=2, verbose=0)
""",
        arguments={"x": "train_gen", "steps_per_epoch": "4"},
        diagnosis="nan-loss",
        cures=False,
    ),
    Notebook(
        name="a PyDataset",
        text=KERAS
        + """# %%
class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        rows = np.random.default_rng(index).normal(size=(16, 4))
        return rows, rows[:, :1]

# %%
model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
model.compile(keras.optimizers.SGD(learning_rate=1e30), loss="mse")
# %%
%kdoctor fit model.fit(Batches(), epochs=2, verbose=0)
""",
        arguments={"x": "Batches()", "epochs": "2"},
        diagnosis="nan-loss",
        cures=False,
    ),
    Notebook(
        name="validation data",
        text=KERAS
        + """# %%
rng = np.random.default_rng(0)
x_train, x_val = rng.normal(size=(96, 4)), rng.normal(size=(24, 4))
y_train, y_val = x_train[:, :1], x_val[:, :1]
# %%
model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
model.compile(keras.optimizers.SGD(learning_rate=1e30), loss="mse")
# %%
%kdoctor fit model.fit(x_train, y_train, epochs=2, validation_data=(x_val, y_val), verbose=0)
""",
        arguments={"x": "x_train", "y": "y_train", "validation_data": "(x_val, y_val)"},
        diagnosis="nan-loss",
        cures=False,
    ),
    # names ------------------------------------------------------------------------------------------------------------
    Notebook(
        name="other alphabets",
        text=KERAS
        + DATA.replace("x =", "данные =").replace("y =", "ラベル =")
        + MODEL.replace("model", "größe")
        + "# %%\nverlauf = %kdoctor fit größe.fit(данные, ラベル, validation_split=0.2, verbose=0)",
        model="größe",
        arguments={"x": "данные", "y": "ラベル"},
        assignment="verlauf = ",
    ),
    Notebook(
        name="names that start with an underscore",
        text=KERAS
        + DATA.replace("x =", "_x =").replace("y =", "_y =")
        + MODEL.replace("model", "_model")
        + "# %%\n%kdoctor fit _model.fit(_x, _y, validation_split=0.2, verbose=0)",
        model="_model",
        arguments={"x": "_x", "y": "_y"},
    ),
    Notebook(
        name="names that a cell would like to have",
        text=START
        + """# %%
from sklearn.model_selection import KFold
order, row_order, x_val, y_val, counts, past = "mine", "mine", "mine", "mine", "mine", "mine"
train_test_split = "mine"
# %%
%kdoctor fit model.fit(x, y, validation_split=0.2, verbose=0)
""",
    ),
    Notebook(
        name="names of modules for other things",
        text="""# %%
import numpy
from keras import Input, Sequential, layers
# %%
x = numpy.random.default_rng(0).normal(size=(120, 4))
y = numpy.repeat([0, 1, 2], 40)
np = len(x)
keras = "3"
# %%
model = Sequential([Input((4,)), layers.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
# %%
%kdoctor fit model.fit(x, y, validation_split=0.2, verbose=0)
""",
    ),
    Notebook(
        name="names of builtins for other things",
        text=START
        + """# %%
def train(net, input, max):
    return net.fit(input, y, validation_split=0.2, epochs=max, verbose=0)

# %%
%kdoctor fit train(model, x, 1)
""",
        arguments={"x": "x", "y": "y", "epochs": "1"},
    ),
    # imports ----------------------------------------------------------------------------------------------------------
    Notebook(
        name="keras of tensorflow",
        text="# %%\nimport numpy as np\nfrom tensorflow import keras\nlayers = keras.layers\n"
        + DATA
        + MODEL
        + "# %%\n%kdoctor fit model.fit(x, y, validation_split=0.2, verbose=0)",
        imports=(),
    ),
    Notebook(
        name="tensorflow.keras by another name",
        text="# %%\nimport numpy as np\nimport tensorflow.keras as K\nlayers = K.layers\n"
        + DATA
        + MODEL.replace("keras.", "K.")
        + "# %%\n%kdoctor fit model.fit(x, y, validation_split=0.2, verbose=0)",
        imports=(),
    ),
    Notebook(
        name="tensorflow alone",
        text="# %%\nimport numpy as np\nimport tensorflow as tf\n"
        + DATA
        + MODEL.replace("keras.", "tf.keras.").replace("layers.", "tf.keras.layers.")
        + "# %%\n%kdoctor fit model.fit(x, y, validation_split=0.2, verbose=0)",
        imports=(),
    ),
    Notebook(
        name="names from keras",
        text="""# %%
from keras.layers import Dense, Input
from keras.models import Sequential
from numpy import repeat
from numpy.random import default_rng
from sklearn.model_selection import train_test_split
# %%
x, y = default_rng(0).normal(size=(120, 4)), repeat([0, 1, 2], 40)
model = Sequential()
model.add(Input((4,)))
model.add(Dense(3, activation="softmax"))
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
# %%
%kdoctor fit model.fit(x, y, validation_split=0.2, verbose=0)
""",
        imports=("numpy", "keras"),
    ),
    # where the model comes from ---------------------------------------------------------------------------------------
    Notebook(
        name="a model over several cells",
        text=KERAS
        + DATA
        + """# %%
inputs = keras.Input((4,))
# %%
h = layers.Dense(8, activation="relu")(inputs)
h = layers.Dense(8, activation="relu")(h)
# %%
outputs = layers.Dense(3, activation="softmax")(h)
classifier = keras.Model(inputs, outputs, name="classifier")
# %%
classifier.compile("adam", loss="sparse_categorical_crossentropy")
# %%
%kdoctor fit classifier.fit(x, y, validation_split=0.2, verbose=0)
""",
        model="classifier",
    ),
    Notebook(
        name="a model of a function",
        text=KERAS
        + DATA
        + BUILD
        + "# %%\nnet = build(16)\n%kdoctor fit net.fit(x, y, validation_split=0.2, verbose=0)",
        model="net",
    ),
    Notebook(
        name="a model that the call builds",
        text=KERAS + DATA + BUILD + "# %%\nh = %kdoctor fit build(16).fit(x, y, validation_split=0.2, verbose=0)",
        model="build(16)",
        assignment="h = ",
    ),
    Notebook(
        name="a model in a dictionary",
        text=KERAS
        + DATA
        + BUILD
        + """# %%
nets = {"small": build(4), "large": build(32)}
# %%
%kdoctor fit nets["small"].fit(x, y, validation_split=0.2, verbose=0)
""",
        model='nets["small"]',
    ),
    Notebook(
        name="a model in an attribute",
        text=KERAS
        + DATA
        + BUILD
        + """# %%
from types import SimpleNamespace
run = SimpleNamespace(model=build(), data=(x, y))
# %%
%kdoctor fit run.model.fit(run.data[0], run.data[1], validation_split=0.2, verbose=0)
""",
        model="run.model",
        arguments={"x": "run.data[0]", "y": "run.data[1]"},
    ),
    Notebook(
        name="one of two models",
        text=KERAS
        + DATA
        + BUILD
        + """# %%
big, small, deep = build(32), build(4), False
# %%
%kdoctor fit (big if deep else small).fit(x, y, validation_split=0.2, verbose=0)
""",
        model="(big if deep else small)",
    ),
    Notebook(
        name="a class of the user's with its own fit",
        text=KERAS
        + DATA
        + """# %%
class Net(keras.Sequential):
    def fit(self, *args, **kwargs):
        kwargs.setdefault("verbose", 0)
        return super().fit(*args, **kwargs)

net = Net([keras.Input((4,)), layers.Dense(3, activation="softmax")])
net.compile("adam", "sparse_categorical_crossentropy")
# %%
%kdoctor fit net.fit(x, y, validation_split=0.2)
""",
        model="net",
    ),
    # functions --------------------------------------------------------------------------------------------------------
    Notebook(
        name="a function in another cell",
        text=KERAS
        + DATA
        + BUILD
        + '''# %%
def train(net, features, labels, epochs=1, batch_size=32):
    """Trains, quietly."""
    history = net.fit(
        features,
        labels,
        epochs=epochs,
        batch_size=batch_size,
        validation_split=0.2,
        verbose=0,
    )
    return history
# %%
net = build()
history = "of another run"
%kdoctor fit train(net, x, y)
''',
        model="net",
        arguments={"x": "x", "y": "y", "epochs": "1", "batch_size": "32"},
    ),
    Notebook(
        name="a function that reads the notebook's names",
        text=START
        + """# %%
EPOCHS = 1
def train():
    global history
    history = model.fit(x, y, epochs=EPOCHS, validation_split=0.2, verbose=0)
# %%
%kdoctor fit train()
""",
        arguments={"x": "x", "y": "y", "epochs": "EPOCHS"},
        assignment="history = ",
    ),
    Notebook(
        name="a function that loads its data",
        text=START
        + """# %%
def experiment():
    features = x * 2
    labels = y.copy()
    return model.fit(features, labels, validation_split=0.2, verbose=0)
# %%
%kdoctor fit experiment()
""",
        arguments={"x": "features", "y": "labels"},
        placeholders=("features", "labels"),
    ),
    Notebook(
        name="a function whose names the notebook has for other things",
        text=START
        + """# %%
def experiment():
    x = np.random.default_rng(1).normal(size=(120, 4))
    return model.fit(x, y, validation_split=0.2, verbose=0)
# %%
%kdoctor fit experiment()
""",
        arguments={"x": "experiment_x", "y": "y"},
        placeholders=("experiment_x",),
    ),
    Notebook(
        name="a function that is given expressions",
        text=KERAS
        + """import pandas as pd
# %%
df = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 4)), columns=list("abcd")).astype("float32")
df["species"] = np.repeat([0, 1, 2], 40)
cols = ["a", "b", "c", "d"]
"""
        + BUILD
        + """# %%
def train(net, X, y, **options):
    return net.fit(X, y, validation_split=0.2, verbose=0, **options)
# %%
net = build()
h = %kdoctor fit train(net, df[cols].values, y=df["species"].values, epochs=1)
""",
        model="net",
        arguments={"x": "df[cols].values", "y": 'df["species"].values', "epochs": "1"},
    ),
    Notebook(
        name="a function that passes everything on",
        text=START
        + """# %%
def quietly(net, *args, **kwargs):
    kwargs["verbose"] = 0
    return net.fit(*args, **kwargs)
# %%
%kdoctor fit quietly(model, x, y, validation_split=0.2)
""",
        arguments={"x": "x", "y": "y", "validation_split": "0.2", "verbose": "0"},
    ),
    Notebook(
        name="a function in a function",
        text=START
        + """# %%
def outer(net, rows, labels):
    def inner(epochs):
        return net.fit(rows, labels, epochs=epochs, validation_split=0.2, verbose=0)
    return inner(1)
# %%
%kdoctor fit outer(model, x, y)
""",
        arguments={"x": "x", "y": "y", "epochs": "1"},
    ),
    Notebook(
        name="the magic in a function",
        text=START
        + """# %%
def train(m, rows, labels):
    result = %kdoctor fit m.fit(rows, labels, validation_split=0.2, verbose=0)
    return result
# %%
train(model, x, y)
""",
        assignment="result = ",
    ),
    Notebook(
        name="a function of a module",
        text=START
        + """# %%
from pathlib import Path
import sys
Path("helpers.py").write_text('''
import numpy as lib
SPLIT, NAMES = 0.2, lib.arange(3)

class Quiet(dict):
    pass

def train(net, rows, labels):
    return net.fit(rows, labels, validation_split=SPLIT, class_weight=dict.fromkeys(NAMES.tolist(), 1.0), verbose=0)
''')
sys.path.insert(0, ".")
sys.modules.pop("helpers", None)
import helpers
sys.path.pop(0)
# %%
%kdoctor fit helpers.train(model, x, y)
""",
        arguments={"x": "x", "y": "y", "validation_split": "0.2"},
    ),
    Notebook(
        name="a decorated function",
        text=START
        + """# %%
import functools, time

def timed(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        began = time.time()
        result = function(*args, **kwargs)
        print(time.time() - began)
        return result
    return wrapper

@timed
def train(net, rows=None):
    return net.fit(rows, y, validation_split=0.2, verbose=0)
# %%
%kdoctor fit train(model, rows=x)
""",
    ),
    Notebook(
        name="a lambda",
        text=START
        + """# %%
train = lambda m, epochs: m.fit(x, y, epochs=epochs, validation_split=0.2, verbose=0)
# %%
%kdoctor fit train(model, 1)
""",
        arguments={"x": "x", "y": "y", "epochs": "1"},
    ),
    Notebook(
        name="a file name in an f-string",
        text=START
        + """# %%
def train(name, net):
    saving = keras.callbacks.CSVLogger
    return net.fit(x, y, validation_split=0.2, callbacks=[keras.callbacks.CSVLogger(f"{name}_log.csv")], verbose=0)
# %%
%kdoctor fit train("first", model)
""",
        arguments={"x": "x", "y": "y", "callbacks": """[keras.callbacks.CSVLogger(f"{'first'}_log.csv")]"""},
    ),
    # classes ----------------------------------------------------------------------------------------------------------
    Notebook(
        name="a method of an object that has a name",
        text=START
        + """# %%
class Trainer:
    def __init__(self, net, x, y):
        self.net, self.x, self.y = net, x, y
        self.epochs = 1

    def fit(self):
        self.history = self.net.fit(self.x, self.y, epochs=self.epochs, validation_split=0.2, verbose=0)
        return self
# %%
trainer = Trainer(model, x, y)
%kdoctor fit trainer.fit()
""",
        model="trainer.net",
        arguments={"x": "trainer.x", "y": "trainer.y", "epochs": "trainer.epochs"},
    ),
    Notebook(
        name="a method of an object that has no name",
        text=START
        + """# %%
class Trainer:
    def __init__(self, net, x, y):
        self.model, self.x, self.y = net, x, y
        self.epochs = 1

    def run(self):
        return self.model.fit(self.x, self.y, epochs=self.epochs, validation_split=0.2, verbose=0)
# %%
%kdoctor fit Trainer(model, x, y).run()
""",
        arguments={"x": "x", "y": "y", "epochs": "1"},
    ),
    # blocks -----------------------------------------------------------------------------------------------------------
    Notebook(
        name="folds",
        text=KERAS
        + "from sklearn.model_selection import KFold\n"
        + DATA
        + BUILD
        + """# %%
models = [build() for _ in range(3)]
# %%
%kdoctor on
for i, (train, test) in enumerate(KFold(3).split(x)):
    models[i].fit(x[train], y[train], epochs=1, validation_split=0.25, verbose=0)
""",
        model="models[i]",
        arguments={"x": "x[train]", "y": "y[train]"},
    ),
    Notebook(
        name="an earlier fold",
        text=KERAS
        + "from sklearn.model_selection import KFold\n"
        + DATA
        + BUILD
        + """# %%
models = [build() for _ in range(3)]
# %%
%kdoctor on
for i, (train, test) in enumerate(KFold(3).split(x)):
    models[i].fit(x[train], y[train], epochs=1, validation_split=0.25, verbose=0)
""",
        run=0,
        model="models[0]",
        arguments={"x": "x[earlier_train]", "y": "y[earlier_train]"},
        placeholders=("earlier_train",),
    ),
    Notebook(
        name="one name for several models",
        text=KERAS
        + DATA
        + BUILD
        + """# %%
%kdoctor on
for units in (4, 8):
    model = build(units)
    history = model.fit(x, y, validation_split=0.2, verbose=0)
""",
        run=0,
        model="earlier_model",
        placeholders=("earlier_model",),
        assignment="history = ",
    ),
    Notebook(
        name="the last of several models",
        text=KERAS
        + DATA
        + BUILD
        + """# %%
%kdoctor on
for units in (4, 8):
    model = build(units)
    history = model.fit(x, y, validation_split=0.2, verbose=0)
""",
        assignment="history = ",
    ),
    Notebook(
        name="a comprehension",
        text=KERAS
        + DATA
        + BUILD
        + """# %%
first, second = build(4), build(8)
# %%
%kdoctor on
histories = [net.fit(x, y, validation_split=0.2, verbose=0) for net in (first, second)]
""",
        model="second",
    ),
    Notebook(
        name="try and except",
        text=START
        + """# %%
%kdoctor on
try:
    history = model.fit(x, y, validation_split=0.2, verbose=0)
except KeyboardInterrupt:
    print("stopped")
finally:
    print("done")
""",
        assignment="history = ",
    ),
    Notebook(
        name="a block with a device",
        text=START
        + """# %%
%kdoctor on
with keras.device("cpu:0"):
    history = model.fit(x, y, validation_split=0.2, verbose=0)
""",
        assignment="history = ",
    ),
    Notebook(
        name="an asynchronous cell",
        text=START
        + """# %%
import asyncio
%kdoctor on
async def train(net):
    await asyncio.sleep(0)
    return net.fit(x, y, validation_split=0.2, verbose=0)

history = await train(model)
""",
    ),
    # magics -----------------------------------------------------------------------------------------------------------
    Notebook(
        name="a timed cell",
        text=START
        + """# %%
%kdoctor on
# %%
%%time
history = model.fit(
    x, y,
    validation_split=0.2,
    verbose=0,
)
""",
        assignment="history = ",
    ),
    Notebook(
        name="a timed cell with the magic",
        text=START + "# %%\n%%time\nprint(len(x))\n%kdoctor fit model.fit(x, y, validation_split=0.2, verbose=0)\n",
    ),
    Notebook(
        name="a watched cell that is timed",
        text=START + "# %%\n%%kdoctor fit\n%%time\nhistory = model.fit(x, y, validation_split=0.2, verbose=0)\n",
        assignment="history = ",
    ),
    Notebook(
        name="a timed line",
        text=START + "# %%\n%kdoctor on\n# %%\n%time history = model.fit(x, y, validation_split=0.2, verbose=0)\n",
        assignment="history = ",
    ),
    Notebook(
        name="a timed function",
        text=START
        + """# %%
def train(rows):
    return model.fit(rows, y, validation_split=0.2, verbose=0)
# %%
%kdoctor on
# %%
%time history = train(x)
""",
    ),
    Notebook(
        name="shell commands and settings",
        text=START
        + """# %%
%config InlineBackend.figure_format = "retina"
!echo pip install something
files = !echo one
%env KDOCTOR_TEST=1
history = %kdoctor fit model.fit(x, y, validation_split=0.2, verbose=0)
""",
        assignment="history = ",
    ),
    Notebook(
        name="two fits in a watched cell",
        text=KERAS
        + DATA
        + BUILD
        + """# %%
teacher, student = build(16), build(4)
# %%
%%kdoctor fit
teacher.fit(x, y, epochs=1, verbose=0)
h = student.fit(x * 1, y, validation_split=0.2, verbose=0)
""",
        model="student",
        arguments={"x": "x * 1", "y": "y"},
        assignment="h = ",
    ),
    Notebook(
        name="a cell that is run again",
        text=START
        + """# %%
%kdoctor fit model.fit(x, y, validation_split=0.2, verbose=0)
# %%
%kdoctor fit model.fit(x, y, validation_split=0.2, verbose=0)
""",
    ),
    # without the magic ------------------------------------------------------------------------------------------------
    Notebook(
        name="a block that is watched",
        text="# %%\nimport kerasdoctor\n"
        + START
        + """# %%
with kerasdoctor.watch(quiet=True) as w:
    history = model.fit(x, y, validation_split=0.2, verbose=0)
w.report
""",
        assignment="history = ",
        extension=False,
    ),
    Notebook(
        name="a callback",
        text="# %%\nimport kerasdoctor\n"
        + START
        + """# %%
doctor = kerasdoctor.Doctor(quiet=True)
history = model.fit(x, y, validation_split=0.2, verbose=0, callbacks=[doctor])
doctor.report
""",
        arguments={"x": "x", "y": "y", "callbacks": "[doctor]"},
        assignment="history = ",
        extension=False,
    ),
    # other ways to call -----------------------------------------------------------------------------------------------
    Notebook(
        name="a partial",
        text=START
        + """# %%
import functools
%kdoctor on
train = functools.partial(model.fit, x, y, verbose=0)
train(validation_split=0.2)
""",
        unwritten="not found",
    ),
    Notebook(
        name="a partial in an attribute",
        text=START
        + """# %%
import functools
from types import SimpleNamespace
%kdoctor on
task = SimpleNamespace(fit=functools.partial(model.fit, verbose=0))
task.fit(x, y, validation_split=0.2)
""",
        unwritten="not found",
    ),
    Notebook(
        name="fit by another name",
        text=START + "# %%\n%kdoctor on\nlearn = model.fit\nlearn(x, y, validation_split=0.2, verbose=0)",
        unwritten="not found",
    ),
    Notebook(
        name="a thread",
        text=START
        + """# %%
from concurrent.futures import ThreadPoolExecutor
%kdoctor on
with ThreadPoolExecutor() as pool:
    history = pool.submit(model.fit, x, y, validation_split=0.2, verbose=0).result()
""",
        unwritten="not found",
    ),
    # what happens afterwards ------------------------------------------------------------------------------------------
    Notebook(
        name="a name that is deleted",
        text=START
        + """# %%
%kdoctor on
rows = x * 1
model.fit(rows, y, validation_split=0.2, verbose=0)
del rows
""",
        arguments={"x": "rows", "y": "y"},
        placeholders=("rows",),
    ),
    Notebook(
        name="a name that a later cell deletes",
        text=START
        + """# %%
rows = x * 1
# %%
%kdoctor fit model.fit(rows, y, validation_split=0.2, verbose=0)
# %%
del rows
""",
        arguments={"x": "rows", "y": "y"},
        placeholders=("rows",),
    ),
    Notebook(
        name="a name that is given to something else",
        text=START
        + """# %%
%kdoctor on
original = x
model.fit(x, y, validation_split=0.2, verbose=0)
x = x[:10]
""",
        arguments={"x": "original", "y": "y"},
    ),
    Notebook(
        name="an exception in the fit",
        text=START.replace("[0, 1, 2], 40", "[1, 2, 3], 40")
        + "# %%\nhistory = %kdoctor fit model.fit(x, y, epochs=1, verbose=0)",
        diagnosis="labels-out-of-range",
        raises=True,
        assignment="history = ",
    ),
)
