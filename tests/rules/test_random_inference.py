import math
from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.diagnosis import Severity, Status
from kerasdoctor.examples import shuffled_digits, with_quantities
from kerasdoctor.quantities.inference_randomness import InferenceRandomness
from kerasdoctor.record import Outcome, TrainingRecord
from tests.rules.differential import cause, diagnosis, reason

NAME = "random-inference"


def passes(difference: float, keras_layers: tuple[str, ...] = (), own_layers: tuple[str, ...] = ()) -> TrainingRecord:
    """Digits shown twice to a model whose outputs differ by this share of their size."""
    found = InferenceRandomness(difference, keras_layers, own_layers)
    return with_quantities(shuffled_digits(), inference_randomness=found)


@pytest.mark.parametrize(
    ("keras_layers", "own_layers", "hard_coded", "own"),
    [
        (("dropout",), (), Status.CONFIRMED, Status.RULED_OUT),
        ((), ("sampling",), Status.RULED_OUT, Status.CONFIRMED),
        (("noise",), ("sampling",), Status.CONFIRMED, Status.CONFIRMED),
        # random numbers that come from no seed generator leave no trace of their layer
        ((), (), Status.RULED_OUT, Status.POSSIBLE),
    ],
)
def test_the_layer_that_drew(
    keras_layers: tuple[str, ...], own_layers: tuple[str, ...], hard_coded: Status, own: Status
) -> None:
    record = passes(0.3, keras_layers, own_layers)
    found = cause(record, NAME, "training-hard-coded")
    assert found.status is hard_coded
    assert cause(record, NAME, "random-layer").status is own
    if keras_layers:
        assert found.evidence.where == keras_layers[0]


def test_it_is_a_note_with_its_number() -> None:
    found = diagnosis(passes(0.3, ("dropout",)), NAME)
    assert found is not None
    assert found.severity is Severity.INFO
    assert "differ by 30.0% of their size" in found.message


@pytest.mark.parametrize("difference", [0.0, 2**-11, 0.01, math.nan])
def test_rounding_is_not_random(difference: float) -> None:
    assert diagnosis(passes(difference, ("dropout",)), NAME) is None


def test_half_precision_stays_below_the_threshold() -> None:
    generator = np.random.default_rng(0)
    outputs = generator.standard_normal((512, 10))
    # sums in float16 whose order differs: relative errors of 2^-11 an operation, over 100 layers at random
    jitter = 1 + 2.0**-11 * np.sqrt(100) * generator.uniform(-1, 1, outputs.shape)
    found = InferenceRandomness.of(outputs, outputs * jitter, (), ())
    assert found is not None
    assert found.difference > 0
    assert diagnosis(with_quantities(shuffled_digits(), inference_randomness=found), NAME) is None


def test_a_check_says_that_it_did_not_look_and_a_fit_owes_nothing() -> None:
    record = shuffled_digits()
    assert reason(record, NAME) is None
    assert diagnosis(record, NAME) is None
    checked = replace(record, outcome=Outcome(status="checked"))
    assert reason(checked, NAME) == "needs inference_randomness, not recorded"
