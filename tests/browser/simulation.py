"""A training run without Keras: it fills a record step by step and drives the live view as the instrumentation does.

The browser tests put it beside their notebooks. It stops at the gates that it is given until a file opens them, so
that a test can look at the view while the run stands still.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from IPython.display import display

from kerasdoctor.diagnosis import (
    Applicability,
    CauseFinding,
    CellEdit,
    Diagnosis,
    Evidence,
    Prescription,
    Severity,
    Status,
    Verdict,
    When,
)
from kerasdoctor.instrumentation.observer import Progress
from kerasdoctor.notebook.view import LiveView
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.record import Compile, Data, Fit, MetricFacts, Model, Outcome, Source, TrainingRecord
from kerasdoctor.remedies import AddCallback, Plan, ShuffleRows, SplitStratified
from kerasdoctor.renderers import bundle
from kerasdoctor.report import Report

SHUFFLE = """\
# Fix 1.1: shuffle inputs and targets together, then train a fresh model.
# Fresh weights: a refit of the same model has already seen the new validation rows.
rng = np.random.default_rng(0)
order = rng.permutation(len(x))
x_shuffled, y_shuffled = x[order], y[order]

model = keras.models.clone_model(model)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_shuffled, y_shuffled, validation_split=0.2, epochs=20)"""
#: What the first and the last fix are as one cell.
BOTH = """\
# shuffle <i>rows</i> & labels together
# val_loss was best in epoch 4
order = np.random.default_rng(0).permutation(len(y))
x, y = x[order], y[order]

# fresh weights: the old ones have seen the new validation rows
model = keras.models.clone_model(model)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
%kdoctor fit model.fit(
    x,
    y,
    validation_split=0.2,
    epochs=20,
    callbacks=[keras.callbacks.EarlyStopping(patience=5)],
)"""
#: A source that shows whether text is treated as text.
MARKUP = 'print("<b>bold</b> &amp; <img src=x onerror=alert(1)>")\n'

SPLIT = Diagnosis(
    name="unshuffled-split",
    family="data",
    severity=Severity.ERROR,
    message="The last 20% of the rows, which validate, hold other classes than the rest.",
    evidence=(Evidence("label shares differ by 0.80", quantity="split_labels", value=0.8, threshold=0.05, where="y"),),
    causes=(
        CauseFinding(
            "ordered-labels",
            "the rows are sorted by label",
            Status.CONFIRMED,
            Evidence("99.4% of neighbouring rows have equal labels", "row_order", value=0.994, threshold=0.2),
            (
                Prescription(
                    1,
                    "shuffle-jointly",
                    "Shuffle inputs and targets together",
                    SHUFFLE,
                    Applicability.UNSAFE,
                    Plan((ShuffleRows(0),), "shuffle <i>rows</i> & labels together"),
                ),
                Prescription(
                    2,
                    "stratified-split",
                    "Split <by> label & shuffle",
                    MARKUP,
                    Applicability.HAS_PLACEHOLDERS,
                    Plan((SplitStratified(0.2, 0),), "the same label shares in both parts"),
                ),
            ),
        ),
        CauseFinding(
            "time-order",
            "the rows are a time series",
            Status.RULED_OUT,
            Evidence(
                "neighbouring rows are no closer to each other than any two of one class", "row_order", value=1.02
            ),
        ),
        CauseFinding(
            "grouped-rows",
            "rows of one subject stand together",
            Status.POSSIBLE,
            Evidence("not measured: needs groups, not recorded"),
        ),
    ),
)
OVERFITTING = Diagnosis(
    name="overfitting",
    family="generalization",
    severity=Severity.WARNING,
    message="The validation loss has risen since epoch 4 while the training loss goes on falling.",
    evidence=(Evidence("val_loss rose by 38%", "val_loss", when=When(epoch=4), value=0.38, threshold=0.1),),
    causes=(
        CauseFinding(
            "too-many-parameters",
            "the model has more parameters than the data can hold",
            Status.POSSIBLE,
            Evidence("0.4 rows per parameter", "model", value=0.4),
            (
                Prescription(
                    3,
                    "early-stopping",
                    "Stop early and restore the best weights",
                    "stop = 1\n",
                    Applicability.UNSAFE,
                    Plan((AddCallback("keras.callbacks.EarlyStopping(patience=5)"),), "val_loss was best in epoch 4"),
                ),
            ),
        ),
    ),
)


class Run:
    """One simulated call to `fit`."""

    def __init__(
        self, view: LiveView, run: str, *, epochs: int = 20, steps: int = 45, known_steps: bool = True, seed: int = 0
    ) -> None:
        self.view = view
        self.epochs = epochs
        self.steps = steps
        self.known_steps = known_steps
        self.random = np.random.default_rng(seed)
        self.losses = BatchLoss()
        self.seconds = 0.0
        self.record = TrainingRecord(
            run=run,
            data=Data(kind="arrays", n_train=1437, n_validation=360),
            fit=Fit(epochs=epochs, batch_size=32, validation_split=0.2),
            quantities={"batch_loss": self.losses},
            model=Model(kind="Sequential"),
            compile=Compile(source={"optimizer": '"adam"', "loss": '"sparse_categorical_crossentropy"'}),
            source=Source(
                call="model.fit(\n    x, y, validation_split=0.2, epochs=20\n)",
                arguments={"x": "x", "y": "y", "validation_split": "0.2", "epochs": "20"},
                modules={"numpy": "np", "keras": "keras"},
                notebook=True,
                cell_id=cell_id(),
            ),
        )
        view.add(self.record)

    def epoch(self, epoch: int, *, broken_from: int | None = None, force: bool = True) -> None:
        """One epoch; the losses are NaN from the step `broken_from` on."""
        level = 2.3 * math.exp(-epoch / 5) + 0.05
        for step in range(1, self.steps + 1):
            self.seconds += 0.01
            position = (epoch - 1) * self.steps + step
            if broken_from and position >= broken_from:
                level = math.nan
            self.losses.step.append(position)
            self.losses.value.append(level * (1 + 0.25 * self.random.standard_normal()))
            total = self.steps if self.known_steps or epoch > 1 else None
            self.view.refresh(self.record, Progress(epoch, self.epochs, step, total, self.seconds))
        for name, value in self.scores(epoch, level).items():
            self.record.history.setdefault(name, []).append(value)
        names = [name for name in self.record.history if not name.startswith("val_")]
        self.record.metric_facts = {name: MetricFacts() for name in names}
        self.outcome("running", epoch)
        self.view.refresh(self.record, Progress(epoch, self.epochs, self.steps, self.steps, self.seconds), force=force)

    def scores(self, epoch: int, level: float) -> dict[str, float]:
        """What Keras logs at the end of an epoch."""
        rise = 0.06 * max(0, epoch - 4)
        return {
            "loss": level,
            "accuracy": 1 - level / 2.6,
            "val_loss": level + 0.2 + rise,
            "val_accuracy": 0.82 - level / 4 - rise / 6,
        }

    def outcome(self, status: str, epochs: int) -> None:
        self.record.outcome = Outcome(status=status, epochs=epochs, seconds=self.seconds)  # type: ignore[arg-type]

    def examine(self, *diagnoses: Diagnosis, reading: str = "unclear") -> Report:
        sentence = {
            "unclear": "Too few epochs to read the two loss curves.",
            "overfitting": "The training loss falls while the validation loss rises: the model is overfitting.",
        }[reading]
        report = Report(self.record, Verdict("down", "up", reading, sentence), diagnoses, ())
        self.view.examined(report)
        return report

    def finish(self, *diagnoses: Diagnosis) -> Report:
        self.outcome("finished", self.epochs)
        report = self.examine(*diagnoses, reading="overfitting")
        self.view.finish(self.record)
        return report


def cell_id() -> str:
    """Id of the cell that is running, as the front end tells it."""
    kernel = get_ipython().kernel  # type: ignore[name-defined] # noqa: F821 - IPython's
    return str(kernel.get_parent("shell").get("metadata", {}).get("cellId") or "")


def is_open(name: str) -> bool:
    """Whether the test has opened the gate."""
    notebook = Path(os.environ["JPY_SESSION_NAME"]).stem
    return Path(f"{notebook}-{name}.open").exists()


def gate(name: str) -> None:
    """Waits until the test opens the gate."""
    while not is_open(name):
        time.sleep(0.01)


def train(*, gates: Iterable[str] = ()) -> Report:
    """A run of 20 epochs that ends as it is; it waits at gates like "epoch-1"."""
    view = LiveView()
    display(view)
    run = Run(view, "1")
    run.examine()
    for epoch in range(1, run.epochs + 1):
        run.epoch(epoch)
        if epoch == 1:
            run.examine(SPLIT)
        if epoch == 10:
            run.examine(SPLIT, OVERFITTING, reading="overfitting")
        if f"epoch-{epoch}" in gates:
            gate(f"epoch-{epoch}")
    return run.finish(SPLIT, OVERFITTING)


def train_until(name: str) -> None:
    """A run that ends when the gate is opened."""
    view = LiveView()
    display(view)
    run = Run(view, "1", epochs=100_000, steps=3)
    run.examine(SPLIT)
    epoch = 0
    while not is_open(name):
        epoch += 1
        run.epoch(epoch, force=False)
        time.sleep(0.02)
    run.outcome("stopped_early", epoch)
    view.finish(run.record)


def static() -> None:
    """The static report that a run leaves in the notebook."""
    display(bundle.render_all([train_unseen()]), raw=True)


def edited(old: str, new: str) -> None:
    """A static report whose first fix is an edit of a cell, too."""
    ordered, *others = SPLIT.causes
    first, *further = ordered.prescriptions
    first = replace(first, edits=(CellEdit(old=old, new=new, number=3),))
    found = replace(SPLIT, causes=(replace(ordered, prescriptions=(first, *further)), *others))
    display(bundle.render_all([replace(train_unseen(), diagnoses=(found,))]), raw=True)


def train_unseen() -> Report:
    """The report of a run that nobody watched."""
    run = Run(LiveView(), "1")
    for epoch in range(1, run.epochs + 1):
        run.epoch(epoch)
    return run.finish(SPLIT, OVERFITTING)


def reopened() -> LiveView:
    """The view of a run that has ended, as `%kdoctor show` opens it."""
    return LiveView.of([train_unseen()])


class TwoOutputs(Run):
    """A model with two outputs: three losses and two metrics of different size."""

    def scores(self, epoch: int, level: float) -> dict[str, float]:
        sizes = {"loss": 1.0, "a_loss": 0.4, "b_loss": 0.6, "a_accuracy": 0.3, "b_mae": 40.0}
        return {f"{part}{name}": size * level for part in ("", "val_") for name, size in sizes.items()}


def several_outputs() -> None:
    view = LiveView()
    display(view)
    run = TwoOutputs(view, "1", epochs=6)
    for epoch in range(1, run.epochs + 1):
        run.epoch(epoch)
    run.finish()


def folds(n: int) -> None:
    """The fits of a k-fold loop in one cell."""
    view = LiveView()
    display(view)
    for fold in range(1, n + 1):
        run = Run(view, str(fold), epochs=8, seed=fold)
        for epoch in range(1, run.epochs + 1):
            run.epoch(epoch)
        run.finish(*((replace(OVERFITTING, causes=()),) if fold % 2 else ()))


def diverge() -> None:
    """A loss that turns to NaN in its third epoch, in a pipeline whose length is not known at first."""
    view = LiveView()
    display(view)
    run = Run(view, "1", epochs=5, known_steps=False)
    for epoch in range(1, 4):
        run.epoch(epoch, broken_from=120)
    run.outcome("stopped_early", 3)
    run.examine()
    view.finish(run.record)
