from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import digits_with_dropout, digits_with_long_steps, shuffled_digits, sorted_digits
from kerasdoctor.record import MetricFacts, TrainingRecord
from tests.rules.differential import cause, diagnosis, reason

NAME = "oscillating-validation"


def swinging(points: float, *, n: int = 1000, seed: int = 0) -> TrainingRecord:
    """30 epochs whose validation accuracy jumps around 0.8 by `points`, one standard deviation."""
    record = digits_with_long_steps()
    jumps = np.random.default_rng(seed).standard_normal(30)
    record.history["val_accuracy"] = (0.8 + points / 100 * jumps).clip(0, 1).tolist()
    record.data = replace(record.data, n_validation=n)
    return record


def test_says_the_swing_and_the_error() -> None:
    found = diagnosis(digits_with_long_steps(), NAME)
    assert found is not None
    assert "swings by 3.4 points" in found.message
    assert "1.8 times the 1.9 points that 360 rows are uncertain by" in found.message
    assert found.evidence[0].where == "val_accuracy"


@pytest.mark.parametrize("seed", range(5))
def test_a_small_validation_set_explains_it(seed: int) -> None:
    assert diagnosis(swinging(4, n=1000, seed=seed), NAME) is not None
    assert diagnosis(swinging(4, n=60, seed=seed), NAME) is None


def test_swings_below_a_point_are_not_worth_a_word() -> None:
    assert diagnosis(swinging(0.5, n=10**6), NAME) is None


def test_learning_is_no_oscillation() -> None:
    record = swinging(0)
    record.history["val_accuracy"] = (0.95 - 0.8 * np.exp(-np.arange(30) / 5)).tolist()
    record.data = replace(record.data, n_validation=10**6)
    assert diagnosis(record, NAME) is None


def test_one_collapse_is_no_oscillation() -> None:
    record = swinging(0)
    record.history["val_accuracy"][20] = 0.2
    assert diagnosis(record, NAME) is None


def test_healthy_runs() -> None:
    assert diagnosis(digits_with_dropout(), NAME) is None
    assert diagnosis(shuffled_digits(), NAME) is None


def test_needs_a_share_of_right_rows() -> None:
    record = digits_with_long_steps()
    record.metric_facts = {"loss": MetricFacts(direction="down"), "accuracy": MetricFacts(direction="up")}
    assert reason(record, NAME) == "needs a validation accuracy and its number of rows, not recorded"
    record = digits_with_long_steps()
    record.data = replace(record.data, n_validation=None)
    assert reason(record, NAME) == "needs a validation accuracy and its number of rows, not recorded"


def test_rows_with_other_labels_are_no_measure() -> None:
    assert "labels of the training rows" in (reason(sorted_digits(), NAME) or "")


def test_steps_that_throw_training_back() -> None:
    finding = cause(digits_with_long_steps(), NAME, "learning-rate-too-large")
    assert finding.status is Status.CONFIRMED
    assert "at a learning rate of 0.1" in finding.evidence.statement
    assert [prescription.name for prescription in finding.prescriptions] == [
        "reduce-on-plateau",
        "smaller-learning-rate",
    ]


def test_steady_training_leaves_the_rate_undecided() -> None:
    record = digits_with_long_steps()
    record.quantities["batch_loss"] = digits_with_dropout().quantities["batch_loss"]
    assert cause(record, NAME, "learning-rate-too-large").status is Status.POSSIBLE


@pytest.mark.parametrize(("size", "expected"), [(2, Status.POSSIBLE), (32, Status.POSSIBLE), (256, Status.RULED_OUT)])
def test_batch_size(size: int, expected: Status) -> None:
    record = digits_with_long_steps()
    record.fit = replace(record.fit, batch_size=size)
    finding = cause(record, NAME, "batch-too-small")
    assert finding.status is expected
    assert f"batches of {size} rows" in finding.evidence.statement


def test_rare_classes() -> None:
    record = digits_with_long_steps()
    assert cause(record, NAME, "uneven-classes").status is Status.RULED_OUT
    labels = record.quantities["split_labels"]
    record.quantities["split_labels"] = replace(
        labels, train={**labels.train, "3": 12}, validation={**labels.validation, "3": 3}
    )
    finding = cause(record, NAME, "uneven-classes")
    assert finding.status is Status.POSSIBLE
    assert "label 3 has 12 training rows" in finding.evidence.statement
    # a rare class throws the loss of single batches back by itself
    assert cause(record, NAME, "learning-rate-too-large").status is Status.POSSIBLE


def test_the_guides_causes_are_all_there() -> None:
    found = diagnosis(digits_with_long_steps(), NAME)
    assert found is not None
    assert {finding.name for finding in found.causes} == {
        "learning-rate-too-large",
        "batch-too-small",
        "uneven-classes",
        "no-regularization",
        "small-dataset",
        "sampling-noise",
    }
    assert cause(digits_with_long_steps(), NAME, "sampling-noise").status is Status.RULED_OUT


def test_causes_that_were_not_measured_say_so() -> None:
    record = digits_with_long_steps()
    for name in ("batch_loss", "split_labels"):
        del record.quantities[name]
    record.data = replace(record.data, n_train=None)
    record.fit = replace(record.fit, batch_size=None)
    record.model = replace(record.model, layers=())
    found = diagnosis(record, NAME)
    assert found is not None
    for finding in found.causes:
        if finding.name != "sampling-noise":
            assert finding.status is Status.POSSIBLE
            assert finding.evidence.statement.startswith("not measured")
