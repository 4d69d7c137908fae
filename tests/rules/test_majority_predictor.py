from array import array

import numpy as np
import pytest

from kerasdoctor.quantities.confusion_matrix import ConfusionMatrix
from kerasdoctor.quantities.dead_units import DeadUnits
from kerasdoctor.quantities.predicted_classes import PredictedClasses
from kerasdoctor.quantities.split_labels import SplitLabels
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
    assert diagnosis(record_of([1] * 6, val_loss=0.9 * GUESS), NAME) is None


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
