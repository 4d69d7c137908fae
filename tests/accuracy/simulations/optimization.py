"""What the statistics of the optimization family are in healthy runs, and whether its rules alarm at any epoch.

`python -m tests.accuracy.simulations.optimization` trains the programs (about ten minutes) and prints a table;
`--write` keeps it in OPTIMIZATION.md. Every run is diagnosed as it stood after each of its epochs, too.
"""

import contextlib
import copy
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

import kerasdoctor
from kerasdoctor import engine
from kerasdoctor.diagnosis import Severity
from kerasdoctor.examinations import block_losses, first_loss, kernels, path_length, rows_per_step
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.record import TrainingRecord
from kerasdoctor.rule import discover
from kerasdoctor.series import Series, Table

RESULTS = Path(__file__).with_name("OPTIMIZATION.md")
FAMILY = {rule.name for rule in discover() if rule.family == "optimization"}
Array = NDArray[Any]
layers, optimizers, schedules = keras.layers, keras.optimizers, keras.optimizers.schedules
RNG = np.random.default_rng(1)


def drawn(x: Array, y: Array) -> tuple[Array, Array]:
    order = RNG.permutation(len(x))
    return np.asarray(x[order], dtype="float32"), y[order]


PIXELS, DIGITS = drawn(datasets.load_digits().data / 16, datasets.load_digits().target)
CANCER = datasets.load_breast_cancer()
TUMOURS, MALIGNANT = drawn((CANCER.data - CANCER.data.mean(0)) / CANCER.data.std(0), CANCER.target)
BLOOD, PROGRESSION = drawn(20 * datasets.load_diabetes().data, datasets.load_diabetes().target)
SCALED = (PROGRESSION - PROGRESSION.mean()) / PROGRESSION.std()
WAVE = (np.sin(np.arange(1600) / 9) + 0.2 * RNG.standard_normal(1600)).astype("float32")
WINDOWS = np.lib.stride_tricks.sliding_window_view(WAVE, 21)
TOKENS = RNG.integers(1, 200, (1500, 20))
MANY = ((TOKENS < 40).sum(1) > 4).astype(int)
BITS = RNG.integers(0, 2, (1200, 6)).astype("float32")
NOISE = RNG.standard_normal((2000, 20)).astype("float32")
BINARY, CLASSES = "binary_crossentropy", "sparse_categorical_crossentropy"


@dataclass
class Program:
    """One healthy call of `fit`; what is not given is the digits, by Adam at its default, for 15 epochs."""

    name: str
    model: Callable[[], keras.Model]
    optimizer: Callable[[], Any] = field(default=lambda: optimizers.Adam(1e-3))
    x: Array = field(default_factory=lambda: PIXELS)
    y: Array = field(default_factory=lambda: DIGITS)
    loss: str = CLASSES
    metrics: tuple[str, ...] = ("accuracy",)
    fit: dict[str, Any] = field(default_factory=dict)


def dense(
    *units: int,
    inputs: int = 64,
    outputs: int = 10,
    activation: str = "relu",
    last: str | None = "softmax",
    **more: Any,
) -> Callable[[], keras.Model]:
    """A dense network; `more`: normalization, dropout, and arguments of its hidden layers."""
    normalization, dropout = more.pop("normalization", False), more.pop("dropout", 0)

    def build() -> keras.Model:
        model = keras.Sequential([keras.Input((inputs,))])
        for size in units:
            model.add(layers.Dense(size, activation=activation, **more))
            if normalization:
                model.add(layers.BatchNormalization())
            if dropout:
                model.add(layers.Dropout(dropout))
        model.add(layers.Dense(outputs, activation=last))
        return model

    return build


def stack(shape: tuple[int, ...], *parts: Callable[[], Any]) -> Callable[[], keras.Model]:
    return lambda: keras.Sequential([keras.Input(shape), *(part() for part in parts)])


def transformer() -> keras.Model:
    inputs = keras.Input((20,))
    x = layers.Embedding(200, 32)(inputs)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 16)(x, x))
    x = layers.LayerNormalization()(x + layers.Dense(32)(layers.Dense(64, activation="gelu")(x)))
    return keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling1D()(x)))


def residual() -> keras.Model:
    """Branches that begin at 0."""
    inputs = keras.Input((64,))
    x = layers.Dense(32)(inputs)
    for _ in range(6):
        x = x + layers.Dense(32, kernel_initializer="zeros")(layers.Dense(32, activation="relu")(x))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


def frozen() -> keras.Model:
    model = dense(64, 64)()
    model.layers[0].trainable = False
    return model


def by_optimizer() -> Iterator[Program]:
    network = dense(64, 64)
    for optimizer, rate, epochs, batch in (
        ("Adam", 1e-3, 100, 64),
        ("Adam", 1e-2, 15, 32),
        ("Adam", 1e-2, 30, 8),
        ("SGD", 0.1, 15, 32),
        ("SGD", 0.01, 30, 32),
        ("SGD", 0.001, 30, 32),
        ("RMSprop", 1e-3, 25, 32),
        ("Adagrad", 1e-2, 25, 32),
        ("Adadelta", 1.0, 15, 32),
        ("AdamW", 1e-3, 15, 32),
        ("Nadam", 1e-3, 15, 32),
        ("Lion", 3e-4, 15, 32),
    ):
        name = f"{optimizer} {rate:g}, batches of {batch}"
        make = getattr(optimizers, optimizer)
        yield Program(
            name, network, lambda make=make, rate=rate: make(rate), fit={"epochs": epochs, "batch_size": batch}
        )
    for name, make in {
        "momentum": lambda: optimizers.SGD(0.05, momentum=0.9),
        "clipped": lambda: optimizers.SGD(0.1, clipnorm=1.0),
        "cosine decay": lambda: optimizers.Adam(schedules.CosineDecay(1e-2, 45 * 20)),
        "warm-up": lambda: optimizers.SGD(schedules.CosineDecay(0.0, 810, warmup_target=0.1, warmup_steps=90)),
        "exponential decay": lambda: optimizers.SGD(schedules.ExponentialDecay(0.1, 45, 0.8)),
    }.items():
        yield Program(name, network, make, fit={"epochs": 25 if name != "cosine decay" else 20})
    yield Program(
        "momentum, batches of 16",
        network,
        lambda: optimizers.SGD(0.05, momentum=0.9),
        fit={"epochs": 30, "batch_size": 16},
    )
    reducer = keras.callbacks.ReduceLROnPlateau(patience=4, factor=0.2)
    yield Program("plateaus", network, lambda: optimizers.Adam(1e-2), fit={"epochs": 60, "callbacks": [reducer]})
    yield Program("one layer frozen", frozen)
    yield Program("fine-tuned", frozen, lambda: optimizers.Adam(1e-4), fit={"epochs": 20})
    yield Program("three epochs", network, fit={"epochs": 3})
    yield Program("120 rows", dense(32), x=PIXELS[:120], y=DIGITS[:120], fit={"epochs": 40})


def by_network() -> Iterator[Program]:
    for depth in (8, 20):
        yield Program(
            f"{depth} layers of relu", dense(*[32] * depth, kernel_initializer="he_normal"), fit={"epochs": 30}
        )
    for depth, epochs in ((2, 25), (3, 30), (4, 50)):
        yield Program(f"{depth} layers of sigmoid", dense(*[32] * depth, activation="sigmoid"), fit={"epochs": epochs})
    sigmoids = dense(32, 32, activation="sigmoid")
    yield Program("2 layers of sigmoid, SGD 0.1", sigmoids, lambda: optimizers.SGD(0.1), fit={"epochs": 60})
    yield Program("4 layers of tanh", dense(64, 64, 64, 64, activation="tanh"))
    tanh = dense(64, 64, activation="tanh")
    yield Program("tanh, 80 epochs, Adam 0.01", tanh, lambda: optimizers.Adam(1e-2), fit={"epochs": 80})
    yield Program("tanh, 0 to 16", tanh, x=16 * PIXELS, fit={"epochs": 25})
    yield Program("relu, 0 to 16", dense(64, 64), x=16 * PIXELS, fit={"epochs": 25})
    yield Program("relu, 0 to 255", dense(64, 64), x=255 * PIXELS)
    yield Program("10 layers, normalized", dense(*[32] * 10, normalization=True), fit={"epochs": 10})
    sgd = dense(64, 64, normalization=True)
    yield Program("normalized, SGD 0.1", sgd, lambda: optimizers.SGD(0.1))
    wild = dense(*[32] * 6, normalization=True)
    yield Program("6 layers, normalized, Adam 0.01", wild, lambda: optimizers.Adam(1e-2), fit={"epochs": 30})
    yield Program("dropout 0.5", dense(64, 64, dropout=0.5), fit={"epochs": 30})
    yield Program("512 units", dense(512, 512), fit={"epochs": 20})
    yield Program("512 units, Adam 0.01", dense(512, 512), lambda: optimizers.Adam(1e-2), fit={"epochs": 20})
    for name, regularizer in {
        "L2 0.001": keras.regularizers.L2(1e-3),
        "L2 0.01": keras.regularizers.L2(1e-2),
        "L1 0.001": keras.regularizers.L1(1e-3),
    }.items():
        yield Program(name, dense(64, 64, kernel_regularizer=regularizer), fit={"epochs": 30})
    wide = dense(256, 256, kernel_regularizer=keras.regularizers.L2(1e-2))
    yield Program("L2 0.01, 256 units", wide, fit={"epochs": 30})
    yield Program("branches that begin at 0", residual)
    image = stack(
        (8, 8, 1),
        lambda: layers.Conv2D(16, 3, activation="relu"),
        layers.BatchNormalization,
        layers.MaxPooling2D,
        layers.Flatten,
        lambda: layers.Dropout(0.3),
        lambda: layers.Dense(10, activation="softmax"),
    )
    images = PIXELS.reshape(-1, 8, 8, 1)
    yield Program("convolution", image, x=images)
    yield Program("convolution, Adam 0.01", image, lambda: optimizers.Adam(1e-2), x=images, fit={"epochs": 30})


def by_task() -> Iterator[Program]:
    plain = ()
    autoencoder = dense(32, 16, 32, outputs=64, last="sigmoid")
    yield Program("autoencoder", autoencoder, y=PIXELS, loss=BINARY, metrics=plain, fit={"epochs": 25})
    small = dense(16, inputs=30, outputs=1, last="sigmoid")
    for name, make, epochs, batch in (
        ("tumours", lambda: optimizers.Adam(1e-3), 40, 32),
        ("tumours, Adam 0.01", lambda: optimizers.Adam(1e-2), 80, 32),
        ("tumours, batches of 4", lambda: optimizers.SGD(0.05), 30, 4),
        ("tumours, batches of 1", lambda: optimizers.Adam(1e-3), 10, 1),
    ):
        yield Program(name, small, make, TUMOURS, MALIGNANT, BINARY, fit={"epochs": epochs, "batch_size": batch})
    logistic = stack((30,), lambda: layers.Dense(1, activation="sigmoid", kernel_initializer="zeros"))
    sgd = lambda: optimizers.SGD(0.1)  # noqa: E731 - as in the table above
    yield Program("logistic regression from 0", logistic, sgd, TUMOURS, MALIGNANT, BINARY, fit={"epochs": 30})
    fast = lambda: optimizers.Adam(1e-2)  # noqa: E731 - as above
    line = dense(32, 16, inputs=10, outputs=1, last=None)
    for name, y, loss, make, batch in (
        ("diabetes", SCALED, "mse", lambda: optimizers.Adam(1e-3), 32),
        ("diabetes, Adam 0.01", SCALED, "mse", fast, 32),
        ("diabetes, batches of 8", SCALED, "mse", fast, 8),
        ("diabetes, to 346", PROGRESSION, "mse", fast, 32),
        ("diabetes, to 346, absolute", PROGRESSION, "mae", fast, 32),
    ):
        yield Program(name, line, make, BLOOD, y, loss, plain, {"epochs": 40, "batch_size": batch})
    series, follows = WINDOWS[:, :20, None], WINDOWS[:, 20]
    for name, layer in {"LSTM": layers.LSTM, "GRU": layers.GRU, "SimpleRNN": layers.SimpleRNN}.items():
        model = stack((20, 1), lambda layer=layer: layer(16), lambda: layers.Dense(1))
        yield Program(name, model, fast, series, follows, "mse", plain, {"epochs": 25})
    text = stack(
        (20,),
        lambda: layers.Embedding(200, 16),
        lambda: layers.Bidirectional(layers.LSTM(16)),
        lambda: layers.Dense(1, activation="sigmoid"),
    )
    tokens: dict[str, Any] = {"x": TOKENS, "y": MANY, "loss": BINARY}
    yield Program("embedding, LSTM", text, lambda: optimizers.Adam(3e-3), **tokens, fit={"epochs": 30})
    yield Program("transformer", transformer, **tokens, fit={"epochs": 25})
    parity = (BITS.sum(1) % 2).astype(int)
    binary = dense(32, 32, inputs=6, outputs=1, last="sigmoid")
    yield Program("parity", binary, x=2 * BITS - 1, y=parity, loss=BINARY, fit={"epochs": 60})
    few = dense(16, inputs=6, outputs=1, last="sigmoid", activation="tanh")
    yield Program("parity, tanh", few, lambda: optimizers.Adam(3e-3), 2 * BITS - 1, parity, BINARY, fit={"epochs": 80})
    weak = ((NOISE[:, 0] + 3 * RNG.standard_normal(2000)) > 0).astype(int)
    held = dense(128, 64, inputs=20, outputs=1, last="sigmoid", kernel_regularizer=keras.regularizers.L2(1e-2))
    yield Program("classes that overlap, L2 0.01", held, x=NOISE, y=weak, loss=BINARY, fit={"epochs": 25})
    rare, few_ones = datasets.make_classification(3000, 20, weights=[0.95], random_state=0)
    unit = dense(16, inputs=20, outputs=1, last="sigmoid")
    yield Program("one label in twenty", unit, x=rare.astype("float32"), y=few_ones, loss=BINARY, fit={"epochs": 25})
    real = dense(32, inputs=20, outputs=1, last=None)
    odd = NOISE.copy()
    odd[7, 3], odd[500, 4] = 80, -60
    linear = (2 * NOISE[:, 0] + 0.3 * RNG.standard_normal(2000)).astype("float32")
    yield Program("two rows far out", real, x=odd, y=linear, loss="mse", metrics=plain, fit={"epochs": 25})
    tails = (RNG.standard_t(2, 2000) + NOISE[:, 0]).astype("float32")
    yield Program("targets of infinite variance", real, x=NOISE, y=tails, loss="mse", metrics=plain, fit={"epochs": 30})


def run(program: Program) -> TrainingRecord:
    keras.backend.clear_session()
    keras.utils.set_random_seed(len(program.name))
    model = program.model()
    model.compile(optimizer=program.optimizer(), loss=program.loss, metrics=list(program.metrics))
    options = {"epochs": 15, "validation_split": 0.2, "verbose": 0, **program.fit}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), kerasdoctor.watch(quiet=True) as watched:
        warnings.simplefilter("ignore")
        model.fit(program.x, program.y, **options)
    return watched.report.record


def until(record: TrainingRecord, epoch: int) -> TrainingRecord:
    """The record as it stood after an epoch."""
    begins = record.quantities["epoch_begin"].step
    step = begins[epoch] if epoch < len(begins) else sys.maxsize
    found = copy.copy(record)
    found.history = {key: values[:epoch] for key, values in record.history.items()}
    found.outcome = replace(record.outcome, status="running", epochs=epoch)
    found.quantities = {name: _cut(value, epoch, step) for name, value in record.quantities.items()}
    return found


def _cut(value: Any, epoch: int, step: int) -> Any:
    cut = copy.copy(value)
    if isinstance(value, EpochBegin):
        cut.step = value.step[:epoch]
    elif isinstance(value, Series):
        kept = int(np.searchsorted(value.steps, step, side="right"))
        cut.step, cut.value = value.step[:kept], value.value[:kept]
    elif isinstance(value, Table):
        kept = int((value.last <= step).sum())
        for name in ("first", "last", "samples", "minimum", "maximum", "total", "nonfinite"):
            setattr(cut, name, getattr(value, name)[:kept])
    return cut


def alarms(record: TrainingRecord) -> set[str]:
    found = engine.diagnose(record).diagnoses
    return {diagnosis.name for diagnosis in found if diagnosis.severity >= Severity.WARNING} & FAMILY


def statistics(record: TrainingRecord) -> list[float]:
    """One number per column of the table."""
    measured, rows = record.quantities, rows_per_step(record.fit, record.data)
    start = first_loss(measured["batch_loss"], rows) or np.nan
    blocks, epochs = block_losses(measured["batch_loss"], rows), np.array(record.history["loss"])
    above = np.sort((epochs - np.minimum.accumulate(epochs)) / start)
    norms = measured["global_gradient_norm"].values
    path = path_length(measured["update_norm"], measured["weight_norm"])
    zeros = measured["zero_share"].mean[-1] if len(measured.get("zero_share", ())) else np.zeros(1)
    return [
        epochs.max() / start,
        blocks.max() / start,
        above[-3] if len(above) > 2 else np.nan,
        np.nan if path is None else path,
        norms.max() / norms[0],
        faintest(record),
        float(zeros.max()),
        penalty(record),
    ]


def faintest(record: TrainingRecord) -> float:
    """Gradient of a weight of the first kernel over the largest, at the median of the first 20 steps."""
    table, spreads = record.quantities["gradient_norm"], record.quantities["initial_weights"].variables
    sizes = np.array([np.prod(spreads[path].shape) if path in spreads else np.nan for path in table.columns])
    typical = np.median(table.mean[:20], axis=0) / np.sqrt(sizes)
    first = kernels(table.columns)
    return float(typical[first[0]] / np.nanmax(typical)) if first else np.nan


def penalty(record: TrainingRecord) -> float:
    """Penalty of the weights over the loss of the data before training."""
    values = record.quantities.get("weight_penalty")
    if values is None or not len(values):
        return np.nan
    return float(values.value[0] / (record.quantities["batch_loss"].value[0] - values.value[0]))


def main() -> int:
    # a watched run is stored in the project
    os.chdir(tempfile.mkdtemp())
    lines, live, final = [], 0, 0
    for group in (by_optimizer, by_network, by_task):
        for program in group():
            record = run(program)
            looks = [alarms(until(record, epoch)) for epoch in range(1, len(record.history["loss"]) + 1)]
            ends = alarms(record)
            early: set[str] = set().union(*looks) - ends
            live, final = live + bool(early | ends), final + bool(ends)
            cells = [program.name, *("" if np.isnan(value) else f"{value:.2g}" for value in statistics(record))]
            cells += [", ".join(sorted(early)), ", ".join(sorted(ends))]
            lines.append(f"| {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    text = "\n".join(
        [*HEAD, *lines, "", f"{len(lines)} healthy runs: {final} with an alarm at the end, {live} at any epoch."]
    )
    print(text.rpartition("\n")[2])
    if "--write" in sys.argv:
        RESULTS.write_text(text + "\n")
    return 0


HEAD = [
    "# The optimization family in healthy runs",
    "",
    "Written by `python -m tests.accuracy.simulations.optimization --write`. Epoch, peak: highest mean loss of an",
    "epoch, and of 64 rows, over the loss before training. Jump: third largest rise of an epoch over an earlier",
    "one, as a share of that loss. Path: the most that a kernel can have moved, in its norm. Growth: largest",
    "gradient over the first. Faint: gradient of a weight of the first kernel over that of the variable with the",
    "largest. Zeros: share of a layer's outputs. Penalty: over the loss of the data before training. Alarms of a",
    "warning or more, of this family.",
    "",
    "| run | epoch | peak | jump | path | growth | faint | zeros | penalty | alarm on the way | alarm at the end |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
]


if __name__ == "__main__":
    sys.exit(main())
