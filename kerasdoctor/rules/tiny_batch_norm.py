"""`tiny-batch-norm`."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, with_batch_norm
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_norm_variance import BatchNormVariance
from kerasdoctor.record import Data, Fit, Layer, Model, TrainingRecord
from kerasdoctor.remedies.larger_batch import LargerBatch
from kerasdoctor.remedies.layer_for_batch_norm import LayerForBatchNorm
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Rows whose variance is known to no better than 82 %: sqrt(2 / (n - 1)). On 200 rows batches of 2 trained to an
#: accuracy of .77 (validated: .92), batches of 32 to .99 (.97).
FEW = 4
#: The same for feature maps, whose positions count too, though not as independent ones.
FEW_MAPS = 2


def batches_of_few_rows(
    evidence: Evidence, batch_norm_variance: BatchNormVariance | None = None
) -> tuple[Status, Evidence]:
    """How uncertain the variance of so few rows is."""
    rows = evidence.value or 1.0
    if rows <= 1:
        statement = _("each row is a batch by itself")
    else:
        statement = _("the variance of {rows:.0f} rows is uncertain by {error:.0%}: sqrt(2 / ({rows:.0f} - 1))").format(
            rows=rows, error=math.sqrt(2 / (rows - 1))
        )
    if batch_norm_variance is not None and evidence.where in batch_norm_variance.columns:
        ratio = float(batch_norm_variance.mean[-1, batch_norm_variance.columns.index(evidence.where)])
        if math.isfinite(ratio):
            statement += _(
                "; the variance of the validation rows is {ratio:.2g} times the one that the layer holds"
            ).format(ratio=ratio)
    return Status.CONFIRMED, Evidence(statement, quantity="fit", where=evidence.where, value=rows)


def single_rows(evidence: Evidence, model: Model) -> tuple[Status, Evidence]:
    """Whether a batch has one value per feature, whose variance is 0."""
    layer = next((layer for layer in model.layers if layer.path == evidence.where), None)
    if evidence.value == 1 and layer is not None and not _maps(layer):
        statement = _("the variance of one value is 0: in training {name} puts out its beta, whatever it is given")
        return Status.CONFIRMED, Evidence(statement.format(name=layer.name), quantity="fit", value=0.0)
    statement = _("more than one value of each feature is in a batch")
    return Status.RULED_OUT, Evidence(statement, quantity="fit", value=evidence.value)


def pairs() -> TrainingRecord:
    """240 digits with batch normalization in batches of two."""
    record = with_batch_norm(shuffled_digits(), steps=120, shift=0.7, variance=3.57)
    record.fit = replace(record.fit, batch_size=2)
    record.data = replace(record.data, n_train=240, n_validation=60)
    return record


def batches_of_32() -> TrainingRecord:
    """Digits with batch normalization in batches of 32: a healthy run."""
    return with_batch_norm(shuffled_digits(), steps=45, shift=0.06, variance=1.09)


class TinyBatchNorm(Rule):
    """A batch normalization normalizes by the mean and variance of very few rows.

    ## What it sees
    A fact of the settings: a trainable BatchNormalization, and batches of four rows or fewer; of two or fewer where
    it normalizes feature maps, whose positions count as well. Under a strategy for several devices the batch of one
    device counts, which is smaller still.

    ## How it is told apart
    Few rows: the variance of n rows is uncertain by sqrt(2 / (n - 1)), 82 % for four. Single rows: the variance is 0
    and the layer passes nothing on while it trains.

    ## Remedies
    Larger batches. Where memory forbids them: LayerNormalization or GroupNormalization in its place, which do not look
    across rows, or synchronized=True on several devices.

    ## References
    Wu and He (2018), Group normalization; keras-team/keras#3366, #12851; Google, Deep Learning Tuning Playbook.
    """

    family = "generalization"
    severity = Severity.WARNING
    message = _("Batch normalization over too few rows: {statement}.")

    causes = (
        Cause(
            "batches-of-few-rows",
            _("the statistics of a batch are mostly chance"),
            examine=batches_of_few_rows,
            remedies=(LargerBatch(16), LayerForBatchNorm()),
        ),
        Cause(
            "single-rows",
            _("one row has no variance"),
            examine=single_rows,
            remedies=(LargerBatch(32), LayerForBatchNorm()),
        ),
    )

    examples = (Unhealthy(pairs, confirms=("batches-of-few-rows",)), Healthy(batches_of_32))

    def check(self, model: Model, fit: Fit, data: Data) -> Evidence | None:
        layers = [layer for layer in model.layers if layer.kind == "BatchNormalization" and layer.trainable]
        if not layers:
            return None
        size = fit.batch_size or _pipeline_batch(data)
        if size is None:
            raise NotMeasured(_("the number of rows in a batch"))
        few = [layer for layer in layers if size <= (FEW_MAPS if _maps(layer) else FEW)]
        if not few:
            return None
        statement = _("layers of BatchNormalization that see batches of {size} rows: {count}, {name} the first")
        return Evidence(
            statement.format(count=len(few), name=few[0].name, size=size),
            quantity="fit",
            where=few[0].path,
            value=float(size),
            threshold=float(FEW_MAPS if _maps(few[0]) else FEW),
        )


def _maps(layer: Layer) -> bool:
    """Whether the layer normalizes over positions too."""
    return layer.output_shape is None or len(layer.output_shape) > 1


def _pipeline_batch(data: Data) -> int | None:
    """Rows of a batch of a pipeline; None where it is batched more than once or not at all."""
    sizes = [step.settings.get("batch_size") for step in data.pipeline if "batch" in step.kind]
    return int(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], int | np.integer) else None
