from dataclasses import replace
from typing import Any

import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import constant_digits, drawn_digits
from kerasdoctor.quantities.initial_weights import InitialWeights
from kerasdoctor.record import TrainingRecord
from tests.rules.differential import cause, diagnosis, reason

NAME = "constant-initialization"


def with_kernels(**values: float) -> TrainingRecord:
    """The healthy digits with these constants in the kernels named."""
    record = drawn_digits()
    variables = dict(record.quantities["initial_weights"].variables)
    for name, value in values.items():
        path = f"sequential/{name}/kernel"
        variables[path] = replace(variables[path], mean=value, deviation=0.0, between_units=0.0)
    record.quantities["initial_weights"] = InitialWeights(variables)
    return record


def test_equal_units() -> None:
    found = diagnosis(constant_digits(), NAME)
    assert found is not None
    assert [evidence.where for evidence in found.evidence] == ["dense", "dense_1"]
    assert "its 64 units begin equal and get equal gradients" in found.message
    finding = cause(constant_digits(), NAME, "constant-kernels")
    assert "every weight of dense begins at 0.1, by Constant" in finding.evidence.statement
    assert "he_normal" in finding.prescriptions[0].source
    assert cause(constant_digits(), NAME, "zero-kernels").status is Status.RULED_OUT


def test_a_relu_layer_of_zeros_is_silent() -> None:
    record = with_kernels(dense=0.0)
    found = diagnosis(record, NAME)
    assert found is not None
    assert "put out 0 and have no gradient" in found.message
    assert cause(record, NAME, "zero-kernels").status is Status.CONFIRMED


@pytest.mark.parametrize("kernels", [{"dense_2": 0.0}, {"dense": 0.1}, {"dense_1": 0.1}])
def test_one_constant_layer_learns(kernels: dict[str, Any]) -> None:
    # a last layer of 0, or a hidden constant one between layers drawn at random
    assert diagnosis(with_kernels(**kernels), NAME) is None


def test_zeros_under_tanh_learn() -> None:
    record = with_kernels(dense=0.0)
    layers = tuple(replace(layer, activation="tanh") for layer in record.model.layers)
    record.model = replace(record.model, layers=layers)
    assert diagnosis(record, NAME) is None


def test_needs_fresh_weights() -> None:
    record = constant_digits()
    del record.quantities["initial_weights"]
    assert reason(record, NAME) == "needs initial_weights, not recorded"
    assert diagnosis(drawn_digits(), NAME) is None
