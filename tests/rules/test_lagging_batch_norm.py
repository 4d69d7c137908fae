from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import with_batch_norm
from kerasdoctor.quantities.inference_metrics import InferenceMetrics
from kerasdoctor.quantities.initial_weights import InitialWeights, Spread
from kerasdoctor.record import TrainingRecord
from kerasdoctor.rules.lagging_batch_norm import settled_run, short_run
from tests.rules.differential import cause, diagnosis, reason

NAME = "lagging-batch-norm"


def long_run(shift: float, variance: float, *, worse: float = 3.0) -> TrainingRecord:
    """900 updates, and validation rows for which the statistics are wrong."""
    record = with_batch_norm(settled_run(), steps=45, shift=shift, variance=variance)
    record.history["val_loss"] = [worse * value for value in record.history["loss"]]
    return record


def test_names_layer_and_numbers() -> None:
    found = diagnosis(short_run(), NAME)
    assert found is not None
    assert "for batch_normalization the variance of the validation rows is 0.03 times the one" in found.message
    assert "after 32 updates; val_loss 1.23, loss 0.0123" in found.message
    finding = cause(short_run(), NAME, "too-few-updates")
    # 0.99 ** 32
    assert finding.evidence.value == pytest.approx(0.725, abs=0.001)
    assert 'config["momentum"] = 0.9' in finding.prescriptions[0].source


def test_silent_where_validation_is_no_worse() -> None:
    record = short_run()
    record.history["val_loss"] = record.history["loss"]
    assert diagnosis(record, NAME) is None


def test_a_long_plan_catches_up() -> None:
    record = short_run()
    record.fit = replace(record.fit, epochs=80)
    assert diagnosis(record, NAME) is None
    assert diagnosis(long_run(0.3, 1.8), NAME) is None
    assert diagnosis(long_run(1.5, 1.0, worse=1.8), NAME) is None


def test_silent_between_lagging_and_settled() -> None:
    """After 260 updates 7 % of the initial variance of 1 are left, more than the inputs of digits have."""
    record = with_batch_norm(settled_run(), steps=13, shift=0.08, variance=0.16)
    record.history["val_loss"] = [3 * value for value in record.history["loss"]]
    assert diagnosis(record, NAME) is None


def test_earlier_updates_count() -> None:
    record = short_run()
    record.model = replace(record.model, iterations=1000)
    assert cause(record, NAME, "too-few-updates").status is Status.RULED_OUT


@pytest.mark.parametrize(("shift", "variance"), [(1.5, 1.0), (0.2, 9.0), (0.2, 0.1)])
def test_other_rows_validate(shift: float, variance: float) -> None:
    record = long_run(shift, variance)
    looks = InferenceMetrics()
    looks.extend(("loss",), np.array([900]), np.array([[record.history["loss"][-1]]]))
    record.quantities["inference_metrics"] = looks
    assert cause(record, NAME, "shifted-validation").status is Status.CONFIRMED
    assert cause(record, NAME, "too-few-updates").status is Status.RULED_OUT


def test_two_batches_are_remembered() -> None:
    record = long_run(1.5, 1.0)
    first, layer, *others = record.model.layers
    record.model = replace(record.model, layers=(first, replace(layer, config={"momentum": 0.1}), *others))
    assert cause(record, NAME, "small-momentum-window").status is Status.CONFIRMED
    assert cause(long_run(1.5, 1.0), NAME, "small-momentum-window").status is Status.RULED_OUT


def test_batches_of_few_rows_are_another_thing() -> None:
    record = long_run(0.7, 3.6)
    assert diagnosis(record, NAME) is not None
    record.fit = replace(record.fit, batch_size=2)
    assert diagnosis(record, NAME) is None


def test_silent_for_frozen_and_for_pretrained_layers() -> None:
    frozen = short_run()
    first, layer, *others = frozen.model.layers
    frozen.model = replace(frozen.model, layers=(first, replace(layer, trainable=False), *others))
    assert diagnosis(frozen, NAME) is None
    pretrained = short_run()
    gamma = Spread(shape=(64,), mean=0.99, deviation=0.04, between_units=np.nan, gain=np.nan)
    pretrained.quantities["initial_weights"] = InitialWeights({f"{layer.path}/gamma": gamma})
    assert diagnosis(pretrained, NAME) is None


def test_needs_the_validation_tapped() -> None:
    record = short_run()
    del record.quantities["batch_norm_shift"]
    assert reason(record, NAME) == "needs batch_norm_shift, not recorded"
