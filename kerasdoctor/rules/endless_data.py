"""`endless-data`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import piped_digits
from kerasdoctor.locale import _
from kerasdoctor.record import Data, Fit, Outcome, PipelineStep, TrainingRecord
from kerasdoctor.remedies.steps_of_one_pass import StepsOfOnePass
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy


def _is_endless(pipeline: Sequence[PipelineStep]) -> bool:
    return bool(pipeline) and pipeline[-1].elements == -1


def endless_training(data: Data, fit: Fit) -> tuple[Status, Evidence]:
    """Whether an epoch takes batches of a pipeline without end until it ends."""
    if _is_endless(data.pipeline) and fit.steps_per_epoch is None:
        return Status.CONFIRMED, Evidence(
            _("the training pipeline has no end, and steps_per_epoch is None"), quantity="data"
        )
    return Status.RULED_OUT, Evidence(_("an epoch of the training data has an end"), quantity="data")


def endless_validation(data: Data, fit: Fit) -> tuple[Status, Evidence]:
    """Whether a validation does."""
    if _is_endless(data.validation_pipeline) and fit.validation_steps is None:
        return Status.CONFIRMED, Evidence(
            _("the validation pipeline has no end, and validation_steps is None"), quantity="data"
        )
    if data.validation_kind == "generator" and fit.validation_steps is None:
        return Status.POSSIBLE, Evidence(_("not measured: a generator does not tell whether it has an end"))
    return Status.RULED_OUT, Evidence(_("a validation has an end"), quantity="data")


def _repeated(*, training: bool = False, validation: bool = False, steps: int | None = None) -> TrainingRecord:
    """Digits in pipelines, of which some are repeated, before any step."""
    record = piped_digits()
    repeat = (PipelineStep(kind="repeat", settings={"count": -1}, elements=-1),)
    record.data = replace(
        record.data,
        pipeline=record.data.pipeline + repeat * training,
        validation_pipeline=record.data.validation_pipeline + repeat * validation,
    )
    record.fit = replace(record.fit, steps_per_epoch=steps, validation_steps=steps)
    record.outcome = Outcome(status="checked")
    record.history = {}
    return record


def _training() -> TrainingRecord:
    """A training pipeline with `repeat()` and no `steps_per_epoch`."""
    return _repeated(training=True)


def _validation() -> TrainingRecord:
    """A validation pipeline with `repeat()` and no `validation_steps`."""
    return _repeated(validation=True)


def _bounded() -> TrainingRecord:
    """Both repeated, and 12 batches taken of each."""
    return _repeated(training=True, validation=True, steps=12)


class EndlessData(Rule):
    """An epoch, or a validation, that never ends.

    ## What it sees
    A `tf.data` pipeline that tells that it has no end, and no `steps_per_epoch` or `validation_steps`: Keras takes
    batches until the data end. It is known before the first step, and nothing is drawn. A Python generator does not
    tell whether it ends, and says nothing here.

    ## How it is told apart
    Training and validation are read one by one. With an endless validation the first epoch seems to hang at its end.

    ## Remedies
    Take as many batches as one pass has, or leave `repeat()` out: Keras starts a finite pipeline again in every epoch.

    ## References
    The documentation of `Model.fit`, `steps_per_epoch` and `validation_steps` ("infinitely repeating dataset").
    """

    family = "loop"
    severity = Severity.ERROR
    message = _("This fit does not come to an end: {statement}.")

    causes = (
        Cause(
            "endless-training",
            _("an epoch has no end"),
            examine=endless_training,
            remedies=(StepsOfOnePass("training"),),
        ),
        Cause(
            "endless-validation",
            _("a validation has no end"),
            examine=endless_validation,
            remedies=(StepsOfOnePass("validation"),),
        ),
    )

    examples = (
        Unhealthy(_training, confirms=("endless-training",)),
        Unhealthy(_validation, confirms=("endless-validation",)),
        Healthy(_bounded),
    )

    def check(self, fit: Fit, data: Data) -> Evidence | None:
        if fit.loop:
            return None
        for examine in (endless_training, endless_validation):
            status, evidence = examine(data, fit)
            if status is Status.CONFIRMED:
                return evidence
        return None
