from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Severity, Status
from kerasdoctor.examples import lightly_penalized_digits, penalized_digits, shuffled_digits
from kerasdoctor.record import Output, TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "dominant-penalty"


def on_outputs(first: float, last: float) -> TrainingRecord:
    """Digits whose outputs are penalized, with the losses of the first batch and the last ones."""
    record = shuffled_digits()
    config = {"activity_regularizer": {"class_name": "L1", "config": {"l1": 1.0}}}
    layers = tuple(replace(layer, config=config, regularized=True) for layer in record.model.layers)
    output = Output(name="dense_2", shape=(10,), layer="dense_2", kind="Dense", activation="softmax")
    record.model = replace(record.model, layers=layers, outputs=(output,))
    losses = record.quantities["batch_loss"].value
    losses[0] = first
    for position in range(len(losses) - 20, len(losses)):
        losses[position] = last
    return record


def test_says_what_it_was_and_is() -> None:
    found = diagnosis(penalized_digits(), NAME)
    assert found is not None
    assert "it was 12.8 before training, where the loss of the data was 2.3; now it is 0.608" in found.message
    finding = cause(penalized_digits(), NAME, "large-weight-penalty")
    assert "dense has kernel_regularizer L2(l2=0.1)" in finding.evidence.statement
    assert "keras.regularizers.L2(0.0001)" in finding.prescriptions[0].source


def test_most_of_a_small_loss_is_no_fault() -> None:
    assert diagnosis(lightly_penalized_digits(), NAME) is None


@pytest.mark.parametrize(("epochs", "fires"), [(5, True), (4, False)])
def test_a_run_that_has_ended_is_judged_by_what_there_is(epochs: int, fires: bool) -> None:
    record = penalized_digits()
    penalty = record.quantities["weight_penalty"]
    penalty.step, penalty.value = penalty.step[:epochs], penalty.value[:epochs]
    assert (diagnosis(record, NAME) is not None) is fires


def test_the_weights_are_given_time() -> None:
    record = penalized_digits()
    record.outcome = replace(record.outcome, status="running")
    penalty = record.quantities["weight_penalty"]
    penalty.step, penalty.value = penalty.step[:10], penalty.value[:10]
    assert diagnosis(record, NAME) is None


def learned(above: int) -> TrainingRecord:
    """Penalized digits that are learned: the penalty is above the loss of the data in so many of 20 epochs."""
    record = penalized_digits()
    penalty = record.quantities["weight_penalty"]
    for epoch in range(1, 20):
        penalty.value[epoch] = 0.4 if epoch < above else 0.2
        record.quantities["batch_loss"].value[45 * epoch] = penalty.value[epoch] + 0.3
    return record


def test_data_that_are_learned_under_a_penalty_are_good_to_know() -> None:
    found = diagnosis(learned(10), NAME)
    assert found is not None
    assert found.severity is Severity.INFO
    whole = diagnosis(penalized_digits(), NAME)
    assert whole is not None
    assert whole.severity is Severity.WARNING
    assert diagnosis(learned(9), NAME) is None


@pytest.mark.parametrize(("first", "last", "fires"), [(26.4, 2.3, True), (26.4, 0.2, False), (6.0, 2.3, False)])
def test_a_penalty_on_outputs(first: float, last: float, fires: bool) -> None:
    record = on_outputs(first, last)
    assert (diagnosis(record, NAME) is not None) == fires
    if fires:
        assert cause(record, NAME, "large-activity-penalty").status is Status.CONFIRMED
        assert cause(record, NAME, "large-weight-penalty").status is Status.RULED_OUT
