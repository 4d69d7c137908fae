from array import array
from dataclasses import replace

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import digits_with_steps, frozen_digits, shuffled_digits
from kerasdoctor.quantities.global_gradient_norm import GlobalGradientNorm
from kerasdoctor.record import Model, Outcome
from tests.rules.differential import cause, diagnosis, reason

NAME = "nothing-trainable"


def test_frozen() -> None:
    found = diagnosis(frozen_digits(), NAME)
    assert found is not None
    assert found.message == "Nothing is trained: none of the 8,970 parameters of the model is trainable."
    finding = cause(frozen_digits(), NAME, "frozen-layers")
    assert "`trainable` is False for dense, dense_1" in finding.evidence.statement
    assert '["trainable"] = True' in finding.prescriptions[-1].source


def test_no_weights() -> None:
    record = frozen_digits()
    layers = tuple(replace(layer, kind="Flatten", parameters=0) for layer in record.model.layers)
    record.model = replace(record.model, layers=layers, parameters=0)
    assert cause(record, NAME, "no-weights").status is Status.CONFIRMED
    assert cause(record, NAME, "frozen-layers").status is Status.RULED_OUT


def test_gradients_of_0_from_the_first_step_on() -> None:
    record = shuffled_digits()
    norms = GlobalGradientNorm(array("q", range(1, 46)), array("d", [0.0] * 45))
    record.quantities["global_gradient_norm"] = norms
    assert cause(record, NAME, "disconnected-output").status is Status.CONFIRMED
    norms.value[3] = 1e-30
    assert diagnosis(record, NAME) is None


def test_a_cross_entropy_that_clips_has_no_gradient_either() -> None:
    record = shuffled_digits()
    norms = GlobalGradientNorm(array("q", range(1, 46)), array("d", [0.0] * 45))
    record.quantities["global_gradient_norm"] = norms
    record.model = replace(record.model, outputs=(replace(record.model.outputs[0], activation="linear"),))
    finding = cause(record, NAME, "disconnected-output")
    assert finding.status is Status.POSSIBLE
    assert "clips what" in finding.evidence.statement


def test_keras_found_no_gradient() -> None:
    record = shuffled_digits()
    record.outcome = Outcome(status="raised", exception="ValueError: No gradients provided for any variable.")
    assert cause(record, NAME, "disconnected-output").status is Status.CONFIRMED


def test_one_frozen_layer_is_no_fault() -> None:
    record = digits_with_steps()
    first, *rest = record.model.layers
    record.model = replace(record.model, layers=(replace(first, trainable=False), *rest), trainable_parameters=4810)
    assert diagnosis(record, NAME) is None


def test_a_model_that_is_not_built_does_not_tell() -> None:
    record = shuffled_digits()
    record.model = Model(kind="subclassed")
    assert "a model that is built" in (reason(record, NAME) or "")
