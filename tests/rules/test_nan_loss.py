from array import array
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kerasdoctor.diagnosis import Status, When
from kerasdoctor.examples import digits_with_a_gap, diverged_regression, shuffled_digits
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.first_nonfinite import FirstNonfinite
from kerasdoctor.quantities.global_gradient_norm import GlobalGradientNorm
from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.quantities.weight_norm import WeightNorm
from kerasdoctor.record import Layer, Loss, Model, TrainingRecord
from tests.rules.differential import cause, diagnosis

NAME = "nan-loss"
NAN, INFINITY = float("nan"), float("inf")


def with_batches(*values: float) -> TrainingRecord:
    """The healthy digits, whose batch losses were `values` and NaN from there on."""
    record = shuffled_digits()
    losses = [*values, *[NAN] * (45 - len(values))]
    record.quantities["batch_loss"] = BatchLoss(array("q", range(1, 46)), array("d", losses))
    record.history = {key: [NAN] for key in record.history}
    return record


def status(record: TrainingRecord, name: str) -> Status:
    return cause(record, NAME, name).status


def test_names_the_first_step_and_epoch() -> None:
    found = diagnosis(digits_with_a_gap(), NAME)
    assert found is not None
    assert found.evidence[0].when == When(epoch=1, step=15)
    assert found.message == "The training is not finite: the batch loss is NaN from step 15 (epoch 1) on."


def test_steps_are_counted_over_the_whole_call() -> None:
    record = shuffled_digits()
    record.quantities["batch_loss"].value[45 * 3 + 4] = INFINITY
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.evidence[0].when == When(epoch=4, step=140)
    assert "infinite" in found.message


def test_epoch_without_the_begins_of_epochs() -> None:
    record = shuffled_digits()
    record.quantities["batch_loss"].value[45 * 3 + 4] = NAN
    del record.quantities["epoch_begin"]
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.evidence[0].when == When(epoch=4, step=140)


def test_history_alone() -> None:
    record = shuffled_digits()
    del record.quantities["batch_loss"]
    record.history["loss"][6:] = [NAN] * 14
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.evidence[0].when == When(epoch=7)
    assert cause(record, NAME, "learning-rate-too-high").evidence.statement == "not measured: needs batch_loss"


def test_validation_gaps_are_no_nan() -> None:
    record = shuffled_digits()
    record.fit = replace(record.fit, validation_freq=2)
    record.history["val_loss"] = record.history["val_loss"][::2]
    record.history["val_accuracy"] = record.history["val_accuracy"][::2]
    assert diagnosis(record, NAME) is None
    record.history["val_loss"][3] = NAN
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.evidence[0].when == When(epoch=8)


def test_missing_values_are_the_cause() -> None:
    finding = cause(digits_with_a_gap(), NAME, "nan-in-data")
    assert finding.status is Status.CONFIRMED
    assert "the first in row 700" in finding.evidence.statement
    assert [prescription.name for prescription in finding.prescriptions] == ["drop-nonfinite-rows"]
    assert status(digits_with_a_gap(), "learning-rate-too-high") is Status.RULED_OUT


def test_missing_targets_and_weights() -> None:
    record = with_batches(2.3, 2.2)
    targets = record.quantities["target_range"]
    bad = replace(targets.outputs["y"], nonfinite=3, first_nonfinite_row=12)
    record.quantities["target_range"] = replace(targets, outputs={"y": bad})
    assert status(record, "nan-in-data") is Status.CONFIRMED
    record.quantities["target_range"] = replace(targets, minimum_weight=NAN)
    assert status(record, "nan-in-data") is Status.CONFIRMED


def test_a_sample_of_finite_rows_decides_nothing() -> None:
    record = with_batches(2.3, 2.2)
    record.quantities["input_range"] = replace(record.quantities["input_range"], scanned=500)
    finding = cause(record, NAME, "nan-in-data")
    assert finding.status is Status.POSSIBLE
    assert "500 of 1,797 rows" in finding.evidence.statement


def test_divergence() -> None:
    record = diverged_regression()
    finding = cause(record, NAME, "learning-rate-too-high")
    assert finding.status is Status.CONFIRMED
    assert finding.evidence.value is not None
    assert finding.evidence.value > 10
    assert [prescription.name for prescription in finding.prescriptions] == ["smaller-learning-rate"]
    assert status(record, "unstable-layer") is Status.RULED_OUT


def test_growth_after_a_long_quiet_time() -> None:
    quiet = [0.5 + 0.1 * (index % 3) for index in range(36)]
    assert status(with_batches(*quiet, 0.9, 7.0, 60.0, 1e4), "learning-rate-too-high") is Status.CONFIRMED


def test_nan_without_growth_is_undecided() -> None:
    finding = cause(with_batches(*[2.3] * 20), NAME, "learning-rate-too-high")
    assert finding.status is Status.POSSIBLE
    assert finding.evidence.statement.startswith("measured, undecided")


def test_the_first_batch_rules_the_learning_rate_out() -> None:
    record = with_batches()
    finding = cause(record, NAME, "learning-rate-too-high")
    assert finding.status is Status.RULED_OUT
    assert "before any update" in finding.evidence.statement
    assert status(record, "unstable-layer") is Status.POSSIBLE


def test_a_loss_of_ones_own() -> None:
    record = with_batches()
    assert status(record, "custom-loss") is Status.RULED_OUT
    record.compile = replace(record.compile, losses=(Loss(name="my_loss", builtin=False),))
    finding = cause(record, NAME, "custom-loss")
    assert finding.status is Status.POSSIBLE
    assert "my_loss or a layer computes it" in finding.evidence.statement
    record = with_batches(2.3, 2.2)
    record.compile = replace(record.compile, losses=(Loss(name="my_loss", builtin=False),))
    assert cause(record, NAME, "custom-loss").evidence.statement.startswith("not measured: my_loss")


def test_labels_without_a_unit() -> None:
    record = with_batches(2.3, 2.2)
    assert status(record, "labels-out-of-range") is Status.RULED_OUT
    targets = record.quantities["target_range"]
    for low, high in ((1.0, 10.0), (-1.0, 9.0)):
        outside = replace(targets.outputs["y"], minimum=low, maximum=high)
        record.quantities["target_range"] = replace(targets, outputs={"y": outside})
        finding = cause(record, NAME, "labels-out-of-range")
        assert finding.status is Status.CONFIRMED
        assert "the last layer has units for 0 to 9" in finding.evidence.statement


@pytest.mark.parametrize("name", ["sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"])
def test_labels_are_compared_by_any_name_of_the_loss(name: str) -> None:
    record = with_batches(2.3, 2.2)
    record.compile = replace(record.compile, losses=(Loss(name=name),))
    targets = record.quantities["target_range"]
    outside = replace(targets.outputs["y"], maximum=10.0)
    record.quantities["target_range"] = replace(targets, outputs={"y": outside})
    assert status(record, "labels-out-of-range") is Status.CONFIRMED


def large_inputs(*batches: float) -> TrainingRecord:
    record = with_batches(*batches)
    record.quantities["input_range"] = InputRange(
        {"x": Range("float32", (1797, 64), 0.0, 255.0, 0, None)}, {}, 1797, 1797
    )
    return record


def test_unscaled_inputs_are_the_cause_of_a_divergence() -> None:
    finding = cause(large_inputs(40.0, 900.0, 1e8), NAME, "unscaled-inputs")
    assert finding.status is Status.CONFIRMED
    assert [prescription.name for prescription in finding.prescriptions] == ["min-max-normalization"]
    assert status(large_inputs(2.3, 2.2), "unscaled-inputs") is Status.POSSIBLE
    assert status(with_batches(40.0, 900.0, 1e8), "unscaled-inputs") is Status.RULED_OUT


@pytest.mark.parametrize("kind", ["Rescaling", "Normalization", "BatchNormalization", "Embedding"])
def test_a_model_that_scales_its_inputs(kind: str) -> None:
    record = large_inputs(40.0, 900.0, 1e8)
    first = (Layer(name="input", kind="InputLayer"), Layer(name="first", kind=kind))
    record.model = Model(layers=(*first, *record.model.layers))
    finding = cause(record, NAME, "unscaled-inputs")
    assert finding.status is Status.RULED_OUT
    assert "first" in finding.evidence.statement


def test_unscaled_targets_matter_for_regression_only() -> None:
    assert status(diverged_regression(), "unscaled-targets") is Status.CONFIRMED
    assert status(with_batches(40.0, 900.0, 1e8), "unscaled-targets") is Status.RULED_OUT


def test_mixed_precision() -> None:
    record = with_batches(2.3)
    assert status(record, "mixed-precision") is Status.RULED_OUT
    record.compile = replace(record.compile, dtype_policy="mixed_float16")
    assert status(record, "mixed-precision") is Status.POSSIBLE


def only_validation() -> TrainingRecord:
    record = shuffled_digits()
    record.history["val_loss"] = [NAN] * 20
    return record


def test_validation_alone() -> None:
    record = only_validation()
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.evidence[0].where == "val_loss"
    for name in ("nan-in-data", "learning-rate-too-high", "unscaled-inputs", "unscaled-targets"):
        assert status(record, name) is Status.RULED_OUT


def test_missing_values_in_the_tail() -> None:
    record = only_validation()
    tail = Range("float32", (1797, 64), 0.0, 1.0, 5, 1500)
    record.quantities["input_range"] = InputRange({"x": tail}, {}, 1797, 1797)
    finding = cause(record, NAME, "nan-in-validation-data")
    assert finding.status is Status.CONFIRMED
    assert [prescription.name for prescription in finding.prescriptions] == ["drop-nonfinite-rows"]


def test_missing_values_in_validation_data() -> None:
    record = only_validation()
    held_out = Range("float32", (360, 64), 0.0, 1.0, 5, 0)
    clean = record.quantities["input_range"].inputs
    record.quantities["input_range"] = InputRange(clean, {"x": held_out}, 1797, 1797)
    assert status(record, "nan-in-validation-data") is Status.CONFIRMED
    assert status(digits_with_a_gap(), "nan-in-validation-data") is Status.RULED_OUT


def replayed(origin: str, **facts: Any) -> TrainingRecord:
    """The gap in the digits, with another first NaN."""
    record = digits_with_a_gap()
    record.quantities["first_nonfinite"] = FirstNonfinite(step=2, origin=origin, **facts)
    return record


CONFIRMED_BY_A_REPLAY = {
    "input": ({"rows": (3,), "samples": (211,)}, "nan-in-data", "the input of sample 211 is not finite"),
    "target": ({"rows": (3, 4, 5, 6)}, "nan-in-data", "the target of row 3, 4, 5 and 1 more of the batch"),
    "layer": (
        {"layer": "net/log", "kind": "Log", "operation": "Log", "line": "return ops.log(x)", "largest": 1.0},
        "unstable-layer",
        "layer net/log (Log) makes it from numbers of at most 1, in the operation Log of the line `return ops.log(x)`",
    ),
    "variable": (
        {"variables": ("net/kernel",), "line": "kernel.assign(new)"},
        "changed-outside",
        "net/kernel was set to NaN or infinity between steps 1 and 2, by a callback or other code, in the line `kernel",
    ),
    "update": ({"variables": ("net/kernel",), "largest": 2.0}, "learning-rate-too-high", "the update of net/kernel"),
}


@pytest.mark.parametrize("origin", CONFIRMED_BY_A_REPLAY)
def test_a_replayed_step_decides_the_whole_differential(origin: str) -> None:
    facts, expected, words = CONFIRMED_BY_A_REPLAY[origin]
    record = replayed(origin, **facts)
    found = diagnosis(record, NAME)
    assert found is not None
    assert [finding.name for finding in found.causes if finding.status is Status.CONFIRMED] == [expected]
    assert not [finding.name for finding in found.causes if finding.status is Status.POSSIBLE]
    assert words in cause(record, NAME, expected).evidence.statement
    assert "it began in step 2" in found.message


def test_exploded_weights_are_steps_too_long_wherever_they_overflow() -> None:
    record = replayed("layer", layer="net/exp", kind="Exp", operation="Exp", largest=1e9, largest_weight=1e7)
    assert status(record, "learning-rate-too-high") is Status.CONFIRMED
    assert status(record, "unstable-layer") is Status.RULED_OUT
    assert status(record, "nan-in-data") is Status.RULED_OUT


def test_float16_is_told_from_an_unstable_layer() -> None:
    record = replayed("layer", layer="net/one", kind="Dense", largest=6e4, half_precision=True)
    assert status(record, "mixed-precision") is Status.CONFIRMED
    assert status(record, "unstable-layer") is Status.RULED_OUT


def lost_weights(*, first: bool = False) -> TrainingRecord:
    """A ReLU that makes 0 of NaN: the kernel is lost, the loss stays finite."""
    record = digits_with_a_gap()
    losses, norms = BatchLoss(), WeightNorm()
    norms.extend(
        ("net/kernel", "net/bias"), np.array([1, 2, 3]), np.array([[np.nan if first else 1, 1], [np.nan, 1]] * 2)[:3]
    )
    losses.extend([1, 2, 3], np.array([2.0, 2.1, 2.3]))
    record.quantities.update(batch_loss=losses, weight_norm=norms)
    record.history = {"loss": [2.2], "val_loss": [2.3]}
    return record


@pytest.mark.parametrize("first", [False, True])
def test_a_finite_loss_does_not_hide_weights_that_are_not(first: bool) -> None:
    found = diagnosis(lost_weights(first=first), NAME)
    assert found is not None
    step = 1 if first else 2
    assert f"net/kernel holds NaN or infinity from step {step} on, although the loss is finite" in found.message
    assert status(lost_weights(first=first), "nan-in-data") is Status.CONFIRMED
    assert status(lost_weights(first=first), "nan-in-validation-data") is Status.RULED_OUT


def test_nan_that_the_model_takes_care_of_is_no_fault() -> None:
    record = lost_weights()
    norms = WeightNorm()
    norms.extend(("net/kernel",), np.array([1, 2, 3]), np.ones((3, 1)))
    record.quantities["weight_norm"] = norms
    record.quantities.pop("first_nonfinite", None)
    assert diagnosis(record, NAME) is None


def test_why_the_step_was_not_replayed_is_said() -> None:
    record = replayed("unknown", remark="not replayed: Keras draws the batches of this fit itself")
    record.quantities.pop("input_range")
    assert "Keras draws the batches" in cause(record, NAME, "unstable-layer").evidence.statement
    assert status(record, "nan-in-data") is Status.POSSIBLE


def test_of_a_longer_execution_every_step_may_be_the_first() -> None:
    record = with_batches(2.3, 2.2)
    record.compile = replace(record.compile, source={"steps_per_execution": "4"})
    record.quantities["batch_loss"] = BatchLoss(array("q", [4, 8, 12]), array("d", [2.3, 2.2, NAN]))
    found = diagnosis(record, NAME)
    assert found is not None
    assert "the batch loss is NaN from one of the steps 9 to 12 (epoch 1) on" in found.message
    assert found.evidence[0].when == When(epoch=1, step=12, earliest=9)
    record = lost_weights()
    record.compile = replace(record.compile, source={"steps_per_execution": "2"})
    found = diagnosis(record, NAME)
    assert found is not None
    assert "net/kernel holds NaN or infinity from step 1 or 2 on" in found.message


@pytest.mark.parametrize(
    ("callbacks", "expected"), [(("EarlyStopping",), Status.RULED_OUT), (("Mine",), Status.POSSIBLE)]
)
def test_without_a_replay_callbacks_may_have_changed_a_variable(callbacks: tuple[str, ...], expected: Status) -> None:
    record = with_batches(2.3, 2.2)
    record.fit = replace(record.fit, callbacks=callbacks)
    assert status(record, "changed-outside") is expected


def test_weights_that_a_step_left_so_were_not_changed_outside() -> None:
    record = replayed("variable", variables=("net/average",), remark="an earlier step left it so")
    assert status(record, "changed-outside") is Status.RULED_OUT
    found = diagnosis(record, NAME)
    assert found is not None
    assert "net/average was not finite before it: an earlier step left it so" in found.message


@pytest.mark.parametrize(
    ("layer", "config", "first", "expected"),
    [
        ("net/rnn/cell", {}, 4e8, Status.POSSIBLE),
        ("net/rnn/cell", {}, None, Status.POSSIBLE),
        ("net/rnn/cell", {}, 2.0, Status.CONFIRMED),
        ("net/rnn/cell", {"global_clipnorm": 1.0}, 4e8, Status.CONFIRMED),
        ("net/dense", {}, 4e8, Status.CONFIRMED),
    ],
)
def test_weights_that_explode_through_a_recurrence(
    layer: str, config: dict[str, Any], first: float | None, expected: Status
) -> None:
    record = replayed("layer", layer=layer, kind="SimpleRNNCell", operation="MatMul", largest=3e32, largest_weight=5e6)
    record.model = replace(
        record.model, layers=(Layer(name="rnn", kind="SimpleRNN"), Layer(name="dense", kind="Dense"))
    )
    record.compile = replace(record.compile, optimizer="SGD", optimizer_config=config)
    if first is not None:
        record.quantities["global_gradient_norm"] = GlobalGradientNorm()
        record.quantities["global_gradient_norm"].extend([1], [first])
    assert status(record, "learning-rate-too-high") is expected
