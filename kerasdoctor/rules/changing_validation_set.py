"""`changing-validation-set`."""

from __future__ import annotations

from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import piped_digits
from kerasdoctor.heads import Head
from kerasdoctor.locale import _
from kerasdoctor.quantities.drawn_rows import DrawnRows
from kerasdoctor.record import Data, Fit, PipelineStep, TrainingRecord
from kerasdoctor.remedies.fixed_validation_set import FixedValidationSet
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Share of the second validation's rows that the first one had, below which they are another set. A generator that
#: batches an endless shuffled stream may repeat a part of them.
SAME = 0.95
#: Rows below which nothing is said.
FEWEST = 20


def _again(rows: DrawnRows) -> float:
    return rows.validation_again / max(rows.validation_rows[1], 1)


def _same_labels_other_inputs(rows: DrawnRows) -> bool:
    """Whether the second validation has the targets of the first, batch by batch, and hardly an input of it."""
    batches = rows.validation_batches[1]
    return batches > 1 and rows.same_targets == batches and _again(rows) < 0.5


def infinite_generator(data: Data, fit: Fit, drawn_rows: DrawnRows) -> tuple[Status, Evidence]:
    """Whether each validation goes on where the one before stopped."""
    endless = data.validation_kind == "generator" or any(step.elements == -1 for step in data.validation_pipeline)
    if not endless:
        return Status.RULED_OUT, Evidence(_("the validation data end"), quantity="data")
    if _same_labels_other_inputs(drawn_rows):
        return Status.RULED_OUT, Evidence(_("the targets are the same in both validations"), quantity="drawn_rows")
    statement = _("the validation data have no end, and each validation takes the next {steps} batches of them")
    return Status.CONFIRMED, Evidence(
        statement.format(steps=fit.validation_steps or drawn_rows.validation_batches[0]), quantity="data"
    )


def _random_steps(data: Data, heads: list[Head] | None) -> list[PipelineStep]:
    """Steps of the validation pipeline that draw random numbers, where rows have a class or a number each.

    Where an output has as many values as an input, noise on it, or a mask, may be what is to be undone.
    """
    if not heads or not all(_one_answer_a_row(head) for head in heads):
        return []
    return [step for step in data.validation_pipeline if step.settings.get("random")]


def _one_answer_a_row(head: Head) -> bool:
    shape = () if head.output is None else head.output.shape
    return shape == (1,) or (len(shape) == 1 and head.kind in {"sparse", "categorical"})


def _drawn(steps: list[PipelineStep]) -> str:
    names = ", ".join(f"{step.kind} ({', '.join(step.settings['random'])})" for step in steps)
    return _("a step of its pipeline draws random numbers: {names}").format(names=names)


def augmented_validation(
    data: Data, heads: list[Head] | None = None, drawn_rows: DrawnRows | None = None
) -> tuple[Status, Evidence]:
    """Whether the same rows come with other values: they are augmented."""
    steps = _random_steps(data, heads)
    if steps:
        return Status.CONFIRMED, Evidence(_drawn(steps), quantity="data")
    if drawn_rows is None:
        raise NotMeasured("drawn_rows")
    batches = drawn_rows.validation_batches[1]
    statement = _(
        "of {batches} batches, {targets} have the same targets as in the first validation and {inputs} the same inputs"
    ).format(targets=drawn_rows.same_targets, batches=batches, inputs=drawn_rows.same_inputs)
    found = _same_labels_other_inputs(drawn_rows)
    return (Status.CONFIRMED if found else Status.RULED_OUT), Evidence(
        statement, quantity="drawn_rows", value=float(drawn_rows.same_targets), threshold=float(batches)
    )


def shuffled_partial_validation(data: Data, fit: Fit, drawn_rows: DrawnRows) -> tuple[Status, Evidence]:
    """Whether a shuffle puts other rows among those that a validation takes."""
    steps = [step.kind for step in data.validation_pipeline]
    if not steps:
        kind = data.validation_kind
        return Status.POSSIBLE if kind in {"dataset", "other"} else Status.RULED_OUT, Evidence(
            _("not measured: the steps of this pipeline cannot be read")
            if kind in {"dataset", "other"}
            else _("the validation data are no tf.data pipeline")
        )
    shuffles = "shuffle" in steps
    partial = (
        bool(fit.validation_steps) or any(kind in {"take", "skip"} for kind in steps[steps.index("shuffle") :])
        if shuffles
        else False
    )
    statement = _("the steps of the validation pipeline are {names}; validation_steps is {steps}")
    return (Status.CONFIRMED if partial and not _same_labels_other_inputs(drawn_rows) else Status.RULED_OUT), Evidence(
        statement.format(names=", ".join(steps), steps=fit.validation_steps), quantity="data"
    )


def _from_generator() -> TrainingRecord:
    """An endless generator, of which each validation takes the next six batches."""
    record = piped_digits()
    record.data = replace(record.data, validation_kind="generator", validation_pipeline=(), n_validation=192)
    record.fit = replace(record.fit, validation_steps=6)
    rows = record.quantities["drawn_rows"]
    record.quantities["drawn_rows"] = replace(
        rows,
        validation=192,
        validation_rows=[192, 192],
        validation_batches=[6, 6],
        validation_again=24,
        same_inputs=0,
        same_targets=0,
    )
    return record


def _augmented() -> TrainingRecord:
    """A random layer mapped onto the validation pipeline."""
    record = piped_digits()
    record.quantities["drawn_rows"] = replace(
        record.quantities["drawn_rows"], validation_again=0, same_inputs=0, same_targets=12
    )
    return record


def _noisy() -> TrainingRecord:
    """Noise mapped onto the validation pipeline, the same at each epoch by a global seed."""
    record = piped_digits()
    noise = PipelineStep(kind="map", settings={"random": ["RandomStandardNormal"]})
    record.data = replace(record.data, validation_pipeline=(*record.data.validation_pipeline, noise))
    return record


class ChangingValidationSet(Rule):
    """The validation rows are no fixed set, so that the curve also shows the change of the rows.

    ## What it sees
    The rows that Keras draws in the first and in the second validation, compared by hashes: fewer than 95 % of the
    second are in the first. Both validations must have been seen from end to end (up to 63 batches), or have the same
    targets in the same order. Arrays cannot change and are not looked at. Before the first step: operations that draw
    random numbers in a function mapped onto the validation pipeline, where each row has a class or a number to predict.
    As long as a global seed is set they may give the same rows at each epoch; those are not the rows as they are.

    ## How it is told apart
    An endless generator with `validation_steps`, which goes on where it stopped; the same targets with other inputs, or
    a random operation, which augment; a shuffle in front of `take` or `validation_steps`.

    ## Remedies
    A finite validation set that is taken whole; a cell draws that of a generator once. No `repeat`, no `shuffle`, no
    random layer mapped onto it. Random layers inside the model are switched off in validation by themselves.

    ## References
    tensorflow/tensorflow#25254; keras-team/keras-preprocessing#218 (one generator object augments both subsets).
    Measured: at a learning rate of 0, where it must be constant, val_loss was 1.894, 1.840, 1.881, 1.890.
    """

    family = "data"
    severity = Severity.WARNING
    message = _("The validation set is not fixed: {statement}.")

    causes = (
        Cause(
            "infinite-generator",
            _("the validation data have no end"),
            examine=infinite_generator,
            remedies=(FixedValidationSet(),),
        ),
        Cause(
            "augmented-validation",
            _("the validation rows are augmented; take the random step out of their pipeline"),
            examine=augmented_validation,
        ),
        Cause(
            "shuffled-partial-validation",
            _("a part of shuffled rows is validated on"),
            examine=shuffled_partial_validation,
            remedies=(FixedValidationSet(),),
        ),
    )

    examples = (
        Unhealthy(_from_generator, confirms=("infinite-generator",)),
        Unhealthy(_augmented, confirms=("augmented-validation",)),
        Unhealthy(_noisy, confirms=("augmented-validation",)),
        Healthy(piped_digits),
    )

    def check(
        self, data: Data, heads: list[Head] | None = None, drawn_rows: DrawnRows | None = None
    ) -> Evidence | None:
        steps = _random_steps(data, heads)
        if steps:
            return Evidence(_drawn(steps), quantity="data")
        if drawn_rows is None:
            raise NotMeasured("drawn_rows")
        second = drawn_rows.validation_rows[1]
        if second < FEWEST or _again(drawn_rows) >= SAME or drawn_rows.shared:
            # rows that train as well are another fault, with its own rule
            return None
        if not drawn_rows.validations_are_whole and not _same_labels_other_inputs(drawn_rows):
            return None
        return Evidence(
            _("{again:,} of the {second:,} rows of the second validation were in the first").format(
                again=drawn_rows.validation_again, second=second
            ),
            quantity="drawn_rows",
            value=_again(drawn_rows),
            threshold=SAME,
        )
