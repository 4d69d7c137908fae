from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import mislabelled_digits, shuffled_digits, sorted_digits
from kerasdoctor.record import Data, Layer, Outcome, TrainingRecord
from tests.rules.differential import cause, diagnosis, reason

NAME = "overfitting"


def curves(*, epochs: int = 40, rise: float = 0.5, noise: float = 0.01, seed: int = 0) -> TrainingRecord:
    """A training loss that falls, a validation loss that falls to 0.3 and rises from the third part on."""
    record = mislabelled_digits()
    t = np.arange(epochs)
    down = 0.3 + 0.7 * np.exp(-t / (epochs / 8))
    up = rise * 0.3 * np.clip((t - epochs / 3) / (epochs * 2 / 3), 0, 1)
    jitter = noise * np.random.default_rng(seed).standard_normal(epochs)
    record.history = {"loss": (1.2 * 0.95**t).tolist(), "val_loss": (down + up + jitter).tolist()}
    return record


def test_finds_the_turn() -> None:
    found = diagnosis(mislabelled_digits(), NAME)
    assert found is not None
    assert found.evidence[0].when is not None
    assert found.evidence[0].when.epoch == 6
    assert found.evidence[0].value == pytest.approx(0.35, abs=0.01)
    assert "val_accuracy fell from 68.6% to 63.5%" in found.evidence[1].statement


def test_over_confidence_is_told() -> None:
    record = mislabelled_digits()
    record.history["val_accuracy"] = [0.69] * 40
    found = diagnosis(record, NAME)
    assert found is not None
    assert "over-confident rather than worse" in found.evidence[1].statement


@pytest.mark.parametrize("seed", range(5))
def test_fires_on_a_rise(seed: int) -> None:
    assert diagnosis(curves(seed=seed), NAME) is not None


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("noise", [0.003, 0.01, 0.03])
def test_silent_without_a_rise(seed: int, noise: float) -> None:
    assert diagnosis(curves(rise=0.0, noise=noise, seed=seed), NAME) is None


def test_a_small_rise_is_no_alarm() -> None:
    assert diagnosis(curves(rise=0.05, noise=0.001), NAME) is None


def test_silent_when_training_rises_too() -> None:
    record = curves()
    record.history["loss"] = np.linspace(0.5, 2.0, 40).tolist()
    assert diagnosis(record, NAME) is None


def test_one_bad_epoch_is_no_overfitting() -> None:
    record = shuffled_digits()
    record.history["val_loss"][-1] = 3.0
    assert diagnosis(record, NAME) is None


def test_needs_validation() -> None:
    record = curves()
    del record.history["val_loss"]
    assert reason(record, NAME) == "needs val_loss, not recorded"


def test_rows_with_other_labels_are_no_measure() -> None:
    assert reason(sorted_digits(), NAME) == "needs validation rows with the labels of the training rows, not recorded"


def test_early_stopping_did_its_work() -> None:
    record = mislabelled_digits()
    record.fit = replace(record.fit, callbacks=("EarlyStopping",))
    record.outcome = Outcome(status="stopped_early", epochs=40, stopped_by="EarlyStopping")
    assert diagnosis(record, NAME) is None


def test_early_stopping_that_never_stopped() -> None:
    record = mislabelled_digits()
    record.fit = replace(record.fit, callbacks=("EarlyStopping",))
    finding = cause(record, NAME, "trained-too-long")
    assert finding.status is Status.POSSIBLE
    assert "34 epochs were trained behind epoch 6" in finding.evidence.statement


def test_trained_too_long() -> None:
    finding = cause(mislabelled_digits(), NAME, "trained-too-long")
    assert finding.status is Status.CONFIRMED
    assert [prescription.name for prescription in finding.prescriptions] == ["early-stopping", "keep-best"]
    running = mislabelled_digits()
    running.outcome = Outcome(status="running", epochs=40)
    assert "(so far)" in cause(running, NAME, "trained-too-long").evidence.statement


@pytest.mark.parametrize(
    "layer",
    [
        Layer(name="drop", kind="Dropout", rate=0.3),
        Layer(name="drop", kind="SpatialDropout2D", rate=0.3),
        Layer(name="drop", kind="Dense", regularized=True),
        Layer(name="drop", kind="RandomFlip"),
        Layer(name="drop", kind="GaussianNoise"),
    ],
)
def test_regularization_is_seen(layer: Layer) -> None:
    record = mislabelled_digits()
    assert cause(record, NAME, "no-regularization").status is Status.CONFIRMED
    record.model = replace(record.model, layers=(*record.model.layers, layer))
    finding = cause(record, NAME, "no-regularization")
    assert finding.status is Status.RULED_OUT
    assert "drop" in finding.evidence.statement


def test_dropout_of_nothing_is_none() -> None:
    record = mislabelled_digits()
    record.model = replace(record.model, layers=(*record.model.layers, Layer(name="drop", kind="Dropout", rate=0.0)))
    assert cause(record, NAME, "no-regularization").status is Status.CONFIRMED


def test_weight_decay_is_seen() -> None:
    record = mislabelled_digits()
    record.compile = replace(record.compile, optimizer="AdamW")
    assert cause(record, NAME, "no-regularization").status is Status.RULED_OUT


def test_rows_and_weights() -> None:
    record = mislabelled_digits()
    assert "1,437 rows for 85,002 trainable weights" in cause(record, NAME, "small-dataset").evidence.statement
    record.data = Data(kind="arrays", n_train=10**6)
    assert cause(record, NAME, "small-dataset").status is Status.RULED_OUT
    record.data = Data(kind="dataset")
    assert cause(record, NAME, "small-dataset").evidence.statement.startswith("not measured")


def test_validated_every_second_epoch() -> None:
    record = curves(epochs=60)
    record.fit = replace(record.fit, validation_freq=2)
    record.history["val_loss"] = record.history["val_loss"][1::2]
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.evidence[0].when is not None
    assert 18 <= (found.evidence[0].when.epoch or 0) <= 32
