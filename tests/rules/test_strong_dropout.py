from dataclasses import replace

import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import digits_with_dropout
from kerasdoctor.record import Layer, Output, TrainingRecord
from kerasdoctor.rules.strong_dropout import nine_of_ten
from tests.rules.differential import cause, diagnosis

NAME = "strong-dropout"


def with_rate(rate: float) -> TrainingRecord:
    record = digits_with_dropout()
    layers = tuple(replace(layer, rate=rate) if layer.rate else layer for layer in record.model.layers)
    record.model = replace(record.model, layers=layers)
    return record


@pytest.mark.parametrize(("rate", "fires"), [(0.5, False), (0.74, False), (0.75, True), (0.95, True)])
def test_the_rate(rate: float, fires: bool) -> None:
    assert (diagnosis(with_rate(rate), NAME) is not None) is fires


def test_names_the_layer_and_what_is_left() -> None:
    found = diagnosis(nine_of_ten(), NAME)
    assert found is not None
    assert found.message == "Dropout is too strong: dropout_0 drops 90% of its units in each step."
    finding = cause(nine_of_ten(), NAME, "high-rate")
    assert "passes 10% of its units on" in finding.evidence.statement
    assert 'config["rate"] = 0.3' in finding.prescriptions[0].source
    assert "rate=0.1" in cause(nine_of_ten(), NAME, "keep-probability").evidence.statement


def test_dropout_behind_the_output() -> None:
    record = digits_with_dropout()
    record.model = replace(
        record.model,
        layers=(*record.model.layers, Layer(name="drop", kind="Dropout", rate=0.2, output_shape=(10,))),
        outputs=(Output(name="0", shape=(10,), layer="dense_2", kind="Dense", activation="softmax"),),
    )
    assert record.model.layers[-2].name == "dense_2"
    found = cause(record, NAME, "dropout-at-the-output")
    assert found.status is Status.CONFIRMED
    assert cause(record, NAME, "high-rate").status is Status.RULED_OUT
    record.model = replace(record.model, layers=record.model.layers[:-1])
    assert diagnosis(record, NAME) is None
