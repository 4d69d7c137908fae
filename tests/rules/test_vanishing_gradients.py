from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import deep_digits, digits_with_steps
from tests.rules.differential import cause, diagnosis

NAME = "vanishing-gradients"


def test_says_how_faint() -> None:
    found = diagnosis(deep_digits(), NAME)
    assert found is not None
    assert (
        "a weight of sequential/dense/kernel gets 2e-07 times the gradient of sequential/dense_10/bias" in found.message
    )
    assert found.message.endswith("the loss has gone from 2.34 to 2.31.")


@pytest.mark.parametrize(("times", "fires"), [(1000, True), (3000, False)])
def test_three_in_ten_thousand(times: float, fires: bool) -> None:
    record = deep_digits()
    record.quantities["gradient_norm"].total[:, 0] *= times
    assert (diagnosis(record, NAME) is not None) == fires


def test_slow_starters_are_waited_for() -> None:
    record = deep_digits()
    record.history = {key: values[:11] for key, values in record.history.items()}
    assert diagnosis(record, NAME) is None
    record = deep_digits()
    record.fit = replace(record.fit, epochs=100)
    assert diagnosis(record, NAME) is None


def test_what_learns_is_no_fault() -> None:
    record = deep_digits()
    record.history["loss"][-1] = 2.0
    assert diagnosis(record, NAME) is None
    assert diagnosis(digits_with_steps(), NAME) is None


def test_causes() -> None:
    record = deep_digits()
    assert "10 of 10 hidden layers" in cause(record, NAME, "saturating-activations").evidence.statement
    assert cause(record, NAME, "small-initialization").status is Status.RULED_OUT
    assert cause(record, NAME, "deep-without-normalization").status is Status.POSSIBLE
    spreads = record.quantities["initial_weights"].variables
    path = "sequential/dense_3/kernel"
    spreads[path] = replace(spreads[path], gain=0.01)
    assert path in cause(record, NAME, "small-initialization").evidence.statement
    assert cause(record, NAME, "small-initialization").status is Status.CONFIRMED
