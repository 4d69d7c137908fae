"""`small-shuffle-buffer`."""

from __future__ import annotations

from dataclasses import replace

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import piped_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.drawn_labels import DrawnLabels
from kerasdoctor.record import Data, PipelineStep, TrainingRecord
from kerasdoctor.remedies.full_shuffle import FullShuffle
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy


def _shuffle(data: Data) -> tuple[PipelineStep, PipelineStep | None, bool] | None:
    """The last shuffle, the step before it, and whether a batch comes before it."""
    for place in range(len(data.pipeline) - 1, -1, -1):
        if data.pipeline[place].kind == "shuffle":
            before = data.pipeline[:place]
            batched = any(step.kind in {"batch", "padded_batch"} for step in before)
            # what is taken apart again is rows
            batched = batched and not any(step.kind == "unbatch" for step in before)
            return data.pipeline[place], before[-1] if before else None, batched
    return None


def buffer_below_data(data: Data) -> tuple[Status, Evidence]:
    """Whether the buffer holds fewer rows than there are: a row moves forward by no more than the buffer."""
    found = _shuffle(data)
    if found is None:
        return Status.RULED_OUT, Evidence(_("nothing in the pipeline shuffles"), quantity="data")
    shuffle, before, _batched = found
    size, elements = shuffle.settings.get("buffer_size"), None if before is None else before.elements
    if not isinstance(size, int) or elements is None or elements < 0:
        return Status.POSSIBLE, Evidence(_("not measured: the pipeline does not tell how many rows there are"))
    return (Status.CONFIRMED if size < elements else Status.RULED_OUT), Evidence(
        _("the buffer holds {size:,} of {elements:,} elements").format(size=size, elements=elements),
        quantity="data",
        value=float(size),
        threshold=float(elements),
    )


def batch_before_shuffle(data: Data) -> tuple[Status, Evidence]:
    """Whether whole batches are shuffled, whose rows stay together."""
    found = _shuffle(data)
    batched = found is not None and found[2]
    names = ", ".join(step.kind for step in data.pipeline)
    return (Status.CONFIRMED if batched else Status.RULED_OUT), Evidence(
        _("the steps of the pipeline are {names}").format(names=names), quantity="data"
    )


def _with_shuffle(buffer: int, *, behind_batch: bool, distinct: int) -> TrainingRecord:
    record = piped_digits()
    source, shuffle, batch = record.data.pipeline
    shuffle = replace(shuffle, settings={**shuffle.settings, "buffer_size": buffer})
    steps = (source, batch, replace(shuffle, elements=batch.elements)) if behind_batch else (source, shuffle, batch)
    record.data = replace(record.data, pipeline=steps)
    parts = record.quantities["drawn_labels"].parts
    parts["train"] = replace(parts["train"], distinct=distinct)
    return record


def _small_buffer() -> TrainingRecord:
    """Sorted digits, a buffer of 64 rows."""
    return _with_shuffle(64, behind_batch=False, distinct=117)


def _shuffled_batches() -> TrainingRecord:
    """Sorted digits, batched before they are shuffled."""
    return _with_shuffle(1437, behind_batch=True, distinct=54)


def _small_buffer_of_mixed_rows() -> TrainingRecord:
    """A buffer of 64 rows, of a file in random order."""
    return _with_shuffle(64, behind_batch=False, distinct=436)


class SmallShuffleBuffer(Rule):
    """The pipeline shuffles, and its batches are as unmixed as without.

    ## What it sees
    A `shuffle` step, and batches with far fewer labels than the same rows would give in a random order (under 60 %).
    A small buffer over rows that are mixed already does no harm and does not alarm.

    ## How it is told apart
    A buffer that holds fewer elements than there are: each row moves forward by no more than the buffer's size. A
    `batch` before the `shuffle`: whole batches change places, and their rows stay together.

    ## Remedies
    `ds.shuffle(ds.cardinality())` before `batch`; or, where that does not fit into memory, shuffled file names and
    `interleave`, or files that were written in a random order.

    ## References
    The documentation of `tf.data.Dataset.shuffle` (a buffer of all elements for a perfect shuffle). Measured:
    `range(10000).shuffle(100)` takes its first 200 elements from the first 295. tensorflow/tensorflow#50426 (the order
    of shuffle and batch).
    """

    family = "data"
    severity = Severity.WARNING
    message = _("The shuffle does not mix the training rows: {statement}.")

    causes = (
        Cause("batch-before-shuffle", _("whole batches are shuffled"), batch_before_shuffle, (FullShuffle(),)),
        Cause("buffer-below-data", _("the buffer is smaller than the data"), buffer_below_data, (FullShuffle(),)),
    )

    examples = (
        Unhealthy(_small_buffer, confirms=("buffer-below-data",)),
        Unhealthy(_shuffled_batches, confirms=("batch-before-shuffle",)),
        Healthy(_small_buffer_of_mixed_rows),
    )

    def check(self, data: Data, drawn_labels: DrawnLabels) -> Evidence | None:
        if _shuffle(data) is None or "train" not in drawn_labels.parts:
            return None
        train, validation = drawn_labels.parts["train"], drawn_labels.parts.get("validation")
        others = {} if validation is None else validation.counts
        found = statistics.drawn_mixing(train.counts, train.batches, train.distinct, others)
        if found is None or not found.is_clumped:
            return None
        return Evidence(
            _("a batch holds {found:.1f} labels on average; in a random order it would hold {expected:.1f}").format(
                found=found.labels, expected=found.expected
            ),
            quantity="drawn_labels",
            value=found.labels,
            threshold=statistics.CLUMPED * found.expected,
        )
