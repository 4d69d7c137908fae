"""What the rules find in short real Keras runs: healthy ones stay clean, faulty ones are named.

`python -m tests.accuracy.simulations.real_runs` trains them (about five minutes) and prints a table; `--write` keeps
it in REAL_RUNS.md.
"""

import contextlib
import io
import itertools
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import datasets

import kerasdoctor
from kerasdoctor import statistics
from kerasdoctor.diagnosis import Severity, Status
from kerasdoctor.report import Report
from kerasdoctor.rules.oscillating_validation import learning_rate_too_large

RESULTS = Path(__file__).with_name("REAL_RUNS.md")
layers = keras.layers
Array = NDArray[Any]


@dataclass
class Program:
    """One call of `fit` with what a doctor should find in it."""

    name: str
    x: Any
    y: Any
    model: Callable[[], keras.Model]
    loss: Any = "sparse_categorical_crossentropy"
    optimizer: Callable[[], Any] = field(default=lambda: "adam")
    metrics: tuple[str, ...] = ("accuracy",)
    fit: dict[str, Any] = field(default_factory=dict)
    #: "diagnosis: confirmed causes"; empty for a healthy run.
    finds: str = ""


def shuffled(x: Array, y: Array, seed: int = 0) -> tuple[Array, Array]:
    order = np.random.default_rng(seed).permutation(len(x))
    return x[order], y[order]


def scaled(x: Array) -> Array:
    return np.asarray((x - x.mean(0)) / x.std(0), dtype="float32")


def network(inputs: int, *units: int, last: str | None = "softmax", **options: Any) -> Callable[[], keras.Model]:
    """A dense network; `options`: dropout, l2, normalization."""

    def build() -> keras.Model:
        model = keras.Sequential([keras.Input((inputs,))])
        for size in units[:-1]:
            regularizer = keras.regularizers.L2(options["l2"]) if "l2" in options else None
            model.add(layers.Dense(size, activation="relu", kernel_regularizer=regularizer))
            if options.get("normalization"):
                model.add(layers.BatchNormalization())
            if "dropout" in options:
                model.add(layers.Dropout(options["dropout"]))
        model.add(layers.Dense(units[-1], activation=last))
        return model

    return build


def convolutions() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )


def recurrent() -> keras.Model:
    return keras.Sequential([keras.Input((20, 1)), layers.GRU(16), layers.Dense(1)])


def windows(series: Array) -> tuple[Array, Array]:
    cut = np.lib.stride_tricks.sliding_window_view(series, 21)
    return cut[:, :20].astype("float32"), cut[:, 20].astype("float32")


SPLIT = {"validation_split": 0.2}
DIGITS_X, DIGITS_Y = datasets.load_digits(return_X_y=True)
PIXELS = (DIGITS_X / 16).astype("float32")
CANCER_X, CANCER_Y = datasets.load_breast_cancer(return_X_y=True)
DIABETES_X, DIABETES_Y = datasets.load_diabetes(return_X_y=True)
DIABETES_X = (20 * DIABETES_X).astype("float32")
TIME = np.arange(1500)
WAVE = np.sin(TIME / 9) + 0.2 * np.random.default_rng(0).standard_normal(1500)


def healthy_digits() -> Iterator[Program]:
    for seed in range(4):
        x, y = shuffled(PIXELS, DIGITS_Y, seed)
        yield Program(f"digits, shuffled by seed {seed}", x, y, network(64, 64, 64, 10), fit={"epochs": 20, **SPLIT})
    x, y = shuffled(PIXELS, DIGITS_Y, 9)
    yield Program("digits as they come", PIXELS, DIGITS_Y, network(64, 32, 10), fit={"epochs": 15, **SPLIT})
    yield Program("digits, 0 to 16", 16 * x, y, network(64, 64, 64, 10), fit={"epochs": 20, **SPLIT})
    yield Program("digits, 60 epochs", x, y, network(64, 32, 10), fit={"epochs": 60, "batch_size": 64, **SPLIT})
    yield Program("digits, dropout", x, y, network(64, 64, 64, 10, dropout=0.4), fit={"epochs": 30, **SPLIT})
    yield Program("digits, L2", x, y, network(64, 64, 10, l2=1e-3), fit={"epochs": 30, **SPLIT})
    yield Program(
        "digits, batch normalization", x, y, network(64, 64, 64, 10, normalization=True), fit={"epochs": 25, **SPLIT}
    )
    yield Program("digits, convolutions", x.reshape(-1, 8, 8, 1), y, convolutions, fit={"epochs": 15, **SPLIT})
    yield Program(
        "digits, SGD with momentum",
        x,
        y,
        network(64, 64, 64, 10),
        optimizer=lambda: keras.optimizers.SGD(0.05, momentum=0.9),
        fit={"epochs": 25, **SPLIT},
    )
    yield Program(
        "digits, one-hot, validation_data",
        x[:1400],
        np.eye(10)[y[:1400]],
        network(64, 64, 10),
        loss="categorical_crossentropy",
        fit={"epochs": 15, "validation_data": (x[1400:], np.eye(10)[y[1400:]])},
    )
    yield Program(
        "digits, small validation set",
        x[:400],
        y[:400],
        network(64, 64, 10),
        fit={"epochs": 40, "validation_split": 0.1},
    )
    yield Program("digits, no validation", x, y, network(64, 64, 10), fit={"epochs": 8})
    yield Program(
        "digits, early stopping",
        *shuffled(PIXELS[:400], DIGITS_Y[:400]),
        network(64, 256, 256, 10),
        fit={
            "epochs": 60,
            "validation_split": 0.5,
            "callbacks": [keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)],
        },
    )


def healthy_others() -> Iterator[Program]:
    x, y = shuffled(PIXELS, DIGITS_Y, 9)
    yield Program(
        "autoencoder",
        x,
        x,
        network(64, 16, 64, last="sigmoid"),
        loss="binary_crossentropy",
        metrics=(),
        fit={"epochs": 20, **SPLIT},
    )
    x, y = shuffled(scaled(CANCER_X), CANCER_Y)
    yield Program(
        "tumours", x, y, network(30, 16, 1, last="sigmoid"), loss="binary_crossentropy", fit={"epochs": 30, **SPLIT}
    )
    yield Program(
        "tumours, cosine similarity",
        x,
        np.eye(2)[y],
        network(30, 16, 2),
        loss="cosine_similarity",
        fit={"epochs": 20, **SPLIT},
    )
    wine = datasets.load_wine(return_X_y=True)
    yield Program("wines", *shuffled(scaled(wine[0]), wine[1]), network(13, 16, 3), fit={"epochs": 40, **SPLIT})
    x, y = shuffled(DIABETES_X, scaled(DIABETES_Y))
    yield Program(
        "diabetes, regression",
        x,
        y,
        network(10, 16, 1, last=None),
        loss="mse",
        metrics=("mae",),
        fit={"epochs": 30, **SPLIT},
    )
    x, y = datasets.make_classification(4000, 20, n_informative=8, n_clusters_per_class=3, random_state=0)
    yield Program(
        "4,000 synthetic rows",
        x.astype("float32"),
        y,
        network(20, 32, 1, last="sigmoid"),
        loss="binary_crossentropy",
        fit={"epochs": 20, **SPLIT},
    )
    x, y = datasets.make_classification(3000, 20, weights=[0.95], random_state=0)
    yield Program(
        "one label in twenty",
        x.astype("float32"),
        y,
        network(20, 16, 1, last="sigmoid"),
        loss="binary_crossentropy",
        fit={"epochs": 20, **SPLIT},
    )
    x, y = windows(WAVE)
    yield Program(
        "wave, recurrent, in time", x[..., None], y, recurrent, loss="mse", metrics=(), fit={"epochs": 12, **SPLIT}
    )


def faulty_order() -> Iterator[Program]:
    by_label = np.argsort(DIGITS_Y, kind="stable")
    x, y = PIXELS[by_label], DIGITS_Y[by_label]
    yield Program(
        "digits sorted by label",
        x,
        y,
        network(64, 64, 64, 10),
        fit={"epochs": 20, **SPLIT},
        finds="unshuffled-split: ordered-labels",
    )
    order = np.argsort(DIABETES_Y)
    yield Program(
        "diabetes sorted by target",
        DIABETES_X[order],
        scaled(DIABETES_Y)[order],
        network(10, 16, 1, last=None),
        loss="mse",
        metrics=(),
        fit={"epochs": 10, **SPLIT},
        finds="unshuffled-split: ordered-labels",
    )
    x, y = windows(TIME / 500 + 0.1 * WAVE)
    dates = pd.date_range("2020-01-01", periods=len(x))
    yield Program(
        "growing sales with their dates",
        pd.DataFrame(x, index=dates),
        pd.Series(y, index=dates),
        network(20, 32, 1, last=None),
        loss="mse",
        metrics=(),
        fit={"epochs": 10, **SPLIT},
        finds="unshuffled-split: time-order",
    )
    x, y = shuffled(DIABETES_X, DIABETES_Y.astype("float32"))
    yield Program(
        "diabetes, targets to 346, SGD 0.1",
        x,
        y,
        network(10, 16, 1, last=None),
        loss="mse",
        metrics=(),
        optimizer=lambda: keras.optimizers.SGD(0.1),
        fit={"epochs": 3, **SPLIT},
        finds="nan-loss: learning-rate-too-high, unscaled-targets",
    )


def faulty_values() -> Iterator[Program]:
    x, y = shuffled(PIXELS, DIGITS_Y)
    gap = x.copy()
    gap[700, 3] = np.nan
    yield Program(
        "digits with a missing value",
        gap,
        y,
        network(64, 64, 10),
        fit={"epochs": 3, **SPLIT},
        finds="nan-loss: nan-in-data",
    )
    late = x.copy()
    late[1700, 3] = np.nan
    yield Program(
        "digits with a missing value at the end",
        late,
        y,
        network(64, 64, 10),
        fit={"epochs": 3, **SPLIT},
        finds="nan-loss: nan-in-validation-data",
    )
    tumours = shuffled(scaled(CANCER_X), CANCER_Y)
    yield Program(
        "tumours labelled 1 and 2",
        tumours[0],
        tumours[1] + 1,
        network(30, 16, 1, last="sigmoid"),
        loss="binary_crossentropy",
        fit={"epochs": 15, **SPLIT},
        finds="negative-loss: targets-out-of-range",
    )
    yield Program(
        "autoencoder, 0 to 16",
        16 * x,
        16 * x,
        network(64, 16, 64, last="sigmoid"),
        loss="binary_crossentropy",
        metrics=(),
        fit={"epochs": 5, **SPLIT},
        finds="negative-loss: targets-out-of-range, unnormalized-inputs",
    )


def faulty_curves() -> Iterator[Program]:
    x, y = shuffled(PIXELS, DIGITS_Y)
    generator = np.random.default_rng(0)
    wrong = np.where(generator.random(len(y)) < 0.3, generator.integers(0, 10, len(y)), y)
    yield Program(
        "digits, three labels in ten wrong",
        x,
        wrong,
        network(64, 256, 256, 10),
        fit={"epochs": 40, **SPLIT},
        finds="overfitting: no-regularization, trained-too-long",
    )
    yield Program(
        "diabetes, wide network",
        *shuffled(DIABETES_X, scaled(DIABETES_Y)),
        network(10, 256, 256, 1, last=None),
        loss="mse",
        metrics=(),
        fit={"epochs": 40, **SPLIT},
        finds="overfitting: no-regularization, trained-too-long",
    )
    yield Program(
        "digits, Adam 0.1",
        x,
        y,
        network(64, 64, 64, 10),
        optimizer=lambda: keras.optimizers.Adam(0.1),
        fit={"epochs": 30, **SPLIT},
        finds="oscillating-validation: learning-rate-too-large",
    )
    yield Program(
        "digits, batches of 2, SGD 0.2",
        x[:800],
        y[:800],
        network(64, 64, 64, 10),
        optimizer=lambda: keras.optimizers.SGD(0.2),
        fit={"epochs": 25, "batch_size": 2, "validation_split": 0.5},
        finds="oscillating-validation: learning-rate-too-large",
    )


def run(program: Program) -> Report:
    keras.utils.set_random_seed(0)
    model = program.model()
    model.compile(optimizer=program.optimizer(), loss=program.loss, metrics=list(program.metrics))
    # each watched run prints its report
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), kerasdoctor.watch() as watched:
        warnings.simplefilter("ignore")
        model.fit(program.x, program.y, verbose=0, **program.fit)
    return watched.report


def found(report: Report) -> str:
    parts = []
    for diagnosis in report.diagnoses:
        if diagnosis.severity >= Severity.WARNING:
            confirmed = sorted(cause.name for cause in diagnosis.causes if cause.status is Status.CONFIRMED)
            parts.append(f"{diagnosis.name}: {', '.join(confirmed)}")
    return "; ".join(parts)


def swing(report: Report) -> str:
    """R of the validation accuracy: below 1.5 it does not oscillate."""
    record = report.record
    for metric in record.metrics.values():
        swing = statistics.swing(metric.validation, record.data.n_validation or 0) if metric.proportion else None
        if swing is not None:
            return f"{swing.ratio:.1f}"
    return ""


def jump(report: Report) -> str:
    """The highest late loss of 64 training rows, as a share of the first, and whether it is called a throw back."""
    record = report.record
    losses, labels = record.quantities["batch_loss"], record.quantities.get("split_labels")
    status, evidence = learning_rate_too_large(losses, record.fit, record.data, record.compile, labels)
    if evidence.value is None:
        return ""
    return f"{evidence.value:.2f}{', thrown back' if status is Status.CONFIRMED else ''}"


def main() -> int:
    # a watched run is stored in the project
    os.chdir(tempfile.mkdtemp())
    lines = [
        "# What the rules find in short real runs",
        "",
        "Written by `python -m tests.accuracy.simulations.real_runs --write`. R: swing of the validation accuracy in",
        "sampling errors. Late jump: highest mean loss of 64 training rows late in the run over the first; thrown back",
        "when it is above 0.5 and three times the median, and no class is rare.",
        "",
        "| program | should be found | found | verdict | R | late jump | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    misses = 0
    groups = (healthy_digits(), healthy_others(), faulty_order(), faulty_values(), faulty_curves())
    for program in itertools.chain(*groups):
        report = run(program)
        right = found(report) == program.finds
        misses += not right
        cells = [program.name, program.finds or "nothing", found(report) or "nothing", report.verdict.reading]
        cells += [swing(report), jump(report)]
        lines.append(f"| {' | '.join(cells)} | {'' if right else 'wrong'} |")
        print(lines[-1], flush=True)
        failed = [skipped for skipped in report.skipped if skipped.reason.startswith("failed")]
        assert not failed, failed
    if "--write" in sys.argv:
        RESULTS.write_text("\n".join(lines) + "\n")
    return misses


if __name__ == "__main__":
    sys.exit(main())
