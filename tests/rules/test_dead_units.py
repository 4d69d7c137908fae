from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import dead_digits, living_digits
from kerasdoctor.quantities.dead_units import DeadUnits
from kerasdoctor.quantities.initial_weights import InitialWeights, Spread
from kerasdoctor.record import TrainingRecord
from tests.rules.differential import cause, diagnosis, reason

NAME = "dead-units"


def counted(dead: float, before: float) -> TrainingRecord:
    """The healthy digits, of whose first layer `dead` of 64 units are dead for 512 rows, and `before` were."""
    record = living_digits()
    table = DeadUnits(units=(64, 64), at_initialization=(before, 0.0), rows=512)
    table.extend(("sequential/dense", "sequential/dense_1"), np.array([45, 90]), np.array([[dead, 3.0]] * 2))
    record.quantities["dead_units"] = table
    return record


def test_a_layer_of_zeros() -> None:
    found = diagnosis(dead_digits(), NAME)
    assert found is not None
    assert [evidence.where for evidence in found.evidence] == ["sequential/dense_1"]
    finding = cause(dead_digits(), NAME, "long-steps")
    assert finding.status is Status.CONFIRMED
    assert "a kernel by 88% of its norm, at a learning rate of 2" in finding.evidence.statement


@pytest.mark.parametrize(("dead", "before", "fires"), [(62, 3, True), (60, 3, False), (62, 40, False), (0, 0, False)])
def test_most_units_died_since_initialization(dead: float, before: float, fires: bool) -> None:
    assert (diagnosis(counted(dead, before), NAME) is not None) == fires


def test_dead_at_initialization_is_told() -> None:
    assert cause(counted(64, 30), NAME, "dead-at-initialization").status is Status.RULED_OUT
    record = dead_digits()
    assert cause(record, NAME, "dead-at-initialization").status is Status.POSSIBLE


def test_outputs_and_other_activations_cannot_die() -> None:
    record = dead_digits()
    layers = tuple(replace(layer, activation="elu") for layer in record.model.layers)
    record.model = replace(record.model, layers=layers)
    assert diagnosis(record, NAME) is None
    record = dead_digits()
    record.model = replace(record.model, layers=record.model.layers[:2], outputs=())
    assert diagnosis(record, NAME) is None


def test_few_rows_say_nothing() -> None:
    record = dead_digits()
    record.data = replace(record.data, n_validation=20)
    assert diagnosis(record, NAME) is None


def test_a_penalty_on_outputs() -> None:
    record = dead_digits()
    config = {"activity_regularizer": {"class_name": "L1", "config": {"l1": 1.0}}}
    layers = tuple(replace(layer, config=config) for layer in record.model.layers)
    record.model = replace(record.model, layers=layers)
    finding = cause(record, NAME, "large-activity-penalty")
    assert finding.status is Status.CONFIRMED
    assert "L1(l1=1.0)" in finding.evidence.statement


def test_needs_a_look_at_the_outputs() -> None:
    record = dead_digits()
    del record.quantities["zero_share"]
    assert reason(record, NAME) == "needs zero_share, not recorded"


def test_a_layer_that_began_at_zero_is_another_fault() -> None:
    record = dead_digits()
    zero = Spread(shape=(64, 64), mean=0.0, deviation=0.0, between_units=0.0, gain=0.0)
    spread = Spread(shape=(64,), mean=-0.5, deviation=0.0, between_units=np.nan, gain=np.nan)
    record.quantities["initial_weights"] = InitialWeights({"sequential/dense_1/kernel": zero})
    assert diagnosis(record, NAME) is None
    # with such biases no layer is silent by its kernel alone
    weights = {"sequential/dense_1/kernel": zero, "sequential/dense_1/bias": spread}
    record.quantities["initial_weights"] = InitialWeights(weights)
    assert diagnosis(record, NAME) is not None
