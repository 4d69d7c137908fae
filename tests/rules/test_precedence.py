"""A fault that explains others is the one badge; what follows from it stands under it."""

from array import array
from dataclasses import replace

import numpy as np

from kerasdoctor import engine
from kerasdoctor.examples import (
    dead_digits,
    digits_in_one_batch,
    digits_thrown_off,
    exploded_digits,
    flipped_classes,
    mislabelled_digits,
)
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.confusion_matrix import ConfusionMatrix
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.far_rows import FarRows
from kerasdoctor.quantities.feature_scale import FeatureScale, Scale
from kerasdoctor.quantities.predicted_classes import PredictedClasses
from kerasdoctor.record import TrainingRecord


def badges(record: TrainingRecord) -> dict[str, list[str]]:
    """Name of each diagnosis -> names of what it explains."""
    found = engine.diagnose(record).diagnoses
    return {diagnosis.name: [other.name for other in diagnosis.explained] for diagnosis in found}


def predicting_one_class(record: TrainingRecord) -> TrainingRecord:
    counts = np.zeros((10, 10), int)
    counts[:, 3] = 36
    record.quantities["predicted_classes"] = PredictedClasses(array("q", range(10)), array("d", [1.0] * 10), true=10)
    record.quantities["confusion_matrix"] = ConfusionMatrix(np.arange(10), counts, 10)
    return record


def test_a_dead_network_predicts_one_class() -> None:
    record = predicting_one_class(dead_digits())
    epochs = len(record.history["val_loss"])
    record.history["val_loss"] = [2.303] * epochs
    assert badges(record) == {"dead-units": ["majority-predictor"]}


def test_a_network_that_lives_is_told_of_itself() -> None:
    record = predicting_one_class(dead_digits())
    record.history["val_loss"] = [2.303] * len(record.history["val_loss"])
    del record.quantities["zero_share"]
    assert list(badges(record)) == ["majority-predictor"]


def test_a_negative_loss_overfits_by_no_measure() -> None:
    record = flipped_classes()
    assert {"overfitting", "loss-accuracy-disagreement"} <= set(badges(record))
    for key in ("loss", "val_loss"):
        record.history[key] = [value - 3 for value in record.history[key]]
    found = badges(record)
    assert "negative-loss" in found
    assert "overfitting" not in found


def test_a_loss_that_becomes_nan_leaves_one_badge() -> None:
    record = mislabelled_digits()
    assert {"overfitting", "small-dataset"} <= set(badges(record))
    record.history["loss"][-1] = float("nan")
    found = badges(record)
    assert list(found) == ["nan-loss"]
    assert "small-dataset" in found["nan-loss"]


def test_inputs_that_say_nothing_leave_units_dead() -> None:
    record = predicting_one_class(dead_digits())
    record.history["val_loss"] = [2.303] * len(record.history["val_loss"])
    assert list(badges(record)) == ["dead-units"]
    nan = float("nan")
    record.quantities["feature_scale"] = FeatureScale({"x": Scale(64, 64, nan, nan, -1, -1, nan)})
    assert badges(record) == {"majority-predictor": ["dead-units"]}


def test_rows_far_from_the_others_throw_the_weights_off() -> None:
    record = digits_thrown_off()
    assert list(badges(record)) == ["learning-rate-too-high"]
    losses = np.full(900, 2.0)
    losses[[0, 50, 95, 140, 230]] = [2.3, *[3000.0] * 4]
    record.quantities["batch_loss"] = BatchLoss()
    record.quantities["batch_loss"].extend(range(1, 901), losses)
    assert list(badges(record)) == ["learning-rate-too-high"]
    record.quantities["far_rows"] = FarRows(rows=1437, count=3, first=100, typical=1.0, largest=3000.0)
    assert badges(record) == {"loss-spike": ["learning-rate-too-high"]}


def test_data_that_ran_out_make_few_updates() -> None:
    record = digits_in_one_batch()
    assert list(badges(record)) == ["too-few-updates"]
    record.data = replace(record.data, kind="generator")
    record.fit = replace(record.fit, steps_per_epoch=2)
    record.quantities["epoch_begin"] = EpochBegin()
    record.quantities["epoch_begin"].step.extend(range(15))
    assert "too-few-updates" in badges(record)["exhausted-data"]


def test_unscaled_inputs_make_gradients_explode() -> None:
    record = exploded_digits()
    assert "exploding-gradients" in badges(record)
    measured = record.quantities["input_range"]
    values = {name: replace(values, maximum=255.0) for name, values in measured.inputs.items()}
    record.quantities["input_range"] = replace(measured, inputs=values)
    record.quantities["batch_loss"].value[0] = 30.0
    found = badges(record)
    assert "exploding-gradients" not in found
    assert "exploding-gradients" in found["unscaled-inputs"]
