"""`leaking-split`."""

from __future__ import annotations

from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import piped_digits, with_quantities
from kerasdoctor.locale import _
from kerasdoctor.quantities.drawn_rows import DrawnRows
from kerasdoctor.record import Data, PipelineStep, TrainingRecord
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Share of the rows drawn to validate, and rows, that were drawn to train: real overlaps are 10 % to 90 %.
LEAST, FEWEST = 0.05, 10


def _split_behind_shuffle(steps: tuple[PipelineStep, ...]) -> tuple[PipelineStep, PipelineStep] | None:
    """A shuffle that is done anew in every pass, and the `take` or `skip` behind it."""
    shuffle = None
    for step in steps:
        if step.kind == "shuffle":
            anew = step.settings.get("reshuffle_each_iteration")
            shuffle = None if anew is False else step
        elif step.kind == "cache":
            # what is kept has one order
            shuffle = None
        elif step.kind in {"take", "skip"} and shuffle is not None:
            return shuffle, step
    return None


def _reshuffled(data: Data) -> tuple[PipelineStep, PipelineStep] | None:
    """The `take` and `skip` that were to part one source, both behind a shuffle of its rows; None where not so."""
    train, validation = _split_behind_shuffle(data.pipeline), _split_behind_shuffle(data.validation_pipeline)
    if train is None or validation is None:
        return None
    one, other = train[1], validation[1]
    if {one.kind, other.kind} != {"take", "skip"} or one.settings.get("count") != other.settings.get("count"):
        return None
    # of the same number of rows, before the shuffle
    same = train[0].elements == validation[0].elements and data.pipeline[0].kind == data.validation_pipeline[0].kind
    return (one, other) if same else None


def _shares_rows(rows: DrawnRows | None) -> bool:
    if rows is None or not rows.validation:
        return False
    by_chance = 2 * rows.validation * rows.repeated / max(rows.train, 1)
    return rows.shared >= max(FEWEST, LEAST * rows.validation, 2 * by_chance)


def _shares_windows(rows: DrawnRows | None) -> bool:
    return rows is not None and rows.overlapping >= max(FEWEST, 0.1 * rows.validation)


def reshuffled_before_take(data: Data) -> tuple[Status, Evidence]:
    """Whether `take` and `skip` stand behind a shuffle that draws another order in every pass."""
    found = _reshuffled(data)
    if found is not None:
        return Status.CONFIRMED, Evidence(
            _(
                "{train}({count}) trains and {validation}({count}) validates, both behind a shuffle with "
                "reshuffle_each_iteration=True: every pass parts the rows anew"
            ).format(train=found[0].kind, validation=found[1].kind, count=found[0].settings.get("count")),
            quantity="data",
        )
    if not data.pipeline or not data.validation_pipeline:
        return Status.POSSIBLE, Evidence(_("not measured: the steps of this pipeline cannot be read"))
    return Status.RULED_OUT, Evidence(
        _("no `take` and `skip` part the rows behind a shuffle that is done anew"), quantity="data"
    )


def shuffled_windows(drawn_rows: DrawnRows) -> tuple[Status, Evidence]:
    """Whether windows of a series were shuffled before the split: neighbours share all values but one."""
    statement = _("{found:,} of {validation:,} rows drawn to validate are a training row moved by one place")
    return (Status.CONFIRMED if _shares_windows(drawn_rows) else Status.RULED_OUT), Evidence(
        statement.format(found=drawn_rows.overlapping, validation=drawn_rows.validation),
        quantity="drawn_rows",
        value=float(drawn_rows.overlapping),
        threshold=max(FEWEST, 0.1 * drawn_rows.validation),
    )


def _reshuffled_digits() -> TrainingRecord:
    """`ds.shuffle(1797)`, of which `take(1437)` trains and `skip(1437)` validates: the worst of both."""
    record = piped_digits()
    source = PipelineStep(kind="from_tensor_slices", elements=1797)
    shuffle = PipelineStep(
        kind="shuffle", settings={"buffer_size": 1797, "reshuffle_each_iteration": True}, elements=1797
    )
    batch = record.data.pipeline[-1]
    record.data = replace(
        record.data,
        pipeline=(source, shuffle, PipelineStep(kind="take", settings={"count": 1437}, elements=1437), batch),
        validation_pipeline=(
            source,
            shuffle,
            PipelineStep(kind="skip", settings={"count": 1437}, elements=360),
            replace(batch, elements=12),
        ),
    )
    rows = record.quantities["drawn_rows"]
    return with_quantities(
        record,
        # both epochs together train on nearly all rows
        drawn_rows=replace(
            rows, train=1726, validation=360, shared=345, validation_again=68, same_inputs=0, same_targets=0
        ),
    )


class LeakingSplit(Rule):
    """A pipeline hands rows to the validation that it also hands to the training.

    ## What it sees
    In the steps of the two `tf.data` pipelines: a `take` and a `skip` of one number, both behind a shuffle that draws
    a new order in every pass (`reshuffle_each_iteration` is True unless you say otherwise). Or in the rows that Keras
    draws in the first two epochs, compared by hashes: one in twenty of those that validate was drawn to train as well,
    or one in ten is such a row moved by one place.

    ## How it is told apart
    By the steps of the pipeline, and by what is shared: whole rows, or overlapping windows of a series that were
    shuffled before they were split.

    ## Remedies
    Part the rows first, then shuffle the training part alone; or shuffle once with
    `reshuffle_each_iteration=False` and a seed before the split. Windows of a series are split in time.

    ## References
    tensorflow/tensorflow#59279 and pull request #62782. Measured: of 200 validation rows behind such a shuffle of
    1,000, 165 were in the training part of the same epoch; with `reshuffle_each_iteration=False` none.
    """

    family = "data"
    severity = Severity.ERROR
    message = _("Rows that validate are trained on: {statement}.")

    causes = (
        Cause(
            "reshuffled-before-take",
            _("the split stands behind a shuffle that is done anew in every pass; part the rows before it"),
            examine=reshuffled_before_take,
        ),
        Cause(
            "shuffled-windows",
            _("overlapping windows of a series were shuffled before the split; part the series first"),
            examine=shuffled_windows,
        ),
    )

    examples = (Unhealthy(_reshuffled_digits, confirms=("reshuffled-before-take",)), Healthy(piped_digits))

    def check(self, data: Data, drawn_rows: DrawnRows | None = None) -> Evidence | None:
        if not data.pipeline and drawn_rows is None:
            raise NotMeasured("drawn_rows")
        if drawn_rows is not None and _shares_rows(drawn_rows):
            return Evidence(
                _("{shared:,} of the {validation:,} rows drawn to validate were drawn to train as well").format(
                    shared=drawn_rows.shared, validation=drawn_rows.validation
                ),
                quantity="drawn_rows",
                value=drawn_rows.shared / max(drawn_rows.validation, 1),
                threshold=LEAST,
            )
        if drawn_rows is not None and _shares_windows(drawn_rows):
            return Evidence(
                _(
                    "{found:,} of the {validation:,} rows drawn to validate are a training row moved by one place"
                ).format(found=drawn_rows.overlapping, validation=drawn_rows.validation),
                quantity="drawn_rows",
                value=drawn_rows.overlapping / max(drawn_rows.validation, 1),
                threshold=0.1,
            )
        found = _reshuffled(data)
        if found is None:
            return None
        return Evidence(
            _("{train} and {validation} part the rows behind a shuffle, which draws a new order for every pass").format(
                train=found[0].kind, validation=found[1].kind
            ),
            quantity="data",
        )
