from array import array
from dataclasses import replace

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import shuffled_digits
from kerasdoctor.quantities.weight_penalty import WeightPenalty
from kerasdoctor.record import Layer, TrainingRecord
from kerasdoctor.rules.ignored_activity_regularizer import wrapped_dense
from tests.rules.differential import cause, diagnosis

NAME = "ignored-activity-regularizer"
L2 = {"class_name": "L2", "config": {"l2": 0.01}}


def with_first(record: TrainingRecord, layer: Layer) -> TrainingRecord:
    record.model = replace(record.model, layers=(layer, *record.model.layers[1:]))
    return record


def regularized() -> TrainingRecord:
    """A Dense that names an L2 penalty."""
    record = shuffled_digits()
    return with_first(record, replace(record.model.layers[0], config={"kernel_regularizer": L2}))


def test_inside_time_distributed() -> None:
    found = cause(wrapped_dense(), NAME, "inside-time-distributed")
    assert found.status is Status.CONFIRMED
    assert 'config["activity_regularizer"] = keras.regularizers.L1L2(l1=0.01, l2=0.01)' in found.prescriptions[0].source


def test_on_the_wrapper_it_works() -> None:
    record = wrapped_dense()
    wrapper = record.model.layers[0]
    with_first(record, replace(wrapper, config={**wrapper.config, "activity_regularizer": L2}))
    assert diagnosis(record, NAME) is None


def test_a_kernel_regularizer_inside_works() -> None:
    record = wrapped_dense()
    inner = {"class_name": "Dense", "config": {"units": 8, "kernel_regularizer": L2}}
    with_first(record, replace(record.model.layers[0], config={"layer": inner}))
    assert diagnosis(record, NAME) is None


def test_set_after_build() -> None:
    found = diagnosis(regularized(), NAME)
    assert found is not None
    assert "dense has a regularizer that adds nothing to the loss" in found.message
    assert cause(regularized(), NAME, "set-after-build").status is Status.CONFIRMED


def test_a_penalty_that_is_there() -> None:
    record = regularized()
    record.quantities["weight_penalty"] = WeightPenalty(array("q", [1]), array("d", [0.3]))
    assert diagnosis(record, NAME) is None


def test_frozen_layers_have_none() -> None:
    record = regularized()
    with_first(record, replace(record.model.layers[0], trainable=False))
    assert diagnosis(record, NAME) is None
