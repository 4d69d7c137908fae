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

#: Metrics that compare an output with a threshold between 0 and 1.
_CUTTING = {"BinaryAccuracy", "BinaryIoU", "F1Score", "FBetaScore"}
#: Metrics that take their thresholds from 0 to 1 themselves.
_SCANNING = {"Precision", "Recall", "AUC", "PrecisionAtRecall", "RecallAtPrecision", "TruePositives", "FalsePositives"}


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


def _cut(metric: CompiledMetric) -> bool:
    threshold = metric.config.get("threshold")
    return metric.kind in _CUTTING and isinstance(threshold, int | float) and threshold > 0


def _scans(metric: CompiledMetric) -> bool:
    return metric.kind in _SCANNING and not metric.config.get("from_logits") and metric.config.get("thresholds") is None


def _asked(head: Head, compile: Compile) -> list[CompiledMetric]:
    return [
        metric
        for metric in compile.metrics
        if metric.builtin and metric.output in {None, head.name} and (_cut(metric) or _scans(metric))
    ]


def threshold_of_one_half(evidence: Evidence, heads: list[Head], compile: Compile) -> tuple[Status, Evidence]:
    """Whether a metric cuts the logits at a probability."""
    metrics = [metric for metric in _asked(head_at(evidence.where, heads), compile) if _cut(metric)]
    if not metrics:
        return Status.RULED_OUT, Evidence(_("no metric has a single threshold"), quantity="compile")
    statement = _("{name} ({kind}) cuts at {threshold:g}; a logit is undecided at 0").format(
        name=metrics[0].name, kind=metrics[0].kind, threshold=metrics[0].config["threshold"]
    )
    return Status.CONFIRMED, Evidence(statement, quantity="compile", value=float(metrics[0].config["threshold"]))


def thresholds_from_zero_to_one(evidence: Evidence, heads: list[Head], compile: Compile) -> tuple[Status, Evidence]:
    """Whether a metric tries thresholds of probabilities on logits."""
    metrics = [metric for metric in _asked(head_at(evidence.where, heads), compile) if _scans(metric)]
    if not metrics:
        return Status.RULED_OUT, Evidence(_("no metric takes thresholds from 0 to 1"), quantity="compile")
    statement = _("{name} ({kind}) expects probabilities").format(name=metrics[0].name, kind=metrics[0].kind)
    return Status.CONFIRMED, Evidence(statement, quantity="compile")


class MetricThresholdOnLogits(Rule):
    """A metric takes logits for probabilities.

    ## What it sees
    `from_logits=True` in the loss, a last layer without activation, and a metric that compares with a threshold
    between 0 and 1. A fact, known after the first epoch, when Keras has resolved "accuracy".

    ## How it is told apart
    One threshold above 0, as in binary accuracy: rows with a logit between 0 and it are counted as "no". Thresholds
    from 0 to 1, as in AUC, precision and recall: all logits above 1 are one.

    ## Remedies
    Sigmoid in the last layer; or `BinaryAccuracy(threshold=0.0)`, `AUC(from_logits=True)`.

    ## References
    tensorflow/tensorflow#42182, #37103; measured with Keras 3.15: .932 beside .980 of the same predictions.
    """

    family = "model"
    severity = Severity.WARNING
    message = _("A metric takes logits for probabilities: {statement}.")

    causes = (
        Cause(
            "threshold-of-one-half",
            _("it cuts at a probability"),
            threshold_of_one_half,
            (OutputActivation(loss="binary_crossentropy"),),
        ),
        Cause(
            "thresholds-from-zero-to-one",
            _("it tries thresholds from 0 to 1"),
            thresholds_from_zero_to_one,
            (OutputActivation(loss="binary_crossentropy"),),
        ),
    )
    examples = (Unhealthy(tumours_by_logits, confirms=("threshold-of-one-half",)), Healthy(tumours))

    def check(self, heads: list[Head], compile: Compile) -> Evidence | None:
        for head in heads:
            asked = _asked(head, compile)
            if asked and head.kind == "binary" and head.loss.from_logits and head.activation == "linear":
                statement = _("{name} is {kind}, and {layer} gives logits")
                return Evidence(
                    statement.format(name=asked[0].name, kind=asked[0].kind, layer=head.where),
                    quantity="compile",
                    where=head.where,
                )
        return None
