from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import decayed_digits, shuffled_digits
from tests.rules.differential import cause, diagnosis

NAME = "early-decay"


def test_says_since_when() -> None:
    found = diagnosis(decayed_digits(), NAME)
    assert found is not None
    assert "from step 39 of 900 on the rate is" in found.message
    assert (
        "decay_steps=40, counted in batches; the run makes 900"
        in cause(decayed_digits(), NAME, "schedule-too-short").evidence.statement
    )
    source = cause(decayed_digits(), NAME, "schedule-too-short").prescriptions[0].source
    assert "CosineDecay(0.001, decay_steps=900)" in source


@pytest.mark.parametrize(("steps", "fires"), [(300, True), (400, False), (900, False)])
def test_how_long_it_lasts(steps: int, fires: bool) -> None:
    record = decayed_digits()
    rates = record.quantities["learning_rate"]
    for position in range(len(rates.step)):
        rates.step[position] = 1 + position * steps // 40
    # the loss falls while there is a rate
    losses = record.quantities["batch_loss"]
    for position in range(len(losses.value)):
        losses.value[position] = 2.4 - 0.4 * min(position / steps, 1.0)
    assert (diagnosis(record, NAME) is not None) == fires


def test_a_loss_that_was_flat_is_what_a_lower_rate_is_for() -> None:
    record = decayed_digits()
    record.compile = replace(record.compile, optimizer_config={})
    for position in range(40):
        record.quantities["batch_loss"].value[position] = 2.0 + 0.05 * (position % 2)
    assert diagnosis(record, NAME) is None


def test_a_schedule_that_is_over_at_once_cannot_know_that_the_loss_is_flat() -> None:
    record = decayed_digits()
    for position in range(40):
        record.quantities["batch_loss"].value[position] = 2.0 + 0.05 * (position % 2)
    found = diagnosis(record, NAME)
    assert found is not None
    assert "the loss is still" in found.message


def test_a_loss_that_is_low_is_no_fault() -> None:
    record = decayed_digits()
    record.history["loss"][-1] = 0.5
    assert diagnosis(record, NAME) is None


def test_a_plateau_reducer() -> None:
    record = decayed_digits()
    record.compile = replace(record.compile, optimizer_config={})
    record.fit = replace(
        record.fit, callbacks=("ReduceLROnPlateau",), callback_settings=({"factor": 0.1, "patience": 0},)
    )
    assert cause(record, NAME, "plateau-reducer-at-minimum").status is Status.CONFIRMED
    assert cause(record, NAME, "schedule-too-short").status is Status.RULED_OUT


@pytest.mark.parametrize(("warmup", "fires"), [(901, True), (900, False)])
def test_a_warm_up_longer_than_the_run(warmup: int, fires: bool) -> None:
    record = shuffled_digits()
    schedule = {"class_name": "CosineDecay", "config": {"warmup_steps": warmup}}
    record.compile = replace(record.compile, optimizer_config={"learning_rate": schedule})
    assert (diagnosis(record, NAME) is not None) == fires
    if fires:
        assert cause(record, NAME, "warmup-longer-than-run").status is Status.CONFIRMED
        assert cause(record, NAME, "schedule-too-short").status is Status.RULED_OUT
