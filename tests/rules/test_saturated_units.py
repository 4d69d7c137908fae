from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import saturated_digits, unsaturated_digits
from tests.rules.differential import cause, diagnosis, reason

NAME = "saturated-units"


def test_names_the_layer() -> None:
    found = diagnosis(saturated_digits(), NAME)
    assert found is not None
    assert found.message.startswith("sequential/dense is saturated: 99% of its outputs")
    assert cause(saturated_digits(), NAME, "unscaled-inputs").status is Status.CONFIRMED
    assert cause(saturated_digits(), NAME, "large-weights").status is Status.RULED_OUT


@pytest.mark.parametrize(("first", "last", "fires"), [(0.9, 0.86, True), (0.9, 0.8, False), (0.2, 0.95, False)])
def test_from_the_first_validation_to_the_last(first: float, last: float, fires: bool) -> None:
    record = saturated_digits()
    shares = record.quantities["saturation"]
    shares.total[0, 0], shares.total[-1, 0] = first, last
    assert (diagnosis(record, NAME) is not None) == fires


def test_outputs_may_be_certain() -> None:
    record = saturated_digits()
    record.model = replace(record.model, layers=record.model.layers[:1], outputs=())
    assert diagnosis(record, NAME) is None
    assert diagnosis(unsaturated_digits(), NAME) is None


def test_large_weights() -> None:
    record = saturated_digits()
    spreads = record.quantities["initial_weights"].variables
    path = "sequential/dense/kernel"
    spreads[path] = replace(spreads[path], gain=256.0)
    assert cause(record, NAME, "large-weights").status is Status.CONFIRMED


def test_needs_the_layers() -> None:
    record = saturated_digits()
    record.model = replace(record.model, layers=())
    assert "the layers of the model" in (reason(record, NAME) or "")
