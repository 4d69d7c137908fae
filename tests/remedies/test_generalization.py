"""Cells of the remedies against overfitting and its like, executed as they stand on real models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerasdoctor.diagnosis import Applicability
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Remedy, cell
from kerasdoctor.remedies.activity_on_wrapper import ActivityOnWrapper
from kerasdoctor.remedies.activity_regularization import ActivityRegularization
from kerasdoctor.remedies.another_optimizer import AnotherOptimizer
from kerasdoctor.remedies.batch_normalization import BatchNormalization
from kerasdoctor.remedies.faster_batch_norm import FasterBatchNorm
from kerasdoctor.remedies.image_augmentation import ImageAugmentation
from kerasdoctor.remedies.keep_best import KeepBest
from kerasdoctor.remedies.label_smoothing import LabelSmoothing
from kerasdoctor.remedies.more_epochs import MoreEpochs
from kerasdoctor.remedies.more_patience import MorePatience
from kerasdoctor.remedies.noise_on_inputs import NoiseOnInputs
from kerasdoctor.remedies.shift_sentences import ShiftSentences
from kerasdoctor.remedies.smaller_dropout import SmallerDropout
from kerasdoctor.remedies.stop_on_accuracy import StopOnAccuracy
from kerasdoctor.remedies.weight_regularization import WeightRegularization
from kerasdoctor.remedies.wider_layer import WiderLayer
from kerasdoctor.remedies.working_early_stopping import WorkingEarlyStopping
from tests import programs
from tests.remedies.test_cell import trained

layers = keras.layers
CALL = "model.fit(x, y, batch_size=16, validation_split=0.2, epochs=2, verbose=0)"


def compiled(*stack: keras.layers.Layer, **arguments: Any) -> keras.Sequential:
    model = keras.Sequential(list(stack))
    model.compile(
        **{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]} | arguments
    )
    return model


def prescribed(remedy: Remedy, recorded: TrainingRecord, **names: Any) -> dict[str, Any]:
    """What the names stand for after the cell."""
    plan = remedy.plan(recorded)
    assert plan is not None
    written = cell.write(recorded, plan)
    assert written is not None
    assert written.applicability is not Applicability.HAS_PLACEHOLDERS
    names |= {"np": np, "keras": keras}
    exec(compile(written.source, "<cell>", "exec"), names)
    return names


@pytest.fixture
def x_y() -> tuple[Any, Any]:
    x, y = programs.digits(ordered=False)
    return x[:160], y[:160]


def test_batch_normalization_behind_every_hidden_layer(x_y):
    x, y = x_y
    model = compiled(
        keras.Input((64,)),
        layers.Dense(16, activation="relu"),
        layers.Dense(8, activation="relu"),
        layers.Dense(10, activation="softmax"),
    )
    fresh = prescribed(BatchNormalization(), trained(CALL, model=model, x=x, y=y), model=model, x=x, y=y)["model"]
    kinds = [type(layer).__name__ for layer in fresh.layers]
    assert kinds == ["Dense", "BatchNormalization", "Dense", "BatchNormalization", "Dense"]


def test_the_best_epoch_is_kept(x_y, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = x_y
    model = programs.classifier(compiled=False)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    recorded = trained(CALL, model=model, x=x, y=y)
    prescribed(KeepBest(), recorded, model=model, x=x, y=y)
    assert Path("best.keras").exists()
    assert prescribed(StopOnAccuracy(), recorded, model=model, x=x, y=y)["model"] is not model


def test_epochs_and_optimizer(x_y):
    x, y = x_y
    model = programs.classifier()
    recorded = trained("h = " + CALL, model=model, x=x, y=y)
    assert len(prescribed(MoreEpochs(), recorded, model=model, x=x, y=y)["h"].epoch) == 6
    fresh = prescribed(AnotherOptimizer(), recorded, model=model, x=x, y=y)["model"]
    assert type(fresh.optimizer) is not type(model.optimizer)


def test_labels_are_smoothed(x_y):
    x, y = x_y
    y = np.eye(10)[y]
    model = compiled(keras.Input((64,)), layers.Dense(10, activation="softmax"), loss="categorical_crossentropy")
    fresh = prescribed(LabelSmoothing(), trained(CALL, model=model, x=x, y=y), model=model, x=x, y=y)["model"]
    assert fresh.loss.get_config()["label_smoothing"] == 0.1


def test_dropout_and_momentum(x_y):
    x, y = x_y
    model = compiled(
        keras.Input((64,)),
        layers.Dense(16, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.9),
        layers.Dense(10, activation="softmax"),
    )
    recorded = trained(CALL, model=model, x=x, y=y)
    assert prescribed(SmallerDropout(), recorded, model=model, x=x, y=y)["model"].layers[2].rate == 0.3
    assert prescribed(FasterBatchNorm(), recorded, model=model, x=x, y=y)["model"].layers[1].momentum == 0.9


def test_narrow_layers_get_more_units(x_y):
    x, y = x_y
    model = compiled(keras.Input((64,)), layers.Dense(2), layers.Dense(100), layers.Dense(10, activation="softmax"))
    fresh = prescribed(WiderLayer(), trained(CALL, model=model, x=x, y=y), model=model, x=x, y=y)["model"]
    assert [layer.units for layer in fresh.layers] == [64, 100, 10]


def test_penalties_around_time_distributed(x_y):
    x, y = x_y[0].reshape(-1, 8, 8), x_y[1]
    penalty = keras.regularizers.L2(0.01)
    model = compiled(
        keras.Input((8, 8)),
        layers.TimeDistributed(layers.Dense(8, activation="relu", activity_regularizer=penalty)),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    )
    recorded = trained(CALL, model=model, x=x, y=y)
    wrapped = prescribed(ActivityOnWrapper(), recorded, model=model, x=x, y=y)["model"]
    assert wrapped.layers[0].activity_regularizer.l2 == pytest.approx(0.01)
    # the penalty is in the loss now, and was not
    assert wrapped(x[:16]) is not None
    assert len(wrapped.losses) == 1
    assert model(x[:16]) is not None
    assert model.losses == []
    plain = compiled(
        keras.Input((8, 8)),
        layers.TimeDistributed(layers.Dense(8, activation="relu")),
        layers.Flatten(),
        layers.Dense(10, activation="softmax"),
    )
    recorded = trained(CALL, model=plain, x=x, y=y)
    fresh = prescribed(WeightRegularization(), recorded, model=plain, x=x, y=y)["model"]
    assert isinstance(fresh.layers[0], layers.TimeDistributed)
    assert fresh.layers[0].layer.kernel_regularizer is not None
    assert len(fresh.losses) == 1
    fresh = prescribed(ActivityRegularization(), recorded, model=plain, x=x, y=y)["model"]
    assert fresh.layers[0].activity_regularizer is not None


def test_images_are_augmented(x_y):
    x, y = x_y[0].reshape(-1, 8, 8, 1), x_y[1]
    model = compiled(
        keras.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(10, activation="softmax")
    )
    fresh = prescribed(ImageAugmentation(), trained(CALL, model=model, x=x, y=y), model=model, x=x, y=y)["model"]
    first = fresh.layers[0]
    assert np.array_equal(first(x[:4], training=False), x[:4])
    assert not np.array_equal(first(x[:4], training=True), x[:4])


def test_tables_get_noise(x_y):
    y = x_y[1]
    x = np.random.default_rng(0).normal(scale=2.0, size=(len(y), 8)).astype("float32")
    model = compiled(keras.Input((8,)), layers.Dense(10, activation="softmax"))
    fresh = prescribed(NoiseOnInputs(), trained(CALL, model=model, x=x, y=y), model=model, x=x, y=y)["model"]
    # a tenth of what the features have
    assert fresh.layers[0].stddev == pytest.approx(0.2, abs=0.02)
    uneven = x * [1, 1, 1, 1, 1, 1, 1, 1000]
    assert NoiseOnInputs().plan(trained(CALL, model=model, x=uneven, y=y)) is None


@pytest.mark.parametrize("split", ["validation_split=0.2", "validation_data=(x[:20], y[:20])"])
def test_sentences_are_shifted(x_y, split):
    y = x_y[1]
    generator = np.random.default_rng(0)
    x = generator.integers(1, 50, (len(y), 9)).astype("int32")
    for row, length in zip(x, generator.integers(2, 9, len(y)), strict=True):
        row[length:] = 0
    model = compiled(
        keras.Input((9,), dtype="int32"),
        layers.Embedding(50, 4),
        layers.GlobalAveragePooling1D(),
        layers.Dense(10, activation="softmax"),
    )
    recorded = trained(f"h = model.fit(x, y, {split}, epochs=1, verbose=0)", model=model, x=x, y=y)
    names = prescribed(ShiftSentences(), recorded, model=model, x=x, y=y)
    train, part = (128, "train") if "split" in split else (160, "augmented")
    assert len(names[f"x_{part}"]) == len(names[f"y_{part}"]) == 2 * train
    assert np.array_equal(names[f"x_{part}"][:train], x[:train])
    for original, shifted in zip(x[:train], names[f"x_{part}"][train:], strict=True):
        words = original[original != 0]
        rotations = [np.roll(words, places).tolist() for places in range(1, len(words))]
        assert shifted[: len(words)].tolist() in rotations
        assert not shifted[len(words) :].any()
    if "split" in split:
        assert np.array_equal(names["x_val"], x[128:])
    assert "val_loss" in names["h"].history


@pytest.mark.parametrize(
    ("x_name", "y_name", "split", "made"),
    [
        ("x", "y", True, ("x_train", "x_val", "y_train", "y_val")),
        ("x_train", "y_train", True, ("x_fit", "x_val", "y_fit", "y_val")),
        ("train_x", "train_y", True, ("x_train", "x_val", "y_train", "y_val")),
        ("train", "labels", True, ("x_train", "x_val", "labels_train", "labels_val")),
        ("x_train", "y_train", False, ("x_augmented", "y_augmented")),
        ("sequences", "y", False, ("sequences_augmented", "y_augmented")),
    ],
)
def test_names_of_shifted_sentences(x_y, x_name, y_name, split, made):
    y = x_y[1]
    x = np.random.default_rng(0).integers(1, 50, (len(y), 9)).astype("int32")
    layer = layers.Embedding(50, 4), layers.GlobalAveragePooling1D()
    model = compiled(keras.Input((9,), dtype="int32"), *layer, layers.Dense(10, activation="softmax"))
    names = {"model": model, x_name: x, y_name: y, "other": x, "others": y}
    rest = "validation_split=0.2" if split else "validation_data=(other, others)"
    recorded = trained(f"model.fit({x_name}, {y_name}, {rest}, epochs=1, verbose=0)", **names)
    after = prescribed(ShiftSentences(), recorded, **names)
    assert set(made) <= set(after)
    assert not [name for name in after if name.count("train") > 1 or name.endswith("_2")]


def test_early_stopping_is_put_right(x_y):
    x, y = x_y
    model = compiled(keras.Input((64,)), layers.Dense(10, activation="softmax"))
    call = (
        "model.fit(x, y, validation_split=0.2, epochs=6, verbose=0, "
        "callbacks=[keras.callbacks.EarlyStopping('val_acc', mode='max', patience=1)])"
    )
    recorded = trained(call, model=model, x=x, y=y)
    plan = WorkingEarlyStopping().plan(recorded)
    assert plan is not None
    assert "'val_acc'" not in plan.changes[0].source
    prescribed(WorkingEarlyStopping(), recorded, model=model, x=x, y=y)
    prescribed(MorePatience(), recorded, model=model, x=x, y=y)
    callbacks = [keras.callbacks.EarlyStopping("val_acc", mode="max")]
    call = "model.fit(x, y, validation_split=0.2, epochs=6, verbose=0, callbacks=callbacks)"
    recorded = trained(call, model=model, x=x, y=y, callbacks=callbacks)
    # the one that does not work goes
    plan = WorkingEarlyStopping().plan(recorded)
    assert plan is not None
    assert "for other in callbacks if not isinstance(other, keras.callbacks.EarlyStopping)" in plan.changes[0].source
    prescribed(WorkingEarlyStopping(), recorded, model=model, x=x, y=y, callbacks=callbacks)


@pytest.mark.parametrize("written", ["callbacks", "[stop, count]", "(stop, count)", "stop", "[*callbacks]"])
def test_early_stopping_in_a_variable_gives_way_to_a_patient_one(x_y, written):
    x, y = x_y
    model = compiled(keras.Input((64,)), layers.Dense(10, activation="softmax"))
    stop = keras.callbacks.EarlyStopping("val_loss", mode="min", min_delta=1e-3, patience=1, restore_best_weights=True)
    count = keras.callbacks.LambdaCallback()
    names = {"model": model, "x": x, "y": y, "stop": stop, "count": count, "callbacks": [stop, count]}
    call = f"model.fit(x, y, validation_split=0.2, epochs=3, verbose=0, callbacks={written})"
    recorded = trained(call, **names)
    plan = MorePatience().plan(recorded)
    assert plan is not None
    (change,) = plan.changes
    made = eval(change.source, {**names, "keras": keras})
    patient = made[-1]
    assert (patient.monitor, patient.patience, patient.restore_best_weights) == ("val_loss", 10, True)
    assert abs(patient.min_delta) == pytest.approx(1e-3)
    assert stop not in made
    assert (count in made) is (written != "stop")
    prescribed(MorePatience(), recorded, **names)
