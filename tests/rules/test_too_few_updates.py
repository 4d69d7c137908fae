from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import digits_in_one_batch, shuffled_digits
from kerasdoctor.record import Outcome
from tests.rules.differential import cause, diagnosis

NAME = "too-few-updates"


def test_says_how_few() -> None:
    found = diagnosis(digits_in_one_batch(), NAME)
    assert found is not None
    assert "15 in 15 epochs, after which the loss is 2.09, from 2.39" in found.message
    finding = cause(digits_in_one_batch(), NAME, "large-batch")
    assert "1,437 rows in batches of 2,000 make 1 updates an epoch" in finding.evidence.statement
    assert "batch_size=32" in finding.prescriptions[0].source


def test_few_epochs() -> None:
    record = digits_in_one_batch()
    record.fit = replace(record.fit, batch_size=32)
    record.history = {key: values[:5] for key, values in record.history.items()}
    assert cause(record, NAME, "few-epochs").status is Status.CONFIRMED
    assert cause(record, NAME, "large-batch").status is Status.RULED_OUT


@pytest.mark.parametrize(("before", "last"), [(1.61, 1.6), (2.4, 2.5)])
def test_a_loss_that_has_fallen_or_does_not_is_another_matter(before: float, last: float) -> None:
    record = digits_in_one_batch()
    record.history["loss"][-6:] = [before] * 5 + [last]
    assert diagnosis(record, NAME) is None


def test_a_loss_that_has_fallen_and_goes_on_falling_has_too_few() -> None:
    record = digits_in_one_batch()
    record.history["loss"][-6:] = [2.0, 1.9, 1.8, 1.7, 1.6, 1.5]
    assert diagnosis(record, NAME) is not None


@pytest.mark.parametrize("status", ["running", "stopped_early", "interrupted"])
def test_only_a_whole_run_is_judged(status: str) -> None:
    record = digits_in_one_batch()
    record.outcome = Outcome(status=status)  # type: ignore[arg-type]
    assert diagnosis(record, NAME) is None


def test_a_hundred_are_enough() -> None:
    record = digits_in_one_batch()
    record.quantities["batch_loss"].step[-1] = 100
    assert diagnosis(record, NAME) is None
    assert diagnosis(shuffled_digits(), NAME) is None


def test_a_loss_that_was_thrown_off_is_another_matter() -> None:
    record = digits_in_one_batch()
    record.history["loss"][0] = 4.7
    assert diagnosis(record, NAME) is not None
    record.history["loss"][0] = 4.9
    assert diagnosis(record, NAME) is None
