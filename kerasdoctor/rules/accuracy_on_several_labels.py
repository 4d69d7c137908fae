"""`accuracy-on-several-labels`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, with_head
from kerasdoctor.heads import Head, head_at
from kerasdoctor.locale import _
from kerasdoctor.record import Compile, CompiledMetric, Loss, TrainingRecord
from kerasdoctor.remedies.label_metrics import LabelMetrics
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Share of ones below which guessing "none" is right nearly always: one class in ten, the usual bound of imbalance.
RARE = 0.1
#: Share of the rows with two labels or none that makes it a task of several labels.
SHARE = 0.01


def accuracy_of_tags() -> TrainingRecord:
    """Ten labels, one in twelve of them set, measured by "binary_accuracy"."""
    y = (np.random.default_rng(0).random((1797, 10)) < 0.08).astype(int)
    return with_head(
        shuffled_digits(),
        activation="sigmoid",
        loss=Loss(name="binary_crossentropy", by_name=True),
        y=y,
        metrics=(CompiledMetric(name="binary_accuracy", kind="BinaryAccuracy", config={"threshold": 0.5}),),
        history={
            "loss": "0.468 0.289 0.286 0.285 0.284",
            "val_loss": "0.296 0.285 0.285 0.285 0.286",
            "binary_accuracy": "0.846 0.918 0.918 0.918 0.918",
            "val_binary_accuracy": "0.919 0.919 0.919 0.919 0.919",
        },
    )


def _ones(head: Head) -> float:
    ones = sum(form.values.get("1", 0) + form.values.get("1.0", 0) for form in head.forms)
    return ones / max(1, sum(form.counted for form in head.forms))


def rare_labels(evidence: Evidence, heads: list[Head], compile: Compile) -> tuple[Status, Evidence]:
    """Whether "no label at all" is nearly always right."""
    head = head_at(evidence.where, heads)
    share = _ones(head)
    statement = _("{share:.1%} of the labels are set: predicting none is right in {none:.1%}").format(
        share=share, none=1 - share
    )
    found = Evidence(statement, quantity="target_form", where=head.where, value=share, threshold=RARE)
    counted = any(metric.kind == "BinaryAccuracy" for metric in _asked(head, compile))
    return (Status.CONFIRMED if counted and share < RARE else Status.RULED_OUT), found


def exact_match_expected(evidence: Evidence, heads: list[Head], compile: Compile) -> tuple[Status, Evidence]:
    """Whether the metric compares one label of each row alone."""
    head = head_at(evidence.where, heads)
    kinds = [metric.kind for metric in _asked(head, compile)]
    one = [kind for kind in kinds if kind != "BinaryAccuracy"]
    statement = _("the metric is {kinds}").format(kinds=", ".join(kinds))
    return (Status.CONFIRMED if one else Status.RULED_OUT), Evidence(statement, quantity="compile", where=head.where)


def _asked(head: Head, compile: Compile) -> list[CompiledMetric]:
    kinds = {"BinaryAccuracy", "CategoricalAccuracy", "Accuracy"}
    return [metric for metric in compile.metrics if metric.kind in kinds and metric.output in {None, head.name}]


class AccuracyOnSeveralLabels(Rule):
    """An accuracy judges rows that may have several labels.

    ## What it sees
    Targets of zeros and ones with several ones in a row, or none, and an accuracy among the metrics; for binary
    accuracy also less than a tenth of the labels set. A fact, known after the first epoch, when Keras has resolved
    "accuracy". Under softmax the last layer is the fault, not the metric: see `softmax-for-several-labels`.

    ## How it is told apart
    Binary accuracy of rare labels: the share of zeros, whatever the network does. Categorical accuracy: it looks at
    the largest output of a row and at one of its labels.

    ## Remedies
    The area under the precision-recall curve of all labels, and precision and recall.

    ## References
    keras-team/keras#5335, #741, #5210; Saito and Rehmsmeier (2015), The precision-recall plot is more informative.
    """

    family = "model"
    severity = Severity.WARNING
    message = _("The accuracy flatters or hides what is learned: {statement}.")

    causes = (
        Cause("rare-labels", _("nearly all labels are 0"), rare_labels, (LabelMetrics(),)),
        Cause("exact-match-expected", _("it compares one label of each row"), exact_match_expected, (LabelMetrics(),)),
    )
    examples = (Unhealthy(accuracy_of_tags, confirms=("rare-labels",)), Healthy(shuffled_digits))

    def check(self, heads: list[Head], compile: Compile) -> Evidence | None:
        for head in heads:
            rows = sum(form.positions for form in head.forms)
            several = sum(form.several for form in head.forms)
            asked = _asked(head, compile)
            if not asked or not rows or (head.units or 1) < 2 or several < SHARE * rows:
                continue
            if any(form.soft or form.other for form in head.forms) or head.activation == "softmax":
                # `softmax-for-several-labels`: with the loss for several labels "accuracy" becomes another metric
                continue
            rare = _ones(head) < RARE
            told = [metric for metric in asked if metric.kind != "BinaryAccuracy" or rare]
            if told:
                statement = _("{metric} is {kind}, and {share:.0%} of the rows have several labels")
                return Evidence(
                    statement.format(metric=told[0].name, kind=told[0].kind, share=several / rows),
                    quantity="target_form",
                    where=head.where,
                    value=several / rows,
                    threshold=SHARE,
                )
        return None
