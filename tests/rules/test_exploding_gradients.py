from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import digits_with_steps, exploded_digits
from kerasdoctor.quantities.far_rows import FarRows
from kerasdoctor.record import Layer
from tests.rules.differential import cause, diagnosis

NAME = "exploding-gradients"


def test_says_from_where_to_where() -> None:
    found = diagnosis(exploded_digits(), NAME)
    assert found is not None
    assert "went from 0.731 in the first step to 1.1e+03 in step 2" in found.message


@pytest.mark.parametrize(("norm", "fires"), [(75.0, True), (71.0, False)])
def test_a_hundred_times_the_first(norm: float, fires: bool) -> None:
    record = exploded_digits()
    norms = record.quantities["global_gradient_norm"]
    for position, value in enumerate(norms.value):
        norms.value[position] = min(value, norm)
    assert (diagnosis(record, NAME) is not None) == fires


def test_a_large_gradient_alone_is_no_fault() -> None:
    record = digits_with_steps()
    record.quantities["global_gradient_norm"].value[20] = 1e6
    assert diagnosis(record, NAME) is None


def test_recurrence() -> None:
    record = exploded_digits()
    assert cause(record, NAME, "unclipped-recurrence").status is Status.RULED_OUT
    record.model = replace(record.model, layers=(Layer(name="gru", kind="GRU"), *record.model.layers))
    assert cause(record, NAME, "unclipped-recurrence").status is Status.CONFIRMED
    record.compile = replace(record.compile, optimizer_config={"clipnorm": 1.0})
    assert cause(record, NAME, "unclipped-recurrence").status is Status.RULED_OUT


def test_from_layer_to_layer() -> None:
    record = digits_with_steps()
    spreads = record.quantities["initial_weights"].variables
    for path in ("sequential/dense/kernel", "sequential/dense_1/kernel"):
        spreads[path] = replace(spreads[path], gain=64.0)
    assert diagnosis(record, NAME) is None
    record.quantities["batch_loss"].value[0] = 500.0
    assert cause(record, NAME, "large-initialization").status is Status.CONFIRMED


def test_equal_units_are_another_fault() -> None:
    record = digits_with_steps()
    spreads = record.quantities["initial_weights"].variables
    for path in ("sequential/dense/kernel", "sequential/dense_1/kernel"):
        spreads[path] = replace(spreads[path], gain=64.0, between_units=0.0)
    record.quantities["batch_loss"].value[0] = 500.0
    assert diagnosis(record, NAME) is None


def test_a_few_far_rows_are_no_unscaled_inputs() -> None:
    record = exploded_digits()
    measured = record.quantities["input_range"]
    high = {name: replace(values, maximum=400.0) for name, values in measured.inputs.items()}
    record.quantities["input_range"] = replace(measured, inputs=high)
    assert cause(record, NAME, "unscaled-inputs").status is Status.CONFIRMED
    record.quantities["far_rows"] = FarRows(rows=1437, count=16, first=320, typical=1.0, largest=400.0)
    assert cause(record, NAME, "unscaled-inputs").status is Status.RULED_OUT
    # they lengthen single steps
    assert cause(record, NAME, "long-steps").status is Status.POSSIBLE
    # most rows are large as well
    record.quantities["far_rows"] = FarRows(rows=1437, count=1, first=320, typical=30.0, largest=400.0)
    assert cause(record, NAME, "unscaled-inputs").status is Status.CONFIRMED
