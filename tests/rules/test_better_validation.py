from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.diagnosis import Severity, Status
from kerasdoctor.examples import shuffled_digits, sorted_digits
from kerasdoctor.quantities.inference_metrics import InferenceMetrics
from kerasdoctor.quantities.target_form import Form, TargetForm
from kerasdoctor.record import TrainingRecord
from kerasdoctor.rules.better_validation import strong_noise
from tests.rules.differential import cause, diagnosis, reason

NAME = "better-validation"


def plain(ratio: float) -> TrainingRecord:
    """No layer that acts in training alone; the training loss lies `ratio` times above the other."""
    record = shuffled_digits()
    record.history["val_loss"] = [value / ratio for value in record.history["loss"]]
    return record


def looked_at(record: TrainingRecord, loss: float) -> TrainingRecord:
    looks = InferenceMetrics()
    looks.extend(("loss",), np.array([20 * 45]), np.array([[loss]]))
    record.quantities["inference_metrics"] = looks
    return record


def test_dropout_is_the_harmless_reason() -> None:
    found = diagnosis(strong_noise(), NAME)
    assert found is not None
    assert found.severity is Severity.INFO
    assert "loss is 2.2 times val_loss over the last 10 epochs (0.492 against 0.214)" in found.message
    assert cause(strong_noise(), NAME, "dropout-in-training").status is Status.CONFIRMED
    assert cause(strong_noise(), NAME, "easier-validation-rows").status is Status.RULED_OUT


@pytest.mark.parametrize(("ratio", "fires"), [(1.4, False), (1.6, True)])
def test_how_much_is_much(ratio: float, fires: bool) -> None:
    assert (diagnosis(plain(ratio), NAME) is not None) is fires


def test_easier_rows() -> None:
    record = looked_at(plain(2.0), 0.046)
    assert cause(record, NAME, "easier-validation-rows").status is Status.CONFIRMED
    assert cause(record, NAME, "dropout-in-training").status is Status.RULED_OUT
    assert cause(plain(2.0), NAME, "easier-validation-rows").status is Status.POSSIBLE


def test_a_mean_over_a_falling_epoch() -> None:
    record = shuffled_digits()
    losses = [2.0 * 0.5**epoch for epoch in range(20)]
    record.history["loss"], record.history["val_loss"] = losses, [0.6 * value for value in losses]
    assert cause(record, NAME, "epoch-average").status is Status.CONFIRMED
    assert cause(plain(2.0), NAME, "epoch-average").status is Status.RULED_OUT


def test_one_epoch_is_not_enough() -> None:
    record = plain(2.0)
    record.history["val_loss"][-2] = record.history["loss"][-2]
    assert diagnosis(record, NAME) is None


def test_what_other_rules_tell() -> None:
    record = plain(2.0)
    record.fit = replace(record.fit, class_weight=True)
    assert diagnosis(record, NAME) is None
    assert diagnosis(sorted_digits(), NAME) is None


def test_needs_validation() -> None:
    record = plain(2.0)
    del record.history["val_loss"]
    assert reason(record, NAME) == "needs val_loss, not recorded"


@pytest.mark.parametrize(("rows", "fires"), [(199, False), (200, True), (None, True)])
def test_few_validation_rows_are_easy_by_chance(rows: int | None, fires: bool) -> None:
    record = plain(1.6)
    record.data = replace(record.data, n_validation=rows)
    assert (diagnosis(record, NAME) is not None) is fires


def with_targets(train: np.ndarray, validation: np.ndarray) -> TrainingRecord:
    record = plain(1.6)
    forms = {"train": Form.of(train, len(train)), "validation": Form.of(validation, len(validation))}
    assert forms["train"] is not None
    assert forms["validation"] is not None
    record.quantities["target_form"] = TargetForm({"y": forms["train"]}, {"y": forms["validation"]})
    return record


def mixed(classes: int, share: float) -> np.ndarray:
    rows = np.eye(classes)[np.arange(100) % classes]
    rows[: int(100 * share)] = 0.7 * rows[: int(100 * share)] + 0.3 * np.roll(rows, 1, axis=1)[: int(100 * share)]
    return rows


@pytest.mark.parametrize(
    ("train", "validation", "status"),
    [
        (mixed(10, 1.0), mixed(10, 0.0), Status.CONFIRMED),
        (mixed(10, 0.2), mixed(10, 0.0), Status.RULED_OUT),
        (mixed(10, 1.0), mixed(10, 1.0), Status.RULED_OUT),
        (mixed(2, 1.0)[:, :1], mixed(2, 0.0)[:, :1], Status.CONFIRMED),
        (mixed(2, 0.0)[:, :1], mixed(2, 0.0)[:, :1], Status.RULED_OUT),
        # numbers are no classes
        (9 * mixed(2, 1.0)[:, :1], mixed(2, 0.0)[:, :1], Status.POSSIBLE),
    ],
)
def test_softened_targets(train: np.ndarray, validation: np.ndarray, status: Status) -> None:
    assert cause(with_targets(train, validation), NAME, "softened-targets").status is status


def test_targets_of_one_array_are_not_known_apart() -> None:
    assert cause(plain(1.6), NAME, "softened-targets").status is Status.POSSIBLE
