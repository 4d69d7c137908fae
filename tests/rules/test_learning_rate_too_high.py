from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import digits_thrown_off, digits_with_long_steps, diverged_regression, shuffled_digits
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.far_rows import FarRows
from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.quantities.update_ratio import UpdateRatio
from kerasdoctor.record import TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "learning-rate-too-high"


def with_epochs(*losses: float) -> TrainingRecord:
    """The healthy digits, whose epochs have these mean losses; the first batch has 2.3."""
    record = shuffled_digits()
    record.quantities["batch_loss"].value[0] = 2.3
    record.history = {"loss": list(losses)}
    return record


@pytest.mark.parametrize("in_epochs", [True, False])
def test_a_loss_that_falls_below_zero_has_no_scale(in_epochs: bool) -> None:
    jumps = [1.8, 1.2, 0.9, 0.8, 0.7, 1.1, 0.9, 1.0, 0.7]
    assert diagnosis(with_epochs(*jumps), NAME) is not None
    record = with_epochs(*jumps, -0.1) if in_epochs else with_epochs(*jumps)
    if not in_epochs:
        record.quantities["batch_loss"].value[5] = -0.1
    assert diagnosis(record, NAME) is None


def test_says_where_the_loss_began_and_where_it_went() -> None:
    found = diagnosis(digits_thrown_off(), NAME)
    assert found is not None
    assert "2.31 before training and 78 on average in epoch 1" in found.message


@pytest.mark.parametrize(("worst", "fires"), [(4.7, True), (4.5, False)])
def test_an_epoch_of_twice_the_first_loss(worst: float, fires: bool) -> None:
    assert (diagnosis(with_epochs(worst, 2.0, 1.9), NAME) is not None) == fires


def test_a_loss_that_grows_to_the_end() -> None:
    assert diagnosis(with_epochs(2.2, 3.0, 5.0), NAME) is not None


def test_heavy_tails_are_high_in_every_epoch() -> None:
    assert diagnosis(with_epochs(5.0, 4.9, 4.8, 4.9, 4.7), NAME) is None


def test_thrown_off_and_stuck() -> None:
    record = with_epochs(3.3, 2.31, 2.3, 2.32)
    losses = [2.3, 9.0, 9.5, 8.0, *[2.3] * 176]
    record.quantities["batch_loss"] = BatchLoss()
    record.quantities["batch_loss"].extend(range(1, 181), np.array(losses))
    found = diagnosis(record, NAME)
    assert found is not None
    assert "nothing is learned" in found.message
    record.history["loss"][-1] = 1.5
    assert diagnosis(record, NAME) is None


def test_epochs_that_jump() -> None:
    calm = [1.8, 1.2, 0.9, 0.8, 0.7, 0.6, 0.55, 0.5]
    assert diagnosis(with_epochs(*calm), NAME) is None
    found = diagnosis(with_epochs(*calm[:5], 1.1, 0.9, 1.0, 0.7), NAME)
    assert found is not None
    assert "3 epochs stand above an earlier one" in found.message


def test_only_fresh_weights_are_judged() -> None:
    record = digits_thrown_off()
    record.model = replace(record.model, iterations=100)
    assert diagnosis(record, NAME) is None
    # loaded weights: the first loss is far below that of the class shares
    record = with_epochs(0.1, 0.02, 0.02)
    record.quantities["batch_loss"].value[0] = 0.02
    assert diagnosis(record, NAME) is None


def test_one_epoch_is_too_few() -> None:
    assert diagnosis(with_epochs(50.0), NAME) is None


def test_scale_of_the_data_comes_first() -> None:
    record = digits_thrown_off()
    assert cause(record, NAME, "long-steps").status is Status.CONFIRMED
    assert "99% of its norm" in cause(record, NAME, "long-steps").evidence.statement
    inputs = Range("float32", (1797, 64), 0.0, 255.0, 0, None)
    record.quantities["input_range"] = InputRange({"x": inputs}, {}, 1797, 1797)
    assert cause(record, NAME, "unscaled-inputs").status is Status.CONFIRMED
    assert cause(record, NAME, "long-steps").status is Status.POSSIBLE


def test_rows_far_from_the_others_leave_it_undecided() -> None:
    record = digits_thrown_off()
    assert cause(record, NAME, "long-steps").status is Status.CONFIRMED
    record.quantities["far_rows"] = FarRows(rows=1437, count=3, first=100, typical=1.0, largest=3000.0)
    assert cause(record, NAME, "long-steps").status is Status.POSSIBLE
    record.quantities["far_rows"] = FarRows(rows=1437, count=0, first=-1, typical=1.0, largest=1.5)
    assert cause(record, NAME, "long-steps").status is Status.CONFIRMED


def test_a_loss_that_is_never_finite_is_left_to_its_rule() -> None:
    assert diagnosis(diverged_regression(), NAME) is None


def test_a_rate_that_makes_the_validation_jump_is_named_too() -> None:
    found = diagnosis(digits_with_long_steps(), NAME)
    assert found is not None
    assert "the mean loss of an epoch jumps" in found.message


@pytest.mark.parametrize(
    ("ratio", "status"), [(0.02, Status.CONFIRMED), (0.005, Status.POSSIBLE)], ids=["long steps", "usual steps"]
)
def test_jumps_of_usual_steps_are_undecided(ratio: float, status: Status) -> None:
    record = with_epochs(1.8, 1.2, 0.9, 0.8, 0.7, 1.1, 0.9, 1.0, 0.7)
    steps = UpdateRatio()
    steps.extend(("sequential/dense/kernel",), np.arange(1, 101), np.full((100, 1), ratio))
    record.quantities["update_ratio"] = steps
    assert cause(record, NAME, "long-steps").status is status
    # what is thrown off is told by its height
    thrown = with_epochs(4.7, 2.0, 1.9)
    thrown.quantities["update_ratio"] = steps
    assert cause(thrown, NAME, "long-steps").status is Status.CONFIRMED


@pytest.mark.parametrize(("optimizer", "clips"), [("SGD", True), ("Adam", False), ("RMSprop", False)])
def test_clipping_shortens_only_the_steps_that_grow_with_the_gradient(optimizer: str, clips: bool) -> None:
    record = digits_thrown_off()
    source = {**record.compile.source, "optimizer": f"keras.optimizers.{optimizer}(learning_rate=10.0)"}
    record.compile = replace(record.compile, optimizer=optimizer, source=source)
    names = [prescription.name for prescription in cause(record, NAME, "long-steps").prescriptions]
    assert names == ["smaller-learning-rate", "clip-gradients"][: 1 + clips]
