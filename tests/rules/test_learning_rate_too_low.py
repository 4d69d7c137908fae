from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import digits_that_creep, digits_with_steps
from tests.rules.differential import cause, diagnosis, reason

NAME = "learning-rate-too-low"


def test_says_how_far_the_weights_moved() -> None:
    found = diagnosis(digits_that_creep(), NAME)
    assert found is not None
    assert (
        "all 675 updates together can have changed the weights of a layer by 0.25% of their size at most"
        in found.message
    )


@pytest.mark.parametrize(("times", "fires"), [(15, True), (25, False)])
def test_a_twentieth_of_the_norm(times: float, fires: bool) -> None:
    record = digits_that_creep()
    record.quantities["update_norm"].total *= times
    assert (diagnosis(record, NAME) is not None) == fires


def test_what_the_rest_of_the_run_can_do_counts() -> None:
    record = digits_that_creep()
    record.fit = replace(record.fit, epochs=1000)
    assert diagnosis(record, NAME) is None


def test_a_usual_rate_is_not_to_blame() -> None:
    record = digits_that_creep()
    record.compile = replace(record.compile, learning_rate=0.001)
    record.quantities["learning_rate"].value[0] = 0.001
    assert diagnosis(record, NAME) is None


def test_a_loss_that_fell_is_no_fault() -> None:
    record = digits_that_creep()
    record.history["loss"][-1] = 1.0
    assert diagnosis(record, NAME) is None


def test_loaded_weights_are_meant_to_stay() -> None:
    record = digits_that_creep()
    record.history["loss"] = [0.301, *[0.3] * 14]
    assert diagnosis(record, NAME) is None
    record = digits_that_creep()
    record.model = replace(record.model, iterations=50)
    assert diagnosis(record, NAME) is None


def test_warm_up_is_waited_for() -> None:
    record = digits_that_creep()
    rates = record.quantities["learning_rate"]
    rates.step.append(400)
    rates.value.append(2e-6)
    assert diagnosis(record, NAME) is None


def test_healthy_and_unmeasured() -> None:
    assert diagnosis(digits_with_steps(), NAME) is None
    record = digits_that_creep()
    del record.quantities["update_norm"]
    assert reason(record, NAME) == "needs update_norm, not recorded"


def test_causes() -> None:
    record = digits_that_creep()
    assert [found.name for found in cause(record, NAME, "short-steps").prescriptions] == ["larger-learning-rate"]
    assert cause(record, NAME, "early-decay").status is Status.RULED_OUT
    rates = record.quantities["learning_rate"]
    rates.value[0] = 0.01
    rates.step.append(20)
    rates.value.append(1e-6)
    assert cause(record, NAME, "early-decay").status is Status.CONFIRMED


def test_a_loss_below_zero_has_no_share_to_fall_by() -> None:
    record = digits_that_creep()
    record.history["loss"] = [2.30, 2.29, 2.28, 2.27]
    assert diagnosis(record, NAME) is not None
    # the best of its batches on the other side of 0
    record.quantities["batch_loss"].value[-1] = -0.05
    assert diagnosis(record, NAME) is None
