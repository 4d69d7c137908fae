from array import array
from dataclasses import replace

import pytest

from kerasdoctor.examples import cut, piped_digits
from kerasdoctor.record import TrainingRecord
from tests.rules.differential import cause, diagnosis

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
    # a callback may have stopped it
    record.fit = replace(record.fit, callbacks=("TerminateOnNaN",))
    assert diagnosis(record, NAME) is None


def test_arrays_never_run_out() -> None:
    assert diagnosis(record_of([0, 45, 60], kind="arrays"), NAME) is None
