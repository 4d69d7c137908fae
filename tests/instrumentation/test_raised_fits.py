"""Fits that Keras ends with an exception: it passes unchanged, and the report names its cause."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from keras.src.utils import traceback_utils

import kerasdoctor
from kerasdoctor.diagnosis import Status

layers = keras.layers
EXCLUDED = traceback_utils._EXCLUDED_PATHS
GENERATOR = np.random.default_rng(0)
X = GENERATOR.standard_normal((64, 4)).astype("float32")
Y = GENERATOR.integers(0, 3, 64)
WORDS = GENERATOR.integers(0, 60, (64, 6))
FRAME = pd.DataFrame(X, columns=list("abcd"))


def dense(units: int = 3, loss: str = "sparse_categorical_crossentropy", *front: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), *front, layers.Dense(units, "softmax")])
    model.compile("adam", loss)
    return model


def embedding() -> keras.Model:
    model = keras.Sequential(
        [keras.Input((6,)), layers.Embedding(50, 4), layers.GlobalAveragePooling1D(), layers.Dense(3, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def objects(rows: list[Any]) -> Any:
    made = np.empty(len(rows), dtype=object)
    made[:] = rows
    return made


class Terabytes(layers.Layer):
    def call(self, inputs: Any) -> Any:
        return inputs + keras.ops.mean(keras.random.uniform((1_000_000, 1_000_000)))


def _none() -> Any:
    made = X.astype(object)
    made[3, 2] = None
    return made


def _with_text(*, column: bool) -> Any:
    made = X.astype(object)
    made[slice(None) if column else 3, 2] = "n/a"
    return made


RAGGED = [[1] * (1 + row % 5) for row in range(64)]

CASES: dict[str, tuple[Callable[[], keras.Model], Any, Any, str, str]] = {
    "numbers as objects": (dense, X.astype(object), Y, "object-dtype", 'x.astype("float32")'),
    "None among numbers": (dense, _none(), Y, "object-dtype", "x[3, 2] is None"),
    "text among numbers": (
        dense,
        _with_text(column=False),
        Y,
        "object-dtype",
        "x[3, 2] is text in a column of numbers",
    ),
    "a column of text": (dense, _with_text(column=True), Y, "text-input", "x[0, 2] holds text"),
    "an array of arrays": (dense, objects(list(X)), Y, "object-dtype", "numpy.stack(x)"),
    "a column of objects": (dense, FRAME.assign(b=FRAME["b"].astype(object)), Y, "object-dtype", "x holds numbers"),
    "a column of times": (dense, FRAME.assign(d=pd.Timestamp("2020-01-01")), Y, "object-dtype", "column d of x"),
    "objects of different lengths": (embedding, objects(RAGGED), Y, "ragged-input", "pad_sequences(x)"),
    "lists of different lengths": (embedding, RAGGED, Y, "ragged-input", "pad_sequences(x)"),
    "words": (embedding, np.full((64, 6), "word"), Y, "text-input", "TextVectorization"),
    "a column of words": (dense, FRAME.assign(c="town"), Y, "text-input", "column c of x holds text"),
    "a list of words": (embedding, ["two words"] * 64, Y, "text-input", "x holds text"),
    "names of classes": (dense, X, np.array(["a", "b", "c"])[Y], "text-input", "return_inverse"),
    "a list of rows": (dense, X.tolist(), Y, "python-lists", "a list: x"),
    "a list of arrays": (dense, list(X), Y, "python-lists", "a list: x"),
    "a list of labels": (dense, X, Y.tolist(), "python-lists", "a list: y"),
    "fewer labels": (dense, X, Y[:-4], "different-lengths", "x: 64, y: 60"),
    "an index beyond": (embedding, WORDS, Y, "embedding-index", "is not in [0, 50)"),
    "an index below 0": (embedding, WORDS - 70, Y, "embedding-index", "is not in [0, 50)"),
    "labels from 1 on": (dense, X, Y + 1, "label-out-of-range", "[0, 3)"),
    "labels for categorical": (
        lambda: dense(3, "categorical_crossentropy"),
        X,
        Y,
        "integer-labels-for-categorical",
        "sparse_categorical_crossentropy",
    ),
    "one-hot for sparse": (dense, X, np.eye(3)[Y], "one-hot-for-sparse", "categorical_crossentropy"),
    "too few outputs": (
        lambda: dense(2, "categorical_crossentropy"),
        X,
        np.eye(3)[Y],
        "output-shape",
        "the outputs (rows, 2)",
    ),
    "too many columns": (
        lambda: dense(2, "mse"),
        X,
        X[:, :3],
        "output-shape",
        "the targets are (rows, 3), the outputs (rows, 2)",
    ),
    "another number of features": (dense, X[:, :3], Y, "input-shape", "value 4"),
    "too much memory": (
        lambda: dense(3, "sparse_categorical_crossentropy", Terabytes()),
        X,
        Y,
        "out-of-memory",
        "ResourceExhausted",
    ),
}
#: Causes that have a cell to offer, where the call is known.
TREATED = {
    *("numbers as objects", "a column of objects", "a list of rows", "a list of labels"),
    *("a list of arrays", "an index beyond", "labels from 1 on", "labels for categorical", "one-hot for sparse"),
    *("objects of different lengths", "lists of different lengths", "names of classes"),
}


def _frames(error: pytest.ExceptionInfo[Any]) -> list[tuple[str, str]]:
    return [(str(entry.path), entry.name) for entry in error.traceback]


@pytest.mark.parametrize("case", CASES)
def test_the_cause_is_named_and_the_exception_passes_unchanged(case: str) -> None:
    build, x, y, name, says = CASES[case]
    keras.utils.clear_session()
    with pytest.raises(Exception) as plain:  # noqa: PT011 - whatever Keras raises
        build().fit(x, y, verbose=0)
    # the names of layers are part of what is said
    keras.utils.clear_session()
    with kerasdoctor.watch(quiet=True) as watch, pytest.raises(plain.type) as watched:
        build().fit(x, y, verbose=0)
    assert str(watched.value).splitlines()[:1] == str(plain.value).splitlines()[:1]
    # below the patched `fit` Keras has left the same frames
    assert _frames(watched)[-2:] == _frames(plain)[-2:]
    assert traceback_utils._EXCLUDED_PATHS == EXCLUDED
    assert not watch.report.record.failures
    found = next(diagnosis for diagnosis in watch.report.diagnoses if diagnosis.name == "fit-raised")
    causes = [cause for cause in found.causes if cause.status is Status.CONFIRMED]
    assert [cause.name for cause in causes] == [name]
    assert says in causes[0].evidence.statement
    assert bool(causes[0].prescriptions) is (case in TREATED)


def test_ragged_tensors_that_keras_takes_are_no_fault() -> None:
    import tensorflow as tf

    with kerasdoctor.watch(quiet=True) as watch:
        embedding().fit(tf.ragged.constant(RAGGED), Y, verbose=0)
    assert watch.report.record.data.contents["x"].kind == "rows"
    assert not any(diagnosis.severity.label != "info" for diagnosis in watch.report.diagnoses)


@pytest.mark.parametrize(("monitor", "right"), [("val_acc", "val_accuracy"), ("val_los", "val_loss"), ("los", "loss")])
def test_a_monitor_that_no_log_has(monitor: str, right: str) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    watching = keras.callbacks.EarlyStopping(monitor)
    with kerasdoctor.watch(quiet=True) as watch, pytest.raises(ValueError, match="monitor="):
        model.fit(X, Y, validation_split=0.25, epochs=3, verbose=0, callbacks=[watching])
    found = next(diagnosis for diagnosis in watch.report.diagnoses if diagnosis.name == "fit-raised")
    assert [cause.name for cause in found.causes if cause.status is Status.CONFIRMED] == ["unknown-monitor"]
    assert f"write monitor='{right}'" in found.message
