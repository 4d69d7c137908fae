"""`unshuffled-training`."""

from __future__ import annotations

from dataclasses import replace

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import piped_digits, shuffled_digits, sorted_digits, with_quantities
from kerasdoctor.locale import _
from kerasdoctor.quantities.drawn_labels import DrawnLabels
from kerasdoctor.quantities.row_order import RowOrder
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import Data, Fit, TrainingRecord
from kerasdoctor.remedies.full_shuffle import FullShuffle
from kerasdoctor.remedies.shuffled_training import ShuffledTraining
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy


def shuffle_false(fit: Fit, data: Data) -> tuple[Status, Evidence]:
    """Whether `fit` was told not to shuffle arrays."""
    if data.kind != "arrays":
        return Status.RULED_OUT, Evidence(_("Keras does not shuffle what is no array, whatever shuffle= says"))
    statement = _("fit was given shuffle=False") if not fit.shuffle else _("Keras shuffles these arrays")
    return (Status.RULED_OUT if fit.shuffle else Status.CONFIRMED), Evidence(statement, quantity="fit")


def pipeline_without_shuffle(data: Data) -> tuple[Status, Evidence]:
    """Whether nothing in the pipeline shuffles: Keras never does, of a PyDataset only the order of its batches."""
    if data.kind == "arrays":
        return Status.RULED_OUT, Evidence(_("the data are arrays"), quantity="data")
    if data.pipeline:
        names = ", ".join(step.kind for step in data.pipeline)
        shuffles = any(step.kind == "shuffle" for step in data.pipeline)
        return (Status.RULED_OUT if shuffles else Status.CONFIRMED), Evidence(
            _("the steps of the pipeline are {names}").format(names=names), quantity="data"
        )
    if data.kind in {"generator", "py_dataset"}:
        return Status.CONFIRMED, Evidence(
            _("the rows come from a {kind}, inside whose batches Keras never shuffles").format(kind=data.kind),
            quantity="data",
        )
    return Status.POSSIBLE, Evidence(_("not measured: the steps of this pipeline cannot be read"))


def _sorted_and_unshuffled() -> TrainingRecord:
    """Digits in the order of their labels, trained with shuffle=False, validated on a random part of them."""
    record = shuffled_digits()
    record.fit = replace(record.fit, shuffle=False, validation_split=0.0)
    record.data = replace(
        record.data, containers={**record.data.containers, "validation_data": "tuple"}, validation_kind="arrays"
    )
    history = {
        "accuracy": "0.0 0.152 0.272 0.425 0.510 0.563 0.657 0.704 0.747 0.770 0.795 0.832 0.857 0.875 0.896 0.906 "
        "0.912 0.921 0.930 0.934",
        "loss": "2.479 2.253 2.158 1.983 1.745 1.466 1.169 0.954 0.807 0.684 0.597 0.519 0.460 0.410 0.368 0.332 0.302 "
        "0.276 0.253 0.233",
        "val_accuracy": "0.250 0.494 0.678 0.683 0.728 0.772 0.836 0.883 0.908 0.911 0.919 0.939 0.950 0.961 0.967 "
        "0.969 0.969 0.975 0.975 0.978",
        "val_loss": "2.216 2.105 1.912 1.622 1.288 0.982 0.751 0.597 0.496 0.416 0.361 0.315 0.280 0.249 0.225 0.204 "
        "0.187 0.172 0.158 0.147",
    }
    record.history = {key: [float(value) for value in series.split()] for key, series in history.items()}
    if record.source is not None:
        record.source = replace(
            record.source,
            call="model.fit(x, y, validation_data=held_out, shuffle=False, epochs=20)",
            arguments={"x": "x", "y": "y", "validation_data": "held_out", "shuffle": "False", "epochs": "20"},
        )
    labels = record.quantities["split_labels"]
    return with_quantities(
        record,
        split_labels=replace(labels, source="validation_data"),
        row_order=sorted_digits().quantities["row_order"],
    )


def _sorted_pipeline() -> TrainingRecord:
    record = piped_digits(shuffled=False)
    parts = record.quantities["drawn_labels"].parts
    parts["train"] = replace(parts["train"], distinct=54)
    return record


def _random_order_and_unshuffled() -> TrainingRecord:
    """shuffle=False on rows that are in random order already."""
    record = shuffled_digits()
    record.fit = replace(record.fit, shuffle=False)
    return record


class UnshuffledTraining(Rule):
    """The training rows come in the order of their labels, so that a batch holds hardly more than one class.

    ## What it sees
    Batches with far fewer labels than the same rows would give in a random order (under 60 %), counted in what Keras
    draws from a pipeline, or computed from the order of arrays that are trained with `shuffle=False`. Rows that are in
    random order already need no shuffle and do not alarm, nor do series with continuous targets.

    ## How it is told apart
    Arrays with `shuffle=False`; a pipeline without a `shuffle` step, or a generator: of these Keras shuffles nothing
    and says so in a warning that is easily lost. A shuffle with too small a buffer is `small-shuffle-buffer`.

    ## Remedies
    Keras's default for arrays; in a pipeline a `shuffle` with a buffer of all rows before `batch`, or rows that were
    mixed when they were written.

    ## References
    Keras's documentation of `shuffle` ("ignored when `x` is a generator or a tf.data.Dataset"). Measured: five sorted
    classes trained unshuffled have batch losses that correlate by .54 with the one before, and three times the loss in
    the worst batch of the last epoch.
    """

    family = "data"
    severity = Severity.WARNING
    message = _("The training rows are not mixed: {statement}.")

    causes = (
        Cause("shuffle-false", _("fit was told not to shuffle"), examine=shuffle_false, remedies=(ShuffledTraining(),)),
        Cause(
            "pipeline-without-shuffle",
            _("nothing in the pipeline shuffles"),
            examine=pipeline_without_shuffle,
            remedies=(FullShuffle(),),
        ),
    )

    examples = (
        Unhealthy(_sorted_and_unshuffled, confirms=("shuffle-false",)),
        Unhealthy(_sorted_pipeline, confirms=("pipeline-without-shuffle",)),
        Healthy(_random_order_and_unshuffled),
        Healthy(piped_digits),
    )

    def check(
        self,
        data: Data,
        fit: Fit,
        drawn_labels: DrawnLabels | None = None,
        row_order: RowOrder | None = None,
        split_labels: SplitLabels | None = None,
    ) -> Evidence | None:
        if data.kind == "arrays":
            if fit.shuffle:
                return None
            if row_order is None or split_labels is None:
                raise NotMeasured("row_order")
            near = row_order.neighbour_distance
            if row_order.time_ordered or (near is not None and near < 0.5) or split_labels.kind != "classes":
                return None
            found = statistics.mixing(
                list(split_labels.train.values()), fit.batch_size or 32, equal=row_order.equal_neighbours
            )
        else:
            if any(step.kind == "shuffle" for step in data.pipeline):
                return None
            if drawn_labels is None:
                raise NotMeasured("drawn_labels")
            train, validation = drawn_labels.parts.get("train"), drawn_labels.parts.get("validation")
            found = None
            if train is not None:
                counts = {} if validation is None else validation.counts
                found = statistics.drawn_mixing(train.counts, train.batches, train.distinct, counts)
        if found is None or not found.is_clumped:
            return None
        return Evidence(
            _("a batch holds {found:.1f} labels on average; in a random order it would hold {expected:.1f}").format(
                found=found.labels, expected=found.expected
            ),
            quantity="row_order" if data.kind == "arrays" else "drawn_labels",
            value=found.labels,
            threshold=statistics.CLUMPED * found.expected,
        )
