from array import array

import numpy as np
import pytest

from kerasdoctor.diagnosis import Severity
from kerasdoctor.quantities.confusion_matrix import ConfusionMatrix
from kerasdoctor.quantities.dead_units import DeadUnits
from kerasdoctor.quantities.drawn_range import DrawnRange, DrawnValues
from kerasdoctor.quantities.feature_scale import FeatureScale, Scale
from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.quantities.predicted_classes import PredictedClasses
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.quantities.target_form import Form, TargetForm
from kerasdoctor.record import Compile, Loss, MetricFacts, Outcome, TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "majority-predictor"
GUESS = float(-(0.9 * np.log(0.9) + 0.1 * np.log(0.1)))


def record_of(
    predicted: list[int], val_loss: float = GUESS, loss: float = GUESS, status: str = "finished"
) -> TrainingRecord:
    n = len(predicted)
    return TrainingRecord(
        compile=Compile(losses=(Loss(name="binary_crossentropy"),)),
        history={"loss": [loss] * n, "val_loss": [val_loss] * n},
        metric_facts={"loss": MetricFacts(direction="down")},
        quantities={
            "predicted_classes": PredictedClasses(array("q", range(n)), array("d", map(float, predicted)), true=2),
            "confusion_matrix": ConfusionMatrix(np.arange(2), np.array([[180, 0], [20, 0]]), n),
            "split_labels": SplitLabels("classes", {"0": 720, "1": 80}, {"0": 180, "1": 20}, "validation_split"),
        },
        outcome=Outcome(status=status, epochs=n),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("predicted", "status", "fires"),
    [
        ([1] * 5, "finished", True),
        ([1] * 4, "finished", False),
        ([1, 2, 1, 1, 1, 1], "finished", False),
        ([2, 1, 1, 1, 1, 1], "finished", True),
        ([1] * 9, "running", False),
        ([1] * 10, "running", True),
    ],
)
def test_patience(predicted: list[int], status: str, fires: bool) -> None:
    assert (diagnosis(record_of(predicted, status=status), NAME) is not None) is fires


def test_probabilities_that_tell_rows_apart_are_healthy() -> None:
    record = record_of([1] * 6, val_loss=0.4)
    record.quantities["confusion_matrix"] = ConfusionMatrix(np.arange(2), np.array([[150, 0], [50, 0]]), 6)
    assert diagnosis(record, NAME) is None


def test_a_rare_class_below_the_threshold_is_good_to_know() -> None:
    record = record_of([1] * 6, val_loss=0.9 * GUESS, loss=0.9 * GUESS)
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.severity is Severity.INFO
    assert "below the 0.325 of guessing, so the probabilities tell rows apart, and none passes" in found.message
    assert cause(record, NAME, "imbalanced-classes").status.value == "confirmed"
    assert cause(record, NAME, "no-signal").status.value == "ruled_out"
    assert diagnosis(record_of([1] * 12, val_loss=0.9 * GUESS, status="running"), NAME) is None
    record.quantities["confusion_matrix"] = ConfusionMatrix(np.arange(2), np.array([[196, 0], [4, 0]]), 6)
    record.history["val_loss"][-1] = 0.01
    assert diagnosis(record, NAME) is None


def test_one_class_alone_in_the_validation_is_no_finding() -> None:
    record = record_of([1] * 6)
    record.quantities["predicted_classes"].true = 1
    assert diagnosis(record, NAME) is None


def test_the_message() -> None:
    found = diagnosis(record_of([1] * 6), NAME)
    assert found is not None
    assert "class 0, which 90.0% of the validation rows have; val_loss is 0.325" in found.message


def test_causes() -> None:
    record = record_of([1] * 6)
    assert cause(record, NAME, "imbalanced-classes").status.value == "confirmed"
    assert cause(record, NAME, "no-signal").status.value == "possible"
    assert cause(record, NAME, "dead-network").status.value == "possible"
    assert cause(record_of([1] * 6, loss=0.1), NAME, "no-signal").status.value == "ruled_out"


@pytest.mark.parametrize(("dead", "status"), [(16.0, "confirmed"), (15.0, "ruled_out")])
def test_a_dead_layer(dead: float, status: str) -> None:
    record = record_of([1] * 6)
    units = DeadUnits(units=(16, 1), rows=600)
    units.extend(("a", "b"), np.array([5]), np.array([[dead, 0.0]]))
    record.quantities["dead_units"] = units
    assert cause(record, NAME, "dead-network").status.value == status
    assert cause(record, NAME, "no-signal").status.value == ("ruled_out" if dead == 16 else "possible")


CONSTANT = Scale(20, 20, np.nan, np.nan, -1, -1, np.nan)
VARYING = Scale(3, 2, 1.0, 1.0, 0, 0, 0.1)


@pytest.mark.parametrize(
    ("scales", "status"),
    [({"x": CONSTANT}, "confirmed"), ({"x": CONSTANT, "more": VARYING}, "possible"), ({"x": VARYING}, "possible")],
)
def test_inputs_with_one_value_in_all_rows_have_no_signal(scales: dict[str, Scale], status: str) -> None:
    record = record_of([1] * 6)
    record.quantities["feature_scale"] = FeatureScale(scales)
    assert cause(record, NAME, "no-signal").status.value == status


@pytest.mark.parametrize(("last", "status"), [(1.0, "confirmed"), (2.0, "possible")])
def test_batches_with_one_value_have_no_signal(last: float, status: str) -> None:
    values = DrawnValues()
    values.take_in(np.ones((32, 20)), 0)
    values.take_in(np.full((32, 20), last), 1)
    record = record_of([1] * 6)
    record.quantities["drawn_range"] = DrawnRange({"x": values})
    assert cause(record, NAME, "no-signal").status.value == status


def test_units_that_saw_one_row_alone_may_live() -> None:
    record = record_of([1] * 6)
    units = DeadUnits(units=(16,), rows=600)
    units.extend(("a",), np.array([5]), np.array([[16.0]]))
    record.quantities |= {"dead_units": units, "feature_scale": FeatureScale({"x": CONSTANT})}
    assert cause(record, NAME, "dead-network").status.value == "possible"
    assert cause(record, NAME, "no-signal").status.value == "confirmed"


def regression(target: Form) -> TrainingRecord:
    """A check of a regression, all of whose inputs are 0."""
    record = TrainingRecord(
        compile=Compile(losses=(Loss(name="mean_squared_error"),)), outcome=Outcome(status="checked")
    )
    record.quantities |= {
        "feature_scale": FeatureScale({"x": CONSTANT}),
        "input_range": InputRange({"x": Range("float32", (50, 20), 0.0, 0.0, 0, None)}, {}, 50, 50),
        "target_form": TargetForm({"y": target}, {}),
    }
    return record


def test_inputs_that_are_the_same_are_told_without_training_and_of_numbers_too() -> None:
    varying = Form.of(np.linspace(-1, 1, 50), 50)
    still = Form.of(np.ones(50), 50)
    assert varying is not None
    assert still is not None
    record = regression(varying)
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.severity is Severity.WARNING
    assert "every feature of x has the same value in all rows" in found.message
    assert cause(record, NAME, "no-signal").status.value == "confirmed"
    # nothing is to be told apart
    assert diagnosis(regression(still), NAME) is None
    record.quantities["input_range"].inputs["of one value a row"] = Range("float32", (50,), 0.0, 9.0, 0, None)
    assert diagnosis(record, NAME) is None
