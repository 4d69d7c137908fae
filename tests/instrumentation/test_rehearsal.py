"""What a check says of fits that raise before or in their first step."""

from __future__ import annotations

import random
from typing import Any

import keras
import numpy as np
import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.instrumentation.checking import check
from kerasdoctor.instrumentation.observer import Observer
from kerasdoctor.report import Report

RNG = np.random.default_rng(5)
X = RNG.uniform(size=(700, 8)).astype("float32")
Y = RNG.integers(0, 4, 700)
ONE_HOT = np.eye(4)[Y]
SPARSE, CATEGORICAL = "sparse_categorical_crossentropy", "categorical_crossentropy"


def own_loss(_true: Any, _predicted: Any) -> Any:
    raise KeyError("weights")


def checked(model: keras.Model, *args: Any, **arguments: Any) -> Report:
    return check(
        lambda: model.fit(*args, **arguments, verbose=0),
        observer=Observer(),
        ignored={},
        cell_id="",
        usage_error=ValueError,
        unseen="no fit",
    )


def network(loss: Any, *, rows: int = 8, units: int = 4, first: Any = None) -> keras.Model:
    keras.utils.set_random_seed(7)
    layers = [first or keras.layers.Dense(6, activation="relu"), keras.layers.BatchNormalization()]
    noisy = [keras.layers.Dropout(0.5), keras.layers.Flatten(), keras.layers.Dense(units, activation="softmax")]
    model = keras.Sequential([keras.Input((rows,)), *layers, *noisy])
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def state(model: keras.Model) -> list[Any]:
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    values = [keras.ops.convert_to_numpy(variable).tobytes() for variable in variables]
    return [values, random.getstate(), str(np.random.get_state())]  # noqa: NPY002 (what users draw from)


@pytest.mark.parametrize(
    ("cause", "loss", "x", "y", "options"),
    [
        ("one-hot-for-sparse", SPARSE, X, ONE_HOT, {}),
        ("integer-labels-for-categorical", CATEGORICAL, X, Y, {}),
        ("output-shape", CATEGORICAL, X, ONE_HOT, {"units": 3}),
        ("output-shape", "mse", X, ONE_HOT, {"units": 3}),
        ("different-lengths", SPARSE, X[:600], Y, {}),
        ("embedding-index", SPARSE, (X * 9).astype(int), Y, {"first": keras.layers.Embedding(8, 2)}),
        ("object-dtype", SPARSE, X.astype(object), Y, {}),
        ("input-shape", SPARSE, X, Y, {"rows": 7}),
        ("text-input", SPARSE, np.array(["a b"] * 700), Y, {}),
        ("python-lists", SPARSE, X.tolist(), Y, {}),
        ("missing-loss", None, X, Y, {}),
        ("missing-targets", SPARSE, X, None, {}),
        ("own-code", own_loss, X, Y, {}),
    ],
)
def test_a_check_tells_what_fit_would_raise(cause, loss, x, y, options):
    model = network(loss, **options)
    before = state(model)
    report = checked(model, x, y)
    assert state(model) == before
    found = next(diagnosis for diagnosis in report.diagnoses if diagnosis.name == "fit-raised")
    assert [one.name for one in found.causes if one.status is Status.CONFIRMED] == [cause]
    assert report.record.outcome.status == "checked"
    assert not report.record.failures
    # and it would
    with pytest.raises(Exception) as raised:  # noqa: PT011 (of many classes)
        model.fit(x, y, verbose=0)
    assert report.record.outcome.exception.startswith(type(raised.value).__name__)


def test_an_exception_of_no_known_cause_is_no_clean_bill():
    class Custom(keras.layers.Layer):
        def call(self, inputs: Any, training: bool = False) -> Any:
            return keras.ops.reshape(inputs, (-1, 4)) if training else inputs

    model = network("mse", first=Custom())
    report = checked(model, X, ONE_HOT)
    assert report.record.outcome.exception
    assert "Nothing found" not in str(report)


def test_a_fit_that_raises_nothing_is_left_alone():
    model = network(SPARSE)
    before = state(model)
    report = checked(model, X, Y, validation_split=0.2, class_weight={0: 1.0, 1: 2.0, 2: 1.0, 3: 1.0})
    assert not report.record.outcome.exception
    assert not report.record.failures
    assert state(model) == before
    weights = [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    model.fit(X, Y, epochs=1, verbose=0)
    unchecked = network(SPARSE)
    for value, variable in zip(weights, unchecked.trainable_variables, strict=True):
        np.testing.assert_array_equal(value, keras.ops.convert_to_numpy(variable))
    unchecked.fit(X, Y, epochs=1, verbose=0)
    for one, other in zip(model.variables, unchecked.variables, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other))
