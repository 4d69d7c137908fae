"""Differently written cells that build a model: what is edited in place, and what must not be."""

from __future__ import annotations

FIT = "history = model.fit(x, y, epochs=2)"

#: Name -> the cells that ran, the one with `fit` last.
EDITABLE: dict[str, tuple[str, ...]] = {
    "a list": (
        """import keras
model = keras.Sequential([
    keras.Input((8,)),
    keras.layers.Dense(16, activation="relu"),
    keras.layers.Dense(8, activation="relu"),
    keras.layers.Dense(3, activation="softmax"),
])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
""",
        FIT,
    ),
    "comments behind everything, no trailing comma": (
        """from tensorflow import keras  # Keras 3
from tensorflow.keras import layers

# a small one
model = keras.Sequential(  # plain
    [
        layers.Input(shape=(8,)),  # eight features
        # hidden
        layers.Dense(16, activation="relu"),  # first
        layers.Dense(
            8,  # units
            activation="relu"  # and no comma
        ),  # second
        layers.Dense(3, activation="softmax")  # classes
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(1e-3),  # the default
    loss="sparse_categorical_crossentropy"  # integers
)""",
        FIT,
    ),
    "one line": (
        """from keras import Sequential, layers
model = Sequential([layers.Input((8,)), layers.Dense(16, "relu"), layers.Dense(8, "relu"), layers.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "the classes by their own names": (
        """from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.optimizers import SGD

layers = Sequential([Input((8,)), Dense(16, activation='relu'), Dense(8, activation='relu'), Dense(3, 'softmax')])
model = layers
model.compile(optimizer=SGD(learning_rate=0.1), loss='sparse_categorical_crossentropy')""",
        FIT,
    ),
    "tensorflow alone": (
        """import tensorflow as tf
model = tf.keras.Sequential([
    tf.keras.layers.InputLayer(shape=(8,)),
    tf.keras.layers.Dense(16, activation=tf.nn.relu),
    tf.keras.layers.Dense(8, activation="relu"), tf.keras.layers.Dense(3, activation="softmax"),
])
model.compile(optimizer=tf.keras.optimizers.RMSprop(), loss=tf.keras.losses.SparseCategoricalCrossentropy())""",
        FIT,
    ),
    "add": (
        """from keras import layers, models
model = models.Sequential()
model.add(layers.Input((8,)))
model.add(layers.Dense(16, activation="relu"))  # first
model.add(layers.Dense(8, activation="relu"))

model.add(layers.Dense(3, activation="softmax"))
model.compile("adam", loss="sparse_categorical_crossentropy")""",
        FIT,
    ),
    "add over several cells": (
        "import keras\nfrom keras.layers import *\nmodel = keras.models.Sequential([Input((8,)), Dense(16, 'relu')])",
        "model.add(Dense(8, 'relu'))",
        "model.add(Dense(3, 'softmax'))\nmodel.summary()",
        "model.compile('adam', 'sparse_categorical_crossentropy')",
        FIT,
    ),
    "functional": (
        """import keras
from keras import layers
inputs = keras.Input(shape=(8,))
x = layers.Dense(16, activation="relu")(inputs)
x = layers.Dense(8, activation="relu")(x)  # narrow
outputs = layers.Dense(3, activation="softmax")(x)
model = keras.Model(inputs, outputs)
model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")""",
        FIT,
    ),
    "functional in one expression": (
        """import keras
from keras.layers import Dense
entry = keras.Input((8,))
model = keras.Model(entry, Dense(3, "softmax")(Dense(8, "relu")(Dense(16, "relu")(entry))))
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "functional with branches and names": (
        """import keras
from keras import layers as L
a = keras.Input((8,), name="table")
left = L.Dense(16, activation="relu", name="left")(a)
right = L.Dense(8, activation="tanh")(a)
both = L.Concatenate()([left, right])
out = L.Dense(3, activation="softmax", name="classes")(both)
model = keras.Model(inputs=a, outputs=out, name="branched")
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "layers in variables": (
        """import keras
hidden = keras.layers.Dense(16, activation="relu")
narrow = keras.layers.Dense(8, activation="relu")
top = keras.layers.Dense(3, activation="softmax")
model = keras.Sequential([keras.Input((8,)), hidden, narrow, top])
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "a list in a variable": (
        """import keras
stack = [
    keras.Input((8,)), keras.layers.Dense(16, activation="relu"),
    keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3, activation="softmax"),
]
model = keras.Sequential(stack)
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "a function": (
        '''import keras

def build(units=16, *, rate=1e-3):
    """A small classifier."""
    net = keras.Sequential()
    net.add(keras.Input((8,)))
    net.add(keras.layers.Dense(units, activation="relu"))
    net.add(keras.layers.Dense(units // 2, activation="relu"))
    net.add(keras.layers.Dense(3, activation="softmax"))
    opt = keras.optimizers.Adam(learning_rate=rate)
    net.compile(optimizer=opt, loss="sparse_categorical_crossentropy")
    return net
''',
        "model = build()",
        FIT,
    ),
    "a function that returns the call": (
        """import keras
def build():
    return keras.Sequential([
        keras.Input((8,)),
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(3, activation="softmax"),
    ])""",
        'model = build()\nmodel.compile("adam", "sparse_categorical_crossentropy")\n' + FIT,
    ),
    "a function with the functional API": (
        """import keras
from keras import layers
def build(shape):
    inputs = layers.Input(shape)
    h = layers.Dense(16, activation="relu")(inputs)
    h = layers.Dense(8, activation="relu")(h)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(h))

shape = (8,)""",
        'model = build(shape)\nmodel.compile("adam", "sparse_categorical_crossentropy")',
        FIT,
    ),
    "magics and names that are not ASCII": (
        """%matplotlib inline
!echo "größe"
import keras
größe = 16  # 单位
модель = keras.Sequential([
    keras.Input((8,)), keras.layers.Dense(größe, activation="relu"),  # „verdeckt“
    keras.layers.Dense(8, activation="relu"),
    keras.layers.Dense(3, activation="softmax"),
])
модель.compile("adam", "sparse_categorical_crossentropy")""",
        "%%time\n%kdoctor on\nhistory = модель.fit(x, y, epochs=2)",
    ),
    "a strategy's scope and a seed": (
        """import contextlib, keras
keras.utils.set_random_seed(1); scope = contextlib.nullcontext()
with scope:
    model = keras.Sequential([
        keras.layers.Input((8,)),
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(3, activation="softmax"),
    ], name="net")
    model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "without an input": (
        """import keras
model = keras.models.Sequential(layers=[
    keras.layers.Dense(16, activation="relu"),
    keras.layers.Dense(8, activation="relu"),
    keras.layers.Dense(3, activation="softmax"),
])
model.build((None, 8))
model.compile(optimizer=keras.optimizers.Adam(
    learning_rate=1e-3,
    beta_1=.9,
), loss="sparse_categorical_crossentropy")""",
        FIT,
    ),
    "a dimension of the input at the layer": (
        """import keras
from keras.layers import Dense
model = keras.Sequential()
model.add(Dense(16, activation="relu", input_shape=(8,)))
model.add(Dense(8, activation="relu"))
model.add(Dense(3, activation="softmax"))
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "an earlier model beside it": (
        """import keras
first = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16), keras.layers.Dense(3)])
inputs = keras.Input((8,))
x = keras.layers.Dense(16, activation="relu")(inputs)
other = keras.Model(inputs, keras.layers.Dense(1)(x))""",
        """inputs = keras.Input((8,))
x = keras.layers.Dense(16, activation="relu")(inputs)
x = keras.layers.Dense(8, activation="relu")(x)
model = keras.Model(inputs=[inputs], outputs=[keras.layers.Dense(3, activation="softmax")(x)])
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "a loop around it all": (
        """import keras
for rate in (0.1, 0.01):
    model = keras.Sequential([
        keras.Input((8,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(3, activation="softmax"),
    ])
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    history = model.fit(x, y, epochs=2)
""",
    ),
    "fit in a function": (
        """import keras
def train():
    model = keras.Sequential([
        keras.Input((8,)),
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(x, y, epochs=2)
    return model""",
        "model = train()",
    ),
    "a model in the model": (
        """import keras
from keras import layers
front = keras.Sequential([layers.Rescaling(0.5)], name="front")
model = keras.Sequential([
    keras.Input((8,)),
    front,
    layers.Dense(16, activation="relu"),
    layers.Dense(8, activation="relu"),
    layers.Dense(3, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
}

#: Cells in which the place of a layer cannot be told for certain.
UNCLEAR: dict[str, tuple[str, ...]] = {
    "a loop that adds layers": (
        """import keras
model = keras.Sequential([keras.Input((8,))])
for units in (16, 8):
    model.add(keras.layers.Dense(units, activation="relu"))
model.add(keras.layers.Dense(3, activation="softmax"))
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "layers from a comprehension": (
        """import keras
hidden = [keras.layers.Dense(units, activation="relu") for units in (16, 8)]
model = keras.Sequential([keras.Input((8,)), *hidden, keras.layers.Dense(3, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "a loop in the functional API": (
        """import keras
inputs = x = keras.Input((8,))
for units in (16, 8):
    x = keras.layers.Dense(units, activation="relu")(x)
model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "a helper that makes blocks": (
        """import keras
def block(x, units):
    x = keras.layers.Dense(units, activation="relu")(x)
    return x
inputs = keras.Input((8,))
model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(block(block(inputs, 16), 8)))
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "a helper that adds to the model": (
        """import keras
def widen(net):
    net.add(keras.layers.Dense(16, activation="relu"))
    net.add(keras.layers.Dense(8, activation="relu"))
model = keras.Sequential([keras.Input((8,))])
widen(model)
model.add(keras.layers.Dense(3, activation="softmax"))
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "a choice": (
        """import keras
deep = True
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu")])
if deep:
    model.add(keras.layers.Dense(8, activation="relu"))
model.add(keras.layers.Dense(3, activation="softmax"))
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "layers taken away": (
        """import keras
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"),
    keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3), keras.layers.Dense(3)])
model.pop()
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
    "a cell that was edited and not run": (
        """import keras
def build():
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3, activation="softmax")])
model = build()
model.compile("adam", "sparse_categorical_crossentropy")""",
        """def build():
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(32), keras.layers.Dense(16),
        keras.layers.Dense(3)])""",
        FIT,
    ),
    "a parameter that has the name of another model": (
        """import keras
def build():
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3, activation="softmax")])
other = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"),
    keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3, activation="softmax")])
def finished(other):
    other.compile("adam", "sparse_categorical_crossentropy")
    return other
model = finished(build())""",
        FIT,
    ),
    "a model from a file": (
        """import keras
built = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"),
    keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3, activation="softmax")])
model = keras.models.clone_model(built)
model.compile("adam", "sparse_categorical_crossentropy")""",
        FIT,
    ),
}
