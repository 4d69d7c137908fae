import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import shuffled_digits, with_head, with_quantities
from kerasdoctor.quantities.initial_loss import InitialLoss
from kerasdoctor.quantities.initial_weights import InitialWeights, Spread
from kerasdoctor.record import Layer, Loss, Outcome, TrainingRecord
from tests.rules.differential import cause, diagnosis, reason

NAME = "unexpected-initial-loss"
PATH = "sequential/dense/kernel"


def start(loss: float, *, high: float = 1.0, gain: float = 2.0, activation: str = "softmax") -> TrainingRecord:
    """Digits of 0 to `high` that cost `loss` before the first step; the weights of the first kernel have `gain`."""
    labels = np.arange(200) % 10
    record = with_head(
        shuffled_digits(),
        units=10,
        activation=activation,
        loss=Loss(name="sparse_categorical_crossentropy", by_name=True),
        y=labels,
        history={"loss": "2.1 1.3"},
    )
    measured = shuffled_digits().quantities["input_range"]
    deviation = math.sqrt(gain / 64)
    kernel = Spread(shape=(64, 64), mean=0.0, deviation=deviation, between_units=deviation, gain=gain)
    return with_quantities(
        record,
        input_range=replace(measured, inputs={"x": replace(measured.inputs["x"], maximum=high)}),
        initial_weights=InitialWeights({PATH: kernel}),
        initial_loss=InitialLoss(loss, math.log(10), math.log(10)),
    )


def test_names_what_it_costs_and_what_guessing_costs() -> None:
    found = diagnosis(start(147.0, high=255.0), NAME)
    assert found is not None
    assert "is 147 before the first step, where guessing costs 2.3" in found.message
    assert found.evidence[0].threshold == pytest.approx(2 * math.log(10))


@pytest.mark.parametrize(
    ("made", "name"),
    [
        ({"high": 255.0}, "unscaled-inputs"),
        ({"gain": 40.0}, "large-initialization"),
        ({"activation": "linear"}, "logits-as-probabilities"),
    ],
)
def test_each_reason_alone(made: dict[str, Any], name: str) -> None:
    record = start(30.0, **made)
    names = ("unscaled-inputs", "large-initialization", "logits-as-probabilities")
    assert {other for other in names if cause(record, NAME, other).status is Status.CONFIRMED} == {name}
    assert all(cause(record, NAME, other).status is Status.RULED_OUT for other in names if other != name)


def test_a_high_loss_without_a_reason_is_no_fault() -> None:
    assert diagnosis(start(30.0), NAME) is None


@pytest.mark.parametrize("loss", [0.0, 2.3, 4.6, math.inf, math.nan])
def test_a_reason_without_a_high_loss_is_no_fault(loss: float) -> None:
    assert diagnosis(start(loss, high=255.0), NAME) is None


def test_initializers_that_scale_with_the_layer_are_never_large() -> None:
    """He's and LeCun's and Glorot's, normal and uniform, of 4 to 512 units: the mean square of the weights times n."""
    generator = np.random.default_rng(0)
    for inputs in (4, 32, 512):
        for variance in (2 / inputs, 1 / inputs, 2 / (inputs + 32)):
            for drawn in (
                generator.normal(0, math.sqrt(variance), (inputs, 32)),
                generator.uniform(-math.sqrt(3 * variance), math.sqrt(3 * variance), (inputs, 32)),
            ):
                assert diagnosis(start(30.0, gain=Spread.of(drawn).gain), NAME) is None


def test_what_scales_the_inputs_is_seen() -> None:
    record = start(30.0, high=255.0)
    rescaling = Layer(name="rescaling", kind="Rescaling", path="sequential/rescaling")
    record.model = replace(record.model, layers=(rescaling, *record.model.layers))
    assert diagnosis(record, NAME) is None
    record = start(30.0, high=255.0)
    record.model = replace(record.model, operations=("TrueDivide",))
    assert diagnosis(record, NAME) is None
    record = start(30.0, high=255.0)
    embedding = Layer(name="embedding", kind="Embedding", path="sequential/embedding")
    record.model = replace(record.model, layers=(embedding, *record.model.layers))
    assert diagnosis(record, NAME) is None


def test_a_check_says_that_it_did_not_look_and_a_fit_owes_nothing() -> None:
    record = start(30.0, high=255.0)
    del record.quantities["initial_loss"]
    assert reason(record, NAME) is None
    assert diagnosis(record, NAME) is None
    record.outcome = Outcome(status="checked")
    assert reason(record, NAME) == "needs initial_loss, not recorded"
