"""Reports built by hand, as real runs would give them."""

import dataclasses
from array import array
from collections.abc import Callable

import numpy as np
import pytest

from kerasdoctor.diagnosis import (
    Applicability,
    CauseFinding,
    Diagnosis,
    Evidence,
    Prescription,
    Severity,
    Skipped,
    Status,
    Verdict,
    When,
)
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.record import (
    Compile,
    Data,
    Failure,
    Fit,
    Layer,
    Loss,
    MetricFacts,
    Model,
    Outcome,
    Source,
    TrainingRecord,
)
from kerasdoctor.report import Report

SHUFFLE = """\
# Shuffle inputs and labels together: 0.80 of the label shares differ between the two parts.
import numpy as np

permutation = np.random.default_rng(0).permutation(len(x))
x_shuffled, y_shuffled = x[permutation], y[permutation]

# Fresh weights: those of `model` have already seen the new validation rows.
model = keras.models.clone_model(model)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = %kdoctor fit model.fit(x_shuffled, y_shuffled, validation_split=0.2, epochs=20)
"""
STRATIFIED = """\
# Split with the same label shares in both parts.
from sklearn.model_selection import train_test_split

x_train, x_validation, y_train, y_validation = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
model = keras.models.clone_model(model)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = %kdoctor fit model.fit(x_train, y_train, validation_data=(x_validation, y_validation), epochs=20)
"""
STOPPING = """\
# Stop when val_loss has not fallen for 5 epochs, and keep the weights of the best one.
early_stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True)
history = %kdoctor fit model.fit(x, y, validation_split=0.2, epochs=60, callbacks=[early_stopping])
"""
DROPOUT = """\
# Dropout behind "dense_1", which holds 82% of the parameters.
model = keras.Sequential([
    keras.Input((64,)),
    keras.layers.Dense(256, activation="relu", name="dense_1"),
    keras.layers.Dropout(0.5),
    keras.layers.Dense(10, activation="softmax", name="dense_2"),
])
"""
RATE = """\
# A tenth of the learning rate, gradients clipped to norm 1.
model.compile(optimizer=keras.optimizers.SGD(0.05, clipnorm=1.0), loss="mse")
history = %kdoctor fit model.fit(x, y, epochs=12)
"""


def digits(**changes: object) -> TrainingRecord:
    """The record of a small classifier, without any series."""
    layers = (
        Layer(name="dense_1", kind="Dense", parameters=16640, output_shape=(256,), activation="relu"),
        Layer(name="dense_2", kind="Dense", parameters=2570, output_shape=(10,), activation="softmax"),
    )
    record = TrainingRecord(
        run="1",
        model=Model(name="digits", kind="Sequential", layers=layers, parameters=19210, trainable_parameters=19210),
        compile=Compile(optimizer="Adam", learning_rate=0.001, losses=(Loss(name="sparse_categorical_crossentropy"),)),
        data=Data(kind="arrays", n_train=1437, n_validation=360, containers={"x": "ndarray", "y": "ndarray"}),
        fit=Fit(epochs=20, batch_size=32, validation_split=0.2),
        metric_facts={
            "loss": MetricFacts(direction="down"),
            "accuracy": MetricFacts(direction="up", proportion=True),
        },
        outcome=Outcome(status="finished", epochs=20, seconds=8.42),
        source=Source(call="model.fit(x, y, validation_split=0.2, epochs=20)", assignment="history = ", notebook=True),
    )
    return dataclasses.replace(record, **changes)


def batches(epochs: np.ndarray, steps: int, noise: float, seed: int = 0) -> dict[str, object]:
    """Batch losses that wander around an epoch curve, the learning rate and the begins of the epochs."""
    values = np.interp(np.arange(steps * len(epochs)) / steps, np.arange(len(epochs)) + 0.5, epochs)
    values = values * np.exp(np.random.default_rng(seed).normal(0, noise, len(values)))
    return {
        "batch_loss": BatchLoss(step=array("q", range(1, len(values) + 1)), value=array("d", values)),
        "learning_rate": LearningRate(step=array("q", [1]), value=array("d", [0.001])),
        "epoch_begin": EpochBegin(step=array("q", range(0, len(values), steps))),
    }


def cause(
    name: str, explanation: str, status: Status, statement: str, *prescriptions: Prescription, **evidence: object
) -> CauseFinding:
    return CauseFinding(name, explanation, status, Evidence(statement, **evidence), prescriptions)


def sorted_digits() -> Report:
    """Rows sorted by label: the validation part holds classes that were never trained."""
    at = np.arange(20.0)
    random = np.random.default_rng(1)
    loss = 0.02 + 1.9 * np.exp(-at / 2.5)
    record = digits(
        history={
            "accuracy": list(1 - 0.55 * np.exp(-at / 2)),
            "loss": list(loss),
            "val_accuracy": [0.0] * 20,
            "val_loss": list(6 + 6 * (1 - np.exp(-at / 6)) + random.normal(0, 0.12, 20)),
        },
        quantities=batches(loss, 45, 0.3),
    )
    shuffle = Prescription(1, "shuffle-jointly", "Shuffle inputs and labels together", SHUFFLE, Applicability.UNSAFE)
    stratified = Prescription(2, "stratified-split", "Split with equal label shares", STRATIFIED, Applicability.UNSAFE)
    stopping = Prescription(3, "early-stopping", "Stop early, keep the best weights", STOPPING, Applicability.SAFE)
    split = Diagnosis(
        "unshuffled-split",
        "data",
        Severity.ERROR,
        "The last 20% of the rows, which validate, hold other classes than the rest.",
        (
            Evidence("label shares differ by 0.98", quantity="split_labels", value=0.98, threshold=0.05),
            Evidence("val_accuracy stays at 0", where="val_accuracy", when=When(epoch=1), value=0.0),
        ),
        (
            cause(
                "ordered-labels",
                "the rows are sorted by label",
                Status.CONFIRMED,
                "99.5% of neighbouring rows have the same label; 10% would in a random order",
                shuffle,
                stratified,
                quantity="row_order",
                value=0.995,
                threshold=0.1,
            ),
            cause(
                "time-order",
                "the rows are a time series",
                Status.RULED_OUT,
                "there is no time index, and neighbours are no more alike than their class",
                quantity="row_order",
                value=0.62,
            ),
        ),
    )
    overfitting = Diagnosis(
        "overfitting",
        "generalization",
        Severity.WARNING,
        "val_loss has risen since epoch 2 while loss went on falling.",
        (
            Evidence(
                "val_loss rose from 6.06 to 11.73", where="val_loss", when=When(epoch=2), value=11.73, threshold=6.06
            ),
        ),
        (
            cause(
                "split-at-fault",
                "the validation rows are not a sample of the data",
                Status.CONFIRMED,
                "see unshuffled-split",
                shuffle,
            ),
            cause(
                "too-many-parameters",
                "the model has more parameters than the data can hold",
                Status.POSSIBLE,
                "13.4 parameters for each training row",
                stopping,
                quantity="model",
                value=13.4,
                threshold=1.0,
            ),
            cause(
                "too-long", "the run went on after the best epoch", Status.POSSIBLE, "not measured: needs test_outputs"
            ),
        ),
    )
    return Report(
        record,
        Verdict(
            "down",
            "up",
            "overfitting",
            "The training loss falls while the validation loss rises: the model learns what does not hold "
            "outside the training rows.",
        ),
        (split, overfitting),
        (
            Skipped("vanishing-gradients", "needs gradient_norm, not recorded"),
            Skipped("dead-units", "needs outputs, not recorded"),
            Skipped("exploding-gradients", "needs gradient_norm, not recorded"),
        ),
    )


def nan_loss() -> Report:
    """A regression whose loss explodes and is NaN in the third epoch."""
    steps = 40
    values = 30.0 * np.exp(np.arange(95) / 11.0) * np.exp(np.random.default_rng(3).normal(0, 0.4, 95))
    values[87:] = np.nan
    record = digits(
        run="4",
        model=Model(
            name="price$_{net}$", kind="Functional", parameters=3201, trainable_parameters=3201, iterations=1200
        ),
        compile=Compile(optimizer="SGD", learning_rate=0.5, losses=(Loss(name="mse"),)),
        data=Data(kind="dataset", not_examined="a tf.data pipeline is judged from the batches that Keras draws"),
        fit=Fit(epochs=12, steps_per_epoch=steps, callbacks=("TerminateOnNaN",)),
        history={"loss": [float(values[:40].mean()), float(values[40:80].mean()), float("nan")]},
        metric_facts={"loss": MetricFacts(direction="down")},
        quantities={
            "batch_loss": BatchLoss(step=array("q", range(1, 96)), value=array("d", values)),
            "learning_rate": LearningRate(step=array("q", [1]), value=array("d", [0.5])),
            "epoch_begin": EpochBegin(step=array("q", [0, 40, 80])),
        },
        outcome=Outcome(status="stopped_early", epochs=3, seconds=1.7, stopped_by="TerminateOnNaN"),
        source=None,
    )
    rate = Prescription(
        1, "smaller-learning-rate", "Lower the learning rate, clip the gradients", RATE, Applicability.UNSAFE
    )
    clean = Prescription(
        2,
        "drop-nonfinite-rows",
        "Drop rows with NaN",
        "# Name the arrays: the pipeline hides them.\nkeep = np.isfinite(FILL_IN).all(axis=1)\n",
        Applicability.HAS_PLACEHOLDERS,
    )
    found = Diagnosis(
        "nan-loss",
        "optimization",
        Severity.ERROR,
        "The loss is NaN from step 88 on.",
        (Evidence("the batch loss is NaN", quantity="batch_loss", when=When(epoch=3, step=88), value=float("nan")),),
        (
            cause(
                "learning-rate-too-high",
                "the learning rate is too high",
                Status.CONFIRMED,
                "the batch loss grew 2,400-fold in the 87 steps before",
                rate,
                quantity="batch_loss",
                value=2400.0,
                threshold=10.0,
                when=When(step=87),
            ),
            cause(
                "nan-in-data", "inputs or targets hold NaN", Status.POSSIBLE, "not measured: needs input_range", clean
            ),
            cause(
                "custom-loss",
                "the loss function of your own divides by zero",
                Status.RULED_OUT,
                "mse is Keras's own",
                where="mse",
            ),
        ),
    )
    return Report(
        record,
        Verdict(
            "unclear", "unclear", "unclear", "Three epochs are too few to read the curves, and the last one is NaN."
        ),
        (found,),
        (
            Skipped("unshuffled-split", "needs split_labels, not recorded"),
            Skipped("negative-loss", "failed: ZeroDivisionError: float division by zero"),
        ),
    )


def overfitting() -> Report:
    """A classifier that learns its training rows by heart; continued epochs, a note beside the warning."""
    at = np.arange(60.0)
    random = np.random.default_rng(5)
    loss = 0.004 + 1.6 * np.exp(-at / 5)
    record = digits(
        run="2",
        fit=Fit(
            epochs=60,
            batch_size=32,
            validation_split=0.2,
            callbacks=("EarlyStopping", "ModelCheckpoint"),
            class_weight=True,
            seed=7,
        ),
        history={
            "loss": list(loss),
            "accuracy": list(1 - 0.5 * np.exp(-at / 4)),
            "val_loss": list(0.35 + 1.1 * np.exp(-at / 4) + 0.012 * at + random.normal(0, 0.015, 60)),
            "val_accuracy": list(0.91 - 0.4 * np.exp(-at / 4) - 0.0004 * at + random.normal(0, 0.004, 60)),
        },
        quantities=batches(loss, 45, 0.5),
        outcome=Outcome(status="finished", epochs=60, seconds=214.0),
    )
    val_loss = np.array(record.history["val_loss"])
    best, lowest, last = int(val_loss.argmin()) + 1, float(val_loss.min()), float(val_loss[-1])
    stopping = Prescription(1, "early-stopping", "Stop early, keep the best weights", STOPPING, Applicability.SAFE)
    dropout = Prescription(2, "dropout", "Dropout behind “dense_1”", DROPOUT, Applicability.UNSAFE)
    found = Diagnosis(
        "overfitting",
        "generalization",
        Severity.WARNING,
        f"val_loss is lowest in epoch {best} and {last - lowest:.2f} higher at the end, while loss went on falling.",
        (
            Evidence(
                f"val_loss rose from {lowest:.2f} to {last:.2f}",
                where="val_loss",
                when=When(epoch=best),
                value=last,
                threshold=lowest,
            ),
        ),
        (
            cause(
                "trained-too-long",
                "the run went on after the best epoch",
                Status.CONFIRMED,
                f"{60 - best} epochs followed the best one",
                stopping,
                quantity="val_loss",
                value=60.0 - best,
                threshold=5.0,
            ),
            cause(
                "no-regularization",
                "nothing holds the weights back",
                Status.POSSIBLE,
                "no Dropout layer and no regularizer in 2 layers",
                dropout,
                stopping,
                quantity="model",
            ),
            cause(
                "small-dataset",
                "there are too few rows",
                Status.RULED_OUT,
                "1,437 training rows for 10 classes",
                value=1437.0,
                threshold=200.0,
            ),
        ),
    )
    note = Diagnosis(
        "loss-accuracy-disagreement",
        "generalization",
        Severity.INFO,
        "val_loss rises by 74% while val_accuracy stays: the model grows over-confident.",
        (
            Evidence(
                "val_accuracy changed by less than its sampling error",
                where="val_accuracy",
                when=When(epoch=20),
                value=0.004,
                threshold=0.016,
            ),
        ),
        (),
    )
    return Report(
        record,
        Verdict(
            "down",
            "up",
            "overfitting",
            "The training loss falls while the validation loss rises: the model learns its rows by heart.",
        ),
        (found, note),
        (),
    )


def clean() -> Report:
    """Nothing to find."""
    at = np.arange(20.0)
    random = np.random.default_rng(8)
    loss = 0.03 + 2.1 * np.exp(-at / 3)
    record = digits(
        run="3",
        history={
            "loss": list(loss),
            "accuracy": list(0.985 - 0.6 * np.exp(-at / 2.5)),
            "val_loss": list(0.1 + 1.9 * np.exp(-at / 3) + random.normal(0, 0.01, 20)),
            "val_accuracy": list(0.965 - 0.55 * np.exp(-at / 2.5) + random.normal(0, 0.004, 20)),
        },
        quantities=batches(loss, 45, 0.25),
    )
    return Report(
        record,
        Verdict(
            "down", "down", "learning", "Both losses fall: the model learns what also holds outside the training rows."
        ),
        (),
        (Skipped("vanishing-gradients", "needs gradient_norm, not recorded"),),
    )


def interrupted() -> Report:
    """Stopped by hand in the first epoch, before any number of Keras's own."""
    values = 2.3 * np.exp(-np.arange(17) / 30)
    record = digits(
        run="5",
        quantities={"batch_loss": BatchLoss(step=array("q", range(1, 18)), value=array("d", values))},
        outcome=Outcome(status="interrupted", epochs=0, seconds=0.38),
    )
    return Report(
        record,
        Verdict("unclear", "unclear", "unclear", "No epoch was completed: there are no curves to read yet."),
        (),
        (),
    )


def raised() -> Report:
    """The user's exception, nothing recorded, and a crash of Keras Doctor's own."""
    error = (
        "InvalidArgumentError: Graph execution error: Received a label value of 12 which is outside the valid range "
        'of [0, 10).\n  Label values: 3 12 7 <b>"1"</b>'
    )
    record = digits(
        run="6",
        model=Model(kind="subclassed"),
        outcome=Outcome(status="raised", epochs=0, seconds=0.04, exception=error),
        failures=[Failure(where="quantities.batch_loss", error="TypeError: must be real number, not NoneType")],
        metric_facts={},
    )
    return Report(
        record,
        Verdict("unclear", "unclear", "unclear", "No epoch was completed: there are no curves to read yet."),
        (),
        (Skipped("nan-loss", "needs batch_loss, not recorded"),),
    )


def many_metrics() -> Report:
    """Two outputs and ten metrics, validated every second epoch, continued from epoch 10."""
    at = np.arange(30.0)
    random = np.random.default_rng(11)
    names = [
        "loss",
        "age_loss",
        "sex_loss",
        "age_mae",
        "age_rmse",
        "sex_accuracy",
        "sex_auc",
        "sex_precision",
        "sex_recall",
        "_hidden_$x$",
    ]
    history: dict[str, list[float]] = {}
    facts = {}
    for index, name in enumerate(names):
        down = not name.startswith("sex_") or name == "sex_loss"
        curve = (1 + index) * np.exp(-at / 8) if down else 0.95 - 0.5 * np.exp(-at / 6)
        history[name] = list(curve + random.normal(0, 0.01, 30))
        history[f"val_{name}"] = list((curve * (1.15 if down else 0.96) + random.normal(0, 0.01, 30))[1::2])
        facts[name] = MetricFacts(direction="down" if down else "up", proportion=not down)
    record = digits(
        run="7",
        fit=Fit(epochs=40, initial_epoch=10, batch_size=64, validation_freq=2),
        history=history,
        metric_facts=facts,
        outcome=Outcome(status="finished", epochs=30, seconds=4000.0),
    )
    return Report(record, Verdict("down", "down", "learning", "Both losses fall."), (), ())


BUILDERS: dict[str, Callable[[], Report]] = {
    builder.__name__: builder
    for builder in (sorted_digits, nan_loss, overfitting, clean, interrupted, raised, many_metrics)
}


@pytest.fixture(params=BUILDERS)
def report(request: pytest.FixtureRequest) -> Report:
    """Each of the reports in turn."""
    return BUILDERS[request.param]()


@pytest.fixture
def reports() -> list[Report]:
    """All of the reports, as several runs of one cell."""
    return [builder() for builder in BUILDERS.values()]
