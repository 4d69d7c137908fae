from array import array
from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Severity
from kerasdoctor.examples import cut, piped_digits, shuffled_digits
from kerasdoctor.record import TrainingRecord
from tests.rules.differential import cause, diagnosis, reason

NAME = "exhausted-data"


def record_of(begins: list[int], *, asked: int | None = 45, kind: str = "generator") -> TrainingRecord:
    record = cut(piped_digits(), 3)
    record.fit = replace(record.fit, epochs=3, steps_per_epoch=asked)
    record.data = replace(record.data, kind=kind)
    record.quantities["epoch_begin"].step = array("q", begins)
    return record


@pytest.mark.parametrize(("begins", "fires"), [([0, 45, 90], False), ([0, 45, 89], True), ([0, 44, 89], True)])
def test_one_step_too_few(begins: list[int], fires: bool) -> None:
    assert (diagnosis(record_of(begins), NAME) is not None) is fires


def test_a_generator_without_a_number_of_steps() -> None:
    record = record_of([0, 45, 47], asked=None)
    assert cause(record, NAME, "generator-ended").status.value == "confirmed"
    assert diagnosis(record_of([0, 45, 90], asked=None), NAME) is None


def test_the_last_epoch() -> None:
    record = record_of([0, 45, 90])
    losses = record.quantities["batch_loss"]
    del losses.step[100:], losses.value[100:]
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.evidence[0].value == 10
    assert "epoch 3 trained on 10 batches, 45 make an epoch" in found.message
    # a callback may have stopped it
    record.fit = replace(record.fit, callbacks=("TerminateOnNaN",))
    assert diagnosis(record, NAME) is None


@pytest.mark.parametrize(("asked", "fires"), [(45, False), (46, True)])
def test_arrays_make_shorter_epochs(asked: int, fires: bool) -> None:
    record = shuffled_digits()
    record.fit = replace(record.fit, steps_per_epoch=asked)
    found = diagnosis(record, NAME)
    assert (found is not None) is fires
    if found is not None:
        assert found.severity is Severity.INFO
        assert "asks for 46 steps, and one pass through the data has 45" in found.message


@pytest.mark.parametrize(("asked", "fires"), [(45, False), (46, True)])
def test_a_pipeline_of_known_length_tells_it_before_the_first_step(asked: int, fires: bool) -> None:
    record = record_of([0], asked=asked, kind="dataset")
    del record.quantities["epoch_begin"], record.quantities["batch_loss"]
    found = diagnosis(record, NAME)
    assert (found is not None) is fires
    assert found is None or found.severity is Severity.WARNING
    assert (reason(record, NAME) is None) is fires
