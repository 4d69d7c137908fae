"""`exhausted-data`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examples import cut, piped_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.record import Data, DataKind, Fit, Outcome, PipelineStep, Source, TrainingRecord
from kerasdoctor.remedies.whole_passes import WholePasses
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Callbacks that stop nothing within an epoch: only then is the last one short because of its data.
_PATIENT = {"EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau", "LearningRateScheduler", "CSVLogger", "History"}


def _completed(epoch_begin: EpochBegin, batch_loss: BatchLoss, fit: Fit, outcome: Outcome) -> NDArray[np.int64]:
    """Steps of every completed epoch."""
    begins = epoch_begin.steps
    last = int(batch_loss.step[-1]) if len(batch_loss) else 0
    whole = len(batch_loss) == last and outcome.status == "finished" and set(fit.callbacks) <= _PATIENT
    if len(begins) == outcome.epochs and len(begins) and whole:
        begins = np.append(begins, last)
    steps: NDArray[np.int64] = np.diff(begins)[: outcome.epochs]
    return steps


def _elements(data: Data) -> int | None:
    """Batches that come out of a pipeline; None where it is not known or endless."""
    elements = data.pipeline[-1].elements if data.pipeline else None
    return None if elements is None or elements < 0 else elements


def generator_ended(data: Data) -> tuple[Status, Evidence]:
    """Whether a Python generator brought the batches: it cannot start again when it has ended."""
    if data.kind == "generator":
        return Status.CONFIRMED, Evidence(_("a generator that has ended does not start again"), quantity="data")
    return Status.RULED_OUT, Evidence(_("the data is no generator"), quantity="data")


def _held(data: Data, fit: Fit) -> int | None:
    """Batches of one pass through the data; None where it is not known or endless."""
    if data.kind == "arrays" and data.n_train is not None and fit.batch_size:
        return -(-data.n_train // fit.batch_size)
    return _elements(data) if data.kind == "dataset" else None


def steps_beyond_data(data: Data, fit: Fit) -> tuple[Status, Evidence]:
    """Whether `steps_per_epoch` asks for more batches in all epochs than the pipeline holds."""
    if data.kind == "generator":
        return Status.RULED_OUT, Evidence(_("a generator does not tell how many batches it holds"), quantity="data")
    elements = _held(data, fit)
    if elements is None or fit.steps_per_epoch is None:
        return Status.POSSIBLE, Evidence(_("not measured: the data does not tell how many batches it holds"))
    asked = fit.steps_per_epoch * (fit.epochs - fit.initial_epoch)
    return (Status.CONFIRMED if asked > elements else Status.RULED_OUT), Evidence(
        _("{asked:,} steps in all were asked for; the data hold {elements:,} batches").format(
            asked=asked, elements=elements
        ),
        quantity="data",
        value=float(asked),
        threshold=float(elements),
    )


def _piped(second: int, *, kind: DataKind = "dataset", elements: int = -1) -> TrainingRecord:
    """Two epochs, of 45 and `second` steps."""
    record = cut(piped_digits(), 2)
    record.fit = replace(record.fit, epochs=2, steps_per_epoch=45)
    losses = record.quantities["batch_loss"]
    del losses.step[45 + second :], losses.value[45 + second :]
    repeat = PipelineStep(kind="repeat", settings={"count": -1}, elements=elements)
    steps = (*record.data.pipeline, repeat) if kind == "dataset" else ()
    record.data = replace(record.data, kind=kind, pipeline=steps)
    return record


def _short_generator() -> TrainingRecord:
    """A generator that ends in the second epoch."""
    record = _piped(25, kind="generator")
    arguments = {"x": "batches()", "steps_per_epoch": "45", "epochs": "2"}
    record.source = Source(
        call="model.fit(batches(), steps_per_epoch=45, epochs=2)", arguments=arguments, model="model", notebook=True
    )
    return record


def _short_pipeline() -> TrainingRecord:
    """A pipeline of 70 batches, asked for 45 in each epoch."""
    return _piped(25, elements=70)


def _endless_pipeline() -> TrainingRecord:
    """A pipeline that repeats, asked for 45 batches in each epoch."""
    return _piped(45)


class ExhaustedData(Rule):
    """The data ran out before an epoch had made its steps.

    ## What it sees
    An epoch with fewer steps than `steps_per_epoch`, or of a generator with fewer than its first: a count, exact.
    Keras says it once, in a warning ("Your input ran out of data"), and goes on: later epochs train on what is left,
    or on nothing. Arrays, and pipelines of known length, tell it before the first step: one pass has fewer batches than
    `steps_per_epoch`. An epoch of arrays is one pass then, which is a note.

    ## How it is told apart
    A Python generator ends for good. A `tf.data` pipeline of known length was asked for more batches than it holds.

    ## Remedies
    Leave `steps_per_epoch` out, so that an epoch is one pass through the data, of a generator as arrays; or an endless
    pipeline: `dataset.repeat()`, a generator with `while True`. A `keras.utils.PyDataset` starts again at every epoch.

    ## References
    The documentation of `Model.fit`, `steps_per_epoch`.
    """

    family = "loop"
    severity = Severity.WARNING
    message = _("The data ran out: {statement}.")

    causes = (
        Cause(
            "generator-ended",
            _("the generator ends"),
            examine=generator_ended,
            explains=("too-few-updates",),
            remedies=(WholePasses(),),
        ),
        Cause(
            "steps-beyond-data",
            _("more steps are asked for than the data holds"),
            examine=steps_beyond_data,
            explains=("too-few-updates",),
            remedies=(WholePasses(),),
        ),
    )

    examples = (
        Unhealthy(_short_generator, confirms=("generator-ended",)),
        Unhealthy(_short_pipeline, confirms=("steps-beyond-data",)),
        Healthy(_endless_pipeline),
    )

    def severity_in(self, record: TrainingRecord) -> Severity:
        # an epoch of arrays is one pass then, as it is without the argument
        return Severity.INFO if record.data.kind == "arrays" else Severity.WARNING

    def check(
        self,
        fit: Fit,
        data: Data,
        outcome: Outcome,
        epoch_begin: EpochBegin | None = None,
        batch_loss: BatchLoss | None = None,
    ) -> Evidence | None:
        if fit.loop or data.kind not in {"arrays", "generator", "dataset"}:
            return None
        asked, held = fit.steps_per_epoch, _held(data, fit)
        if asked is not None and held is not None and asked > held:
            statement = _("steps_per_epoch asks for {asked:,} steps, and one pass through the data has {held:,}")
            return Evidence(
                statement.format(asked=asked, held=held), quantity="data", value=float(held), threshold=float(asked)
            )
        if data.kind == "arrays":
            return None
        if epoch_begin is None or batch_loss is None:
            raise NotMeasured("epoch_begin")
        steps = _completed(epoch_begin, batch_loss, fit, outcome)
        if asked is None and data.kind == "generator" and len(steps):
            # without a number the first epoch takes all there is
            asked = int(steps[0])
        short = np.flatnonzero(steps < (asked or 0))
        if asked is None or not len(short):
            return None
        first = int(short[0])
        epoch = fit.initial_epoch + first + 1
        return Evidence(
            # optimizer.iterations also counts the step that finds no batch
            _("epoch {epoch} trained on {steps:,} batches, {asked:,} make an epoch").format(
                epoch=epoch, steps=int(steps[first]), asked=asked
            ),
            quantity="epoch_begin",
            when=When(epoch=epoch),
            value=float(steps[first]),
            threshold=float(asked),
        )
