from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Applicability, Severity, Status
from kerasdoctor.examples import mislabelled_digits, shuffled_digits
from kerasdoctor.quantities.feature_scale import FeatureScale, Scale
from kerasdoctor.record import TrainingRecord
from tests.rules.differential import cause, diagnosis, reason

NAME = "small-dataset"


def few(train: float, validation: float, *, n: int = 200) -> TrainingRecord:
    """500 training rows, with these accuracies in all of 20 epochs."""
    record = shuffled_digits()
    record.history["accuracy"], record.history["val_accuracy"] = [train] * 20, [validation] * 20
    record.data = replace(record.data, n_train=500, n_validation=n)
    return record


def test_names_the_gap() -> None:
    found = diagnosis(few(1.0, 0.75), NAME)
    assert found is not None
    assert found.severity is Severity.INFO
    assert "accuracy is 100.0%, val_accuracy was never above 75.0%: a gap of 25 points" in found.message
    finding = cause(few(1.0, 0.75), NAME, "few-rows")
    assert finding.status is Status.CONFIRMED
    assert "500 training rows for 8,970 trainable weights, 130 to 155 for a class" in finding.evidence.statement


@pytest.mark.parametrize(
    ("train", "validation", "n", "fires"),
    [(0.99, 0.90, 10_000, False), (1.0, 0.88, 10_000, True), (1.0, 0.88, 40, False), (0.8, 0.85, 10_000, False)],
)
def test_a_gap_is_large_and_no_chance(train: float, validation: float, n: int, fires: bool) -> None:
    assert (diagnosis(few(train, validation, n=n), NAME) is not None) is fires


def test_more_rows_than_weights() -> None:
    record = few(1.0, 0.75)
    record.data = replace(record.data, n_train=10**6)
    assert diagnosis(record, NAME) is None


def test_many_rows_are_no_proof() -> None:
    assert cause(mislabelled_digits(), NAME, "few-rows").status is Status.POSSIBLE


def test_noise_for_a_table() -> None:
    record = few(1.0, 0.75)
    scale = Scale(
        features=64, constant=0, smallest=0.5, largest=2.0, smallest_feature=1, largest_feature=2, off_center=0.1
    )
    record.quantities["feature_scale"] = FeatureScale({"x": scale})
    fix, weights = cause(record, NAME, "few-rows").prescriptions
    assert weights.applicability is Applicability.HAS_PLACEHOLDERS
    assert "keras.layers.GaussianNoise(0.1)" in fix.source


def test_needs_an_accuracy() -> None:
    record = few(1.0, 0.75)
    del record.history["val_accuracy"]
    assert reason(record, NAME) == "needs a validation accuracy and its number of rows, not recorded"
    record = few(1.0, 0.75)
    record.data = replace(record.data, n_train=None)
    assert reason(record, NAME) == "needs the number of training rows, not recorded"
