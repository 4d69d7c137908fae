"""The diagnoses of labels, last layer, loss and metric: where each fires, and what it leaves alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import shuffled_digits, target_form, with_head
from kerasdoctor.quantities.drawn_targets import DrawnTargets
from kerasdoctor.quantities.target_form import TargetForm
from kerasdoctor.quantities.target_scale import Moments, TargetScale
from kerasdoctor.record import CompiledMetric, Layer, Loss, Output, TrainingRecord
from tests.rules.differential import diagnosis, reason

EYE = np.eye(10)[np.arange(200) % 10]


def program(
    loss: str,
    y: Any,
    *,
    units: int = 10,
    activation: str = "softmax",
    metrics: tuple[CompiledMetric, ...] = (),
    losses: str = "0.9 0.8 0.7",
    **given: Any,
) -> TrainingRecord:
    """A run of three epochs with these targets under this last layer and loss."""
    return with_head(
        shuffled_digits(),
        units=units,
        activation=activation,
        loss=Loss(name=loss, by_name=not given, **given),
        y=np.asarray(y),
        metrics=metrics,
        history={"loss": losses},
    )


def confirmed(record: TrainingRecord, rule: str) -> set[str] | None:
    """Causes that are confirmed; None where the rule is silent."""
    found = diagnosis(record, rule)
    if found is None:
        return None
    return {cause.name for cause in found.causes if cause.status is Status.CONFIRMED}


SPARSE, CATEGORICAL, BINARY = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"


# labels-out-of-range


@pytest.mark.parametrize(
    ("labels", "causes"),
    [
        (np.arange(200) % 10, None),
        (np.arange(200) % 10 + 1, {"labels-from-one"}),
        (np.where(np.arange(200) % 7 == 0, -1, np.arange(200) % 10), {"masked-labels"}),
        (np.where(np.arange(200) % 7 == 0, 255, np.arange(200) % 10), {"masked-labels"}),
        (np.arange(200) % 13, {"too-few-outputs"}),
        (np.arange(200) % 5 * 4, {"labels-with-gaps"}),
        (np.arange(200) % 3, None),
    ],
)
def test_labels(labels: Any, causes: set[str] | None) -> None:
    assert confirmed(program(SPARSE, labels), "labels-out-of-range") == causes


def test_what_the_loss_ignores_is_no_label() -> None:
    labels = np.where(np.arange(200) % 7 == 0, -1, np.arange(200) % 10)
    ignoring = program(SPARSE, labels, config={"ignore_class": -1})
    assert diagnosis(ignoring, "labels-out-of-range") is None
    other = program(SPARSE, labels, config={"ignore_class": 255})
    assert confirmed(other, "labels-out-of-range") == {"masked-labels"}


def test_labels_of_a_pipeline_are_those_that_were_drawn() -> None:
    record = program(SPARSE, np.arange(200) % 10 + 1)
    form = record.quantities.pop("target_form").outputs
    assert reason(record, "labels-out-of-range") is not None
    record.quantities["drawn_targets"] = DrawnTargets(dict(form), {}, 1)
    assert confirmed(record, "labels-out-of-range") == {"labels-from-one"}


def test_labels_of_the_validation_alone() -> None:
    record = program(SPARSE, np.arange(200) % 10)
    trained = record.quantities["target_form"].outputs
    held_out = target_form(np.arange(50) % 12).outputs
    record.quantities["target_form"] = TargetForm(trained, held_out)
    assert confirmed(record, "labels-out-of-range") == {"too-few-outputs"}


def test_every_output_has_its_own_labels() -> None:
    record = program(SPARSE, np.arange(200) % 10)
    first = record.model.outputs[0]
    second = replace(first, name="b", layer="b", shape=(3,))
    record.model = replace(record.model, outputs=(replace(first, name="a"), second))
    forms = {"b": target_form(np.arange(200) % 3).outputs["y"], "a": target_form(np.arange(200) % 10).outputs["y"]}
    record.quantities["target_form"] = TargetForm(forms, {})
    assert diagnosis(record, "labels-out-of-range") is None
    forms["b"] = target_form(np.arange(200) % 4).outputs["y"]
    found = diagnosis(record, "labels-out-of-range")
    assert found is not None
    assert found.evidence[0].where == "b"


def test_a_subclassed_model_does_not_tell_its_outputs() -> None:
    record = program(SPARSE, np.arange(200) % 10 + 1)
    record.model = replace(record.model, kind="subclassed", outputs=())
    assert reason(record, "labels-out-of-range") is not None


# targets-out-of-range


@pytest.mark.parametrize(
    ("targets", "causes"),
    [
        ([0, 1] * 50, None),
        ([1, 2] * 50, {"labels-one-two"}),
        ([-1, 1] * 50, {"labels-plus-minus-one"}),
        ([0, 1, 2] * 50, {"several-classes"}),
        ([0, 255] * 50, {"unscaled-targets"}),
        (np.linspace(-2, 3, 500), {"unscaled-targets"}),
        (np.linspace(0, 1, 500), None),
        (np.linspace(-0.009, 1.009, 500), None),
        (np.linspace(-0.02, 1, 500), {"unscaled-targets"}),
    ],
)
def test_targets(targets: Any, causes: set[str] | None) -> None:
    assert confirmed(program(BINARY, targets, units=1, activation="sigmoid"), "targets-out-of-range") == causes


def test_a_negative_loss_is_told_by_its_own_rule() -> None:
    record = program(BINARY, [1, 2] * 50, units=1, activation="sigmoid", losses="0.4 -0.2 -0.9")
    assert diagnosis(record, "targets-out-of-range") is None
    assert diagnosis(record, "negative-loss") is not None


def test_any_targets_suit_a_squared_error() -> None:
    assert (
        diagnosis(program("mean_squared_error", [1, 2] * 50, units=1, activation="linear"), "targets-out-of-range")
        is None
    )


# the last layer and its loss


@pytest.mark.parametrize(
    ("activation", "logits", "causes"),
    [
        ("softmax", False, None),
        ("linear", True, None),
        ("linear", False, {"no-output-activation"}),
        ("relu", False, {"wrong-output-activation"}),
        ("tanh", False, {"wrong-output-activation"}),
        ("sigmoid", False, None),
        ("of_my_own", False, None),
    ],
)
def test_logits(activation: str, logits: bool, causes: set[str] | None) -> None:
    record = program(SPARSE, np.arange(200) % 10, activation=activation, from_logits=logits)
    assert confirmed(record, "logits-as-probabilities") == causes


@pytest.mark.parametrize("kind", ["Average", "GlobalAveragePooling2D", "Concatenate", "Rescaling", "TimeDistributed"])
def test_a_mean_of_probabilities_is_no_logit(kind: str) -> None:
    record = program(SPARSE, np.arange(200) % 10, activation="linear")
    output = record.model.outputs[0]
    record.model = replace(record.model, outputs=(replace(output, kind=kind),))
    assert diagnosis(record, "logits-as-probabilities") is None


def test_a_loss_of_ones_own_may_take_logits() -> None:
    assert diagnosis(program(SPARSE, EYE, activation="linear", builtin=False), "logits-as-probabilities") is None


@pytest.mark.parametrize(
    ("loss", "activation", "causes"),
    [
        (BINARY, "sigmoid", None),
        (BINARY, "softmax", {"softmax-over-one-unit"}),
        (CATEGORICAL, "sigmoid", {"categorical-loss-on-one-unit"}),
        (SPARSE, "softmax", {"softmax-over-one-unit", "categorical-loss-on-one-unit"}),
        ("mean_squared_error", "linear", None),
    ],
)
def test_one_unit(loss: str, activation: str, causes: set[str] | None) -> None:
    assert confirmed(program(loss, [0, 1] * 50, units=1, activation=activation), "single-unit-output") == causes


def test_softmax_over_the_steps_of_a_sequence() -> None:
    record = program(BINARY, np.zeros((100, 7, 1)), units=1)
    layer = replace(record.model.layers[-1], kind="Softmax", config={"axis": 1}, output_shape=(7, 1))
    output = Output(name="o", shape=(7, 1), layer=layer.name, kind="Softmax", activation="softmax")
    record.model = replace(record.model, layers=(*record.model.layers[:-1], layer), outputs=(output,))
    assert diagnosis(record, "single-unit-output") is None


@pytest.mark.parametrize(("kind", "fires"), [("Softmax", True), ("Activation", True), ("Dense", False)])
def test_softmax_behind_softmax(kind: str, fires: bool) -> None:
    record = program(SPARSE, np.arange(200) % 10)
    *_, last = record.model.layers
    again = Layer(name="again", kind=kind, output_shape=(10,), activation="softmax" if kind != "Softmax" else None)
    output = Output(name="again", shape=(10,), layer="again", kind=kind, activation="softmax")
    record.model = replace(record.model, layers=(*record.model.layers, again), outputs=(output,))
    assert last.activation == "softmax"
    assert confirmed(record, "softmax-twice") == ({"two-softmax-layers"} if fires else None)


def test_logits_of_probabilities() -> None:
    record = program(SPARSE, np.arange(200) % 10, from_logits=True)
    assert confirmed(record, "softmax-twice") == {"activation-and-from-logits"}


@pytest.mark.parametrize(
    ("activation", "targets", "causes"),
    [
        ("linear", np.linspace(-9, 9, 500), None),
        ("relu", np.linspace(0, 9, 500), None),
        ("relu", np.linspace(-9, 9, 500), {"relu-output"}),
        # a few outliers: 1 of 500
        ("relu", np.concatenate([[-1.0], np.linspace(0, 9, 499)]), None),
        ("relu", np.linspace(-0.003, 0.003, 500), {"relu-output"}),
        ("sigmoid", np.linspace(0, 1, 500), None),
        ("sigmoid", np.linspace(0, 9, 500), {"sigmoid-output"}),
        ("tanh", np.linspace(-1, 1, 500), None),
        ("tanh", np.linspace(-9, 9, 500), {"tanh-output"}),
    ],
)
def test_bounds(activation: str, targets: Any, causes: set[str] | None) -> None:
    assert confirmed(program("mean_squared_error", targets, units=1, activation=activation), "bounded-output") == causes


# rows of several classes

TWO = np.maximum(EYE, np.roll(EYE, 3, axis=1))


@pytest.mark.parametrize(
    ("loss", "activation", "targets", "fires"),
    [
        (CATEGORICAL, "sigmoid", EYE, True),
        (SPARSE, "sigmoid", np.arange(200) % 10, True),
        (BINARY, "sigmoid", EYE, False),
        (CATEGORICAL, "sigmoid", TWO, False),
        (CATEGORICAL, "softmax", EYE, False),
    ],
)
def test_exclusive_classes(loss: str, activation: str, targets: Any, fires: bool) -> None:
    found = diagnosis(program(loss, targets, activation=activation), "sigmoid-for-exclusive-classes")
    assert (found is not None) == fires


@pytest.mark.parametrize(
    ("activation", "targets", "fires"),
    [("softmax", TWO, True), ("softmax", EYE, False), ("sigmoid", TWO, False), ("softmax", EYE * 0.7 + 0.03, False)],
)
def test_several_labels(activation: str, targets: Any, fires: bool) -> None:
    found = confirmed(program(BINARY, targets, activation=activation), "softmax-for-several-labels")
    assert found == ({"several-labels-per-row"} if fires else None)


def _with(row: list[float], every: int) -> Any:
    targets = np.tile(EYE, (5, 1))
    targets[::every] = row
    return targets


@pytest.mark.parametrize(
    ("targets", "activation", "causes"),
    [
        (EYE, "softmax", None),
        (EYE * 0.9 + 0.01, "softmax", None),
        (_with([0] * 10, 20), "softmax", {"empty-rows"}),
        # 5 of 1,000: a slip
        (_with([0] * 10, 200), "softmax", None),
        (_with([1, 1] + [0] * 8, 20), "sigmoid", {"several-ones"}),
        # several labels, of which a row may have none
        (np.vstack([_with([1, 1] + [0] * 8, 2), np.zeros((10, 10))]), "softmax", None),
        (np.vstack([_with([1, 1] + [0] * 8, 2), np.zeros((10, 10))]), "sigmoid", {"several-ones", "empty-rows"}),
        (EYE * 0.8, "softmax", {"unnormalized-rows"}),
        # pixels of no class
        (_with([0] * 10, 4).reshape(100, 10, 10), "softmax", None),
    ],
)
def test_distributions(targets: Any, activation: str, causes: set[str] | None) -> None:
    assert confirmed(program(CATEGORICAL, targets, activation=activation), "rows-not-distributions") == causes


# metrics


def _metric(kind: str, **config: Any) -> tuple[CompiledMetric, ...]:
    return (CompiledMetric(name="accuracy", kind=kind, config=config),)


@pytest.mark.parametrize(
    ("targets", "activation", "causes"),
    [
        (np.linspace(0, 5, 900), "linear", {"continuous-target"}),
        (np.arange(200) % 10, "linear", {"classes-as-numbers"}),
        ([0, 1] * 50, "linear", None),
        ([0, 1] * 50, "sigmoid", None),
        ([-1, 1] * 50, "tanh", {"classes-as-numbers"}),
    ],
)
def test_accuracy_of_a_squared_error(targets: Any, activation: str, causes: set[str] | None) -> None:
    record = program(
        "mean_squared_error", targets, units=1, activation=activation, metrics=_metric("BinaryAccuracy", threshold=0.5)
    )
    assert confirmed(record, "accuracy-on-regression") == causes
    record.compile = replace(record.compile, metrics=())
    assert diagnosis(record, "accuracy-on-regression") is None


def _tags(share: float) -> Any:
    return (np.random.default_rng(0).random((900, 10)) < share).astype(int)


@pytest.mark.parametrize(
    ("kind", "targets", "causes"),
    [
        ("BinaryAccuracy", _tags(0.05), {"rare-labels"}),
        ("BinaryAccuracy", _tags(0.2), None),
        ("CategoricalAccuracy", _tags(0.2), {"exact-match-expected"}),
        ("CategoricalAccuracy", EYE, None),
        ("AUC", _tags(0.05), None),
    ],
)
def test_accuracy_of_labels(kind: str, targets: Any, causes: set[str] | None) -> None:
    record = program(BINARY, targets, activation="sigmoid", metrics=_metric(kind))
    assert confirmed(record, "accuracy-on-several-labels") == causes
    record = program(BINARY, targets, activation="softmax", metrics=_metric(kind))
    assert diagnosis(record, "accuracy-on-several-labels") is None


@pytest.mark.parametrize(
    ("metrics", "causes"),
    [
        (_metric("BinaryAccuracy", threshold=0.5), {"threshold-of-one-half"}),
        (_metric("BinaryAccuracy", threshold=0.0), None),
        (_metric("Precision", thresholds=None, top_k=None), {"threshold-of-one-half"}),
        (_metric("Recall", thresholds=None, top_k=None), {"threshold-of-one-half"}),
        (_metric("Recall", thresholds=[0.3]), {"threshold-of-one-half"}),
        (_metric("Precision", thresholds=0.0), None),
        (_metric("Precision", thresholds=[-1.0, 0.0, 1.0]), None),
        (_metric("Precision", thresholds=None, top_k=2), None),
        (_metric("AUC", from_logits=False), {"thresholds-from-zero-to-one"}),
        (_metric("PrecisionAtRecall", num_thresholds=200, recall=0.5), {"thresholds-from-zero-to-one"}),
        (_metric("AUC", from_logits=True), None),
        (_metric("MeanSquaredError"), None),
    ],
)
def test_thresholds(metrics: tuple[CompiledMetric, ...], causes: set[str] | None) -> None:
    of_logits = program(BINARY, [0, 1] * 50, units=1, activation="linear", metrics=metrics, from_logits=True)
    assert confirmed(of_logits, "metric-threshold-on-logits") == causes
    of_probabilities = program(BINARY, [0, 1] * 50, units=1, activation="sigmoid", metrics=metrics)
    assert diagnosis(of_probabilities, "metric-threshold-on-logits") is None


# broadcast-targets


@pytest.mark.parametrize(
    ("losses", "fires"),
    [
        ("1.3 1.1 1.02 1.01 1.01", True),
        ("1.3 1.1 1.02 1.01", False),  # too early
        ("1.3 1.2 1.1 1.0 0.9", False),  # still falling
        ("1.3 0.9 0.7 0.7 0.7", False),  # learns
        ("9.0 9.0 9.0 9.0 9.0", False),  # in other units
        ("0.02 0.02 0.02 0.02 0.02", False),
    ],
)
def test_a_loss_that_stays_at_the_variance(losses: str, fires: bool) -> None:
    y = np.linspace(-(3**0.5), 3**0.5, 1000)
    record = program("own", y, units=1, activation="linear", losses=losses, builtin=False, subclass=True)
    record.quantities["target_scale"] = TargetScale({"y": Moments(0.0, 1.0, 1.0, 1.0, 1.0, 1.0)})
    found = diagnosis(record, "broadcast-targets")
    assert (found is not None) == fires
    if found is not None:
        # what the class does with its arguments was not seen
        assert [cause.status for cause in found.causes] == [Status.POSSIBLE, Status.POSSIBLE]
        assert found.causes[0].name == "missing-axis"
    del record.quantities["target_scale"]
    # of the batches of a pipeline
    assert (diagnosis(record, "broadcast-targets") is not None) == fires
    record.quantities["target_form"] = target_form(y[:, None])
    assert diagnosis(record, "broadcast-targets") is None
