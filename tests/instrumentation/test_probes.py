"""The probes of a check against what is known of small models."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest

from kerasdoctor.diagnosis import Severity, Status
from kerasdoctor.instrumentation import probes
from kerasdoctor.instrumentation.checking import check
from kerasdoctor.instrumentation.observer import Observer
from kerasdoctor.report import Report

RNG = np.random.default_rng(5)
X = RNG.uniform(size=(700, 8)).astype("float32")
Y = RNG.integers(0, 4, 700)
LARGE = keras.initializers.RandomNormal(stddev=9.0)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(7)


def checked(model: keras.Model, x: Any = X, y: Any = Y, **arguments: Any) -> Report:
    return check(
        lambda: model.fit(x, y, **arguments),
        observer=Observer(),
        ignored={},
        cell_id="",
        usage_error=ValueError,
        unseen="no fit",
    )


def classifier(*layers: keras.layers.Layer, **last: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((8,)), *layers, keras.layers.Dense(4, **({"activation": "softmax"} | last))])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def state(model: keras.Model) -> list[bytes]:
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return [keras.ops.convert_to_numpy(variable).tobytes() for variable in variables]


def confirmed(report: Report, name: str) -> set[str]:
    found = next((diagnosis for diagnosis in report.diagnoses if diagnosis.name == name), None)
    return {cause.name for cause in found.causes if cause.status is Status.CONFIRMED} if found else set()


class Sampling(keras.layers.Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x: Any) -> Any:
        return x + keras.random.normal(keras.ops.shape(x), seed=self.seeds)


class Unseeded(keras.layers.Layer):
    def call(self, x: Any) -> Any:
        return x + keras.random.normal(keras.ops.shape(x))


class AlwaysDropping(keras.layers.Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dropout = keras.layers.Dropout(0.5, seed=2, name="dropped")

    def call(self, x: Any) -> Any:
        return self.dropout(x, training=True)


def test_a_healthy_start_is_measured_and_nothing_is_found():
    model = classifier(keras.layers.Dense(16, activation="relu"), keras.layers.Dropout(0.5))
    report = checked(model)
    assert report.diagnoses == ()
    assert report.record.failures == []
    measured = report.record.quantities
    loss = keras.losses.SparseCategoricalCrossentropy()
    rows = np.sort(np.random.default_rng(0).choice(700, 512, replace=False))
    expected = float(loss(Y[rows], model(X[rows], training=False)))
    assert measured["initial_loss"].value == pytest.approx(expected, rel=1e-5)
    assert measured["inference_metrics"].mean.tolist() == [pytest.approx([expected], rel=1e-5)]
    assert measured["initial_loss"].guessing == pytest.approx(math.log(4))
    assert measured["initial_loss"].prior == pytest.approx(math.log(4), rel=0.01)
    assert measured["inference_randomness"].difference == 0
    assert 0 < measured["zero_input"].spread < 1


def test_variance_and_mean_square_of_numbers():
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile("adam", "mse")
    y = RNG.normal(3.0, 2.0, 400)
    measured = checked(model, X[:400], y).record.quantities
    assert measured["initial_loss"].value == pytest.approx(measured["initial_loss"].guessing, rel=1e-5)
    assert measured["initial_loss"].guessing == pytest.approx((y**2).mean())
    assert measured["initial_loss"].prior == pytest.approx(y.var())
    # the output is 0 for every row
    assert "zero_input" not in measured


@pytest.mark.parametrize(
    ("model", "scale", "cause"),
    [
        (classifier, 255.0, "unscaled-inputs"),
        (lambda: classifier(kernel_initializer=LARGE), 1.0, "large-initialization"),
        (lambda: classifier(activation=None), 1.0, "logits-as-probabilities"),
    ],
)
def test_the_reason_of_a_high_loss(model, scale, cause):
    assert cause in confirmed(checked(model(), X * scale), "unexpected-initial-loss")


def test_a_high_loss_without_a_reason_is_no_finding():
    report = checked(classifier(), X * 19)
    assert confirmed(report, "unexpected-initial-loss") == set()


@pytest.mark.parametrize(("layer", "cause"), [(AlwaysDropping, "training-hard-coded"), (Sampling, "random-layer")])
def test_randomness_in_inference_is_told_and_is_no_warning(layer, cause):
    model = classifier(layer())
    before = state(model)
    report = checked(model)
    assert state(model) == before
    assert confirmed(report, "random-inference") == {cause}
    assert all(diagnosis.severity is Severity.INFO for diagnosis in report.diagnoses)


def test_a_layer_that_draws_without_a_generator_of_its_own_is_undecided():
    report = checked(classifier(Unseeded()))
    (found,) = [diagnosis for diagnosis in report.diagnoses if diagnosis.name == "random-inference"]
    assert {cause.name: cause.status for cause in found.causes} == {
        "random-layer": Status.POSSIBLE,
        "training-hard-coded": Status.RULED_OUT,
    }


def test_a_probe_that_fails_is_noted_and_harms_nothing(monkeypatch):
    def fails(_subject: probes.Subject) -> None:
        raise RuntimeError("mine")

    monkeypatch.setattr(probes, "probes", lambda: {"zero_input": fails})
    model = classifier(keras.layers.BatchNormalization())
    before = state(model)
    report = checked(model)
    assert state(model) == before
    assert [(failure.where, failure.error) for failure in report.record.failures] == [
        ("zero_input", "RuntimeError: mine")
    ]


def test_an_unbuilt_model_stays_unbuilt():
    model = keras.Sequential([keras.layers.Dense(4, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    report = checked(model)
    assert not model.built
    assert "not built yet" in report.record.instrument.unprobed
    reasons = {skipped.name: skipped.reason for skipped in report.skipped}
    assert "not built yet" in reasons["unexpected-initial-loss"]
    assert "not built yet" in reasons["random-inference"]


def test_a_user_who_catches_everything_does_not_go_on():
    model = classifier()

    def careful() -> None:
        try:
            model.fit(X, Y)
        except Exception:
            pytest.fail("the check was caught")
        pytest.fail("the code behind fit ran")

    report = check(careful, observer=Observer(), ignored={}, cell_id="", usage_error=ValueError, unseen="no fit")
    assert report.record.outcome.status == "checked"
