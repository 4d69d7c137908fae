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


def overfitted(model: keras.Model, x: Any = X, y: Any = Y, **arguments: Any) -> Report:
    return check(
        lambda: model.fit(x, y, **arguments),
        observer=Observer(),
        ignored={},
        cell_id="",
        usage_error=ValueError,
        unseen="no fit",
        probes=("overfit_batch",),
    )


def hidden(*layers: keras.layers.Layer, optimizer: Any = "adam", **options: Any) -> keras.Model:
    model = classifier(keras.layers.Dense(32, activation="relu", **options), *layers)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_a_sound_network_knows_a_few_rows_by_heart():
    report = overfitted(hidden(keras.layers.BatchNormalization(), keras.layers.Dropout(0.3)))
    assert report.diagnoses == ()
    assert report.record.failures == []
    found = report.record.quantities["overfit_batch"]
    assert found.rows == 8
    assert [attempt.ended for attempt in found.attempts] == ["learned"]
    assert "8 rows by heart" in str(report)


def test_the_rows_are_trained_as_fit_would():
    """The first and the later losses are those of a fit on the same rows, with the optimizer's state as it is."""
    model = hidden(optimizer=keras.optimizers.SGD(0.01, momentum=0.9))
    model.fit(X, Y, epochs=1, verbose=0)
    report = overfitted(model)
    attempt = report.record.quantities["overfit_batch"].compiled
    rows = chosen_rows()
    losses = [model.fit(X[rows], Y[rows], batch_size=8, shuffle=False, verbose=0) for _ in range(attempt.steps)]
    slow = [history.history["loss"][0] for history in losses]
    assert attempt.first == pytest.approx(slow[0], rel=1e-4)
    assert attempt.last == pytest.approx(np.median(slow[-10:]), rel=1e-2)


def chosen_rows() -> list[int]:
    """The first row of every class in the order in which the probe meets them, then the second ones."""
    shown = np.sort(np.random.default_rng(0).choice(700, 512, replace=False))
    by_class: dict[int, list[int]] = {}
    for row in np.random.default_rng(0).permutation(512):
        by_class.setdefault(int(Y[shown[row]]), []).append(int(shown[row]))
    order = list(by_class)
    return [by_class[label][place] for place in range(2) for label in order]


def penalized() -> keras.Model:
    """A network in which penalties pull every kernel to 0."""
    penalty = keras.regularizers.L2(30.0)
    return classifier(keras.layers.Dense(32, "relu", kernel_regularizer=penalty), kernel_regularizer=penalty)


def dead() -> keras.Model:
    """A network whose hidden units are all below 0."""
    return classifier(keras.layers.Dense(16, "relu", bias_initializer=keras.initializers.Constant(-99)))


@pytest.mark.parametrize(
    ("model", "causes"),
    [
        (lambda: hidden(optimizer=keras.optimizers.Adam(10.0)), {"rate-too-high"}),
        (lambda: hidden(optimizer=keras.optimizers.Adam(1e-8)), {"rate-too-low"}),
        (penalized, {"large-penalty"}),
        (lambda: hidden(keras.layers.Dropout(0.999)), {"training-noise"}),
        # of two rows of each class the gradient of the last bias is 0, too
        (dead, {"constant-output", "no-gradient"}),
    ],
)
def test_why_the_rows_are_not_learned(model, causes):
    built = model()
    before = state(built)
    report = overfitted(built)
    assert state(built) == before
    assert confirmed(report, "cannot-overfit-a-batch") == causes


class Interrupting(keras.layers.Layer):
    """Raises in training, after everything else was computed."""

    def __init__(self, error: type[BaseException] | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error = error
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x: Any, training: bool = False) -> Any:
        if training and self.error is not None:
            raise self.error("mine")
        return x + 0 * keras.random.normal(keras.ops.shape(x), seed=self.seeds)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("trained", [False, True])
def test_also_where_it_is_broken_off_nothing_has_changed(error, trained):
    layer = Interrupting(error)
    model = hidden(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5), layer)
    if trained:
        layer.error = None
        model.fit(X, Y, epochs=1, verbose=0)
        layer.error = error
    before, built, random_numbers = state(model), model.optimizer.built, np.random.get_state()[1].tobytes()  # noqa: NPY002
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            overfitted(model)
    else:
        report = overfitted(model)
        # fit would raise it too
        assert "mine" in report.record.outcome.exception
        assert not report.record.failures
        assert "overfit_batch" not in report.record.quantities
    assert state(model) == before
    assert model.optimizer.built is built
    assert np.random.get_state()[1].tobytes() == random_numbers  # noqa: NPY002
    assert keras.Model.fit.__module__.startswith("keras.")


def test_the_fit_after_it_is_that_without_it():
    histories = []
    for look in (False, True):
        keras.utils.set_random_seed(11)
        model = hidden(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5))
        if look:
            overfitted(model)
        histories.append(model.fit(X, Y, epochs=2, verbose=0).history)
    assert histories[0] == histories[1]


def test_the_time_is_kept(monkeypatch):
    from kerasdoctor.instrumentation.probes import overfit_batch

    monkeypatch.setattr(overfit_batch, "SECONDS", 0.0)
    report = overfitted(hidden(optimizer=keras.optimizers.Adam(1e-8)))
    found = report.record.quantities["overfit_batch"]
    assert [(attempt.ended, attempt.steps) for attempt in found.attempts] == [("seconds", 1)]
    assert report.diagnoses == ()


class OwnStep(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(4, activation="softmax")

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


def own_step() -> keras.Model:
    model = OwnStep()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.build((None, 8))
    return model


def poisson() -> keras.Model:
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, activation="exponential")])
    model.compile("adam", "poisson")
    return model


@pytest.mark.parametrize(
    ("model", "x", "y", "words"),
    [
        (own_step, X, Y, "train_step of its own"),
        (poisson, X, Y, "by heart is not known"),
        (hidden, X, np.ones(700, int), "the same target"),
        (hidden, np.ones_like(X), Y, "no two different rows"),
        (classifier, X[:, :8], Y, ""),
        (
            lambda: keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, "sigmoid")]),
            X,
            Y % 2,
            "too few weights",
        ),
    ],
)
def test_what_it_cannot_look_at_is_said(model, x, y, words):
    built = model()
    if not built.compiled:
        built.compile("adam", "binary_crossentropy")
    report = overfitted(built, x, y)
    assert report.record.failures == []
    if not words:
        assert "overfit_batch" in report.record.quantities
        return
    assert words in report.record.instrument.unprobed
    reasons = {skipped.name: skipped.reason for skipped in report.skipped}
    assert words in reasons["cannot-overfit-a-batch"]


@pytest.mark.parametrize("kind", ["weights", "float16", "schedule", "images", "tokens", "regression", "eager"])
def test_other_forms_of_programs_are_learned(kind):
    arguments: dict[str, Any] = {}
    model, x, y = hidden(), X, Y
    if kind == "weights":
        arguments["sample_weight"] = np.linspace(0, 1, 700)
    elif kind == "float16":
        keras.config.set_dtype_policy("mixed_float16")
        try:
            model = hidden()
        finally:
            keras.config.set_dtype_policy("float32")
    elif kind == "schedule":
        model = hidden(optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 5000)))
    elif kind == "images":
        x = RNG.uniform(size=(60, 8, 8, 1)).astype("float32")
        y = np.eye(3)[RNG.integers(0, 3, 60)]
        model = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                keras.layers.RandomFlip(),
                keras.layers.Conv2D(16, 3, activation="relu"),
                keras.layers.Flatten(),
                keras.layers.Dense(3),
            ]
        )
        model.compile("adam", keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1))
    elif kind == "tokens":
        x, y = RNG.integers(1, 50, (60, 12)), RNG.integers(0, 2, 60)
        model = keras.Sequential(
            [
                keras.Input((12,), dtype="int32"),
                keras.layers.Embedding(50, 8, mask_zero=True),
                keras.layers.Bidirectional(keras.layers.GRU(8)),
                keras.layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.compile("adam", "binary_crossentropy")
    elif kind == "regression":
        y = X @ RNG.normal(size=(8, 2))
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(2)])
        model.compile(keras.optimizers.SGD(0.05), "mse")
    elif kind == "eager":
        model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    report = overfitted(model, x, y, **arguments)
    assert report.record.failures == []
    assert not report.record.instrument.unprobed
    assert report.record.quantities["overfit_batch"].compiled.ended == "learned"
