"""`metric-threshold-on-logits`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

from dataclasses import replace

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import tumours, with_head
from kerasdoctor.heads import Head, head_at
from kerasdoctor.locale import _
from kerasdoctor.record import Compile, CompiledMetric, TrainingRecord
from kerasdoctor.remedies.output_activation import OutputActivation
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Metrics that compare an output with one `threshold`.
_CUTTING = {"BinaryAccuracy", "BinaryIoU", "F1Score", "FBetaScore"}
#: Metrics that compare an output with their `thresholds`: with 0.5 alone where none are given.
_COUNTING = {"Precision", "Recall", "TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives"}
#: Metrics that take their thresholds from 0 to 1 themselves.
_SCANNING = {
    *("AUC", "PrecisionAtRecall", "RecallAtPrecision"),
    *("SensitivityAtSpecificity", "SpecificityAtSensitivity"),
}


def tumours_by_logits() -> TrainingRecord:
    """Tumours with `from_logits=True`, measured by "accuracy"."""
    record = tumours()
    loss = replace(record.compile.losses[0], from_logits=True, by_name=False, config={"from_logits": True})
    return with_head(
        record,
        activation="linear",
        loss=loss,
        history={
            "loss": "1.023 0.751 0.572 0.461 0.388 0.336 0.296 0.266 0.241 0.220",
            "val_loss": "0.837 0.609 0.472 0.386 0.329 0.288 0.257 0.234 0.215 0.200",
            "accuracy": "0.356 0.380 0.484 0.626 0.716 0.776 0.824 0.851 0.873 0.886",
            "val_accuracy": "0.412 0.439 0.632 0.728 0.772 0.825 0.895 0.921 0.921 0.930",
        },
        metrics=(CompiledMetric(name="accuracy", kind="BinaryAccuracy", config={"threshold": 0.5}),),
    )


def _cut(metric: CompiledMetric) -> float | None:
    """The one threshold above 0 that a metric compares with."""
    threshold = metric.config.get("threshold") if metric.kind in _CUTTING else None
    # the largest outputs of a row are above any threshold
    if metric.kind in _COUNTING and metric.config.get("top_k") is None:
        threshold = metric.config.get("thresholds")
        if threshold is None:
            threshold = 0.5
        elif isinstance(threshold, list) and len(threshold) == 1:
            threshold = threshold[0]
    return float(threshold) if isinstance(threshold, int | float) and threshold > 0 else None


def _scans(metric: CompiledMetric) -> bool:
    return metric.kind in _SCANNING and not metric.config.get("from_logits")


def _asked(head: Head, compile: Compile) -> list[CompiledMetric]:
    return [
        metric
        for metric in compile.metrics
        if metric.builtin and metric.output in {None, head.name} and (_cut(metric) is not None or _scans(metric))
    ]


def threshold_of_one_half(evidence: Evidence, heads: list[Head], compile: Compile) -> tuple[Status, Evidence]:
    """Whether a metric cuts the logits at a probability."""
    asked = _asked(head_at(evidence.where, heads), compile)
    cuts = [(metric, cut) for metric in asked if (cut := _cut(metric)) is not None]
    if not cuts:
        return Status.RULED_OUT, Evidence(_("no metric has a single threshold"), quantity="compile")
    metric, cut = cuts[0]
    statement = _(
        "{name} ({kind}) takes an output above {threshold:g} for class 1, and with logits class 1 begins at 0: those "
        "between count as class 0"
    ).format(name=metric.name, kind=metric.kind, threshold=cut)
    return Status.CONFIRMED, Evidence(statement, quantity="compile", value=cut)


def thresholds_from_zero_to_one(evidence: Evidence, heads: list[Head], compile: Compile) -> tuple[Status, Evidence]:
    """Whether a metric tries thresholds of probabilities on logits."""
    metrics = [metric for metric in _asked(head_at(evidence.where, heads), compile) if _scans(metric)]
    if not metrics:
        return Status.RULED_OUT, Evidence(_("no metric tries thresholds from 0 to 1"), quantity="compile")
    statement = _(
        "{name} ({kind}) tries thresholds from 0 to 1 only, and cannot tell apart the logits above 1, nor those below 0"
    ).format(name=metrics[0].name, kind=metrics[0].kind)
    return Status.CONFIRMED, Evidence(statement, quantity="compile")


class MetricThresholdOnLogits(Rule):
    """A metric takes logits for probabilities.

    ## What it sees
    `from_logits=True` in the loss, a last layer without activation, and a metric that compares with a threshold
    between 0 and 1. A fact, known after the first epoch, when Keras has resolved "accuracy". A logit is any number:
    sigmoid makes a probability of it, 0.5 of 0. The loss is told so by `from_logits=True`, a metric is not.

    ## How it is told apart
    One threshold above 0, 0.5 by default, as in binary accuracy, precision and recall: rows with a logit between 0
    and it are counted as class 0. Thresholds from 0 to 1, as in AUC: all logits above 1 are one, and all below 0.

    ## Remedies
    Sigmoid in the last layer; or `BinaryAccuracy(threshold=0.0)`, `Precision(thresholds=0.0)`,
    `AUC(from_logits=True)`.

    ## References
    tensorflow/tensorflow#42182, #37103; measured with Keras 3.15: .932 beside .980 of the same predictions.
    """

    family = "model"
    severity = Severity.WARNING
    message = _("A metric takes logits for probabilities: {statement}.")

    causes = (
        Cause(
            "threshold-of-one-half",
            _("it compares logits with a threshold for probabilities"),
            threshold_of_one_half,
            (OutputActivation(loss="binary_crossentropy"),),
        ),
        Cause(
            "thresholds-from-zero-to-one",
            _("it tries thresholds from 0 to 1, where probabilities lie"),
            thresholds_from_zero_to_one,
            (OutputActivation(loss="binary_crossentropy"),),
        ),
    )
    examples = (Unhealthy(tumours_by_logits, confirms=("threshold-of-one-half",)), Healthy(tumours))

    def check(self, heads: list[Head], compile: Compile) -> Evidence | None:
        for head in heads:
            asked = _asked(head, compile)
            if asked and head.kind == "binary" and head.loss.from_logits and head.activation == "linear":
                statement = _(
                    "{name} ({kind}) expects probabilities, and {layer} gives logits: any number, which sigmoid would "
                    "make a probability of"
                )
                return Evidence(
                    statement.format(name=asked[0].name, kind=asked[0].kind, layer=head.where),
                    quantity="compile",
                    where=head.where,
                )
        return None
