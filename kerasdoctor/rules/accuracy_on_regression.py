"""`accuracy-on-regression`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, with_head
from kerasdoctor.heads import Head, head_at
from kerasdoctor.locale import _
from kerasdoctor.record import Compile, CompiledMetric, Loss, TrainingRecord
from kerasdoctor.remedies.class_outputs import ClassOutputs
from kerasdoctor.remedies.error_metrics import ErrorMetrics
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: More different values than this are a quantity and no classes.
MOST_CLASSES = 20


def accuracy_of_amounts() -> TrainingRecord:
    """A regression that is told the share of predictions that are exactly right."""
    return with_head(
        shuffled_digits(),
        units=1,
        activation="linear",
        loss=Loss(name="mean_squared_error", by_name=True),
        y=np.linspace(-1, 2, 1797),
        metrics=(CompiledMetric(name="accuracy", kind="BinaryAccuracy"),),
        history={
            "loss": "0.626 0.478 0.355 0.270 0.214",
            "val_loss": "0.524 0.415 0.324 0.276 0.235",
            "accuracy": "0.000 0.000 0.000 0.000 0.000",
            "val_accuracy": "0.000 0.000 0.000 0.000 0.000",
        },
    )


def continuous_target(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether the target is an amount."""
    head = head_at(evidence.where, heads)
    distinct = len({number for form in head.forms for number in form.numbers})
    statement = (
        _("the target has {count} different values").format(count=distinct)
        if distinct
        else _("the target has more than 256 different values")
    )
    status = Status.RULED_OUT if _is_class(head) else Status.CONFIRMED
    return status, Evidence(statement, quantity="target_form", where=head.where, value=float(distinct or 257))


def classes_as_numbers(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether the target is the number of a class."""
    head = head_at(evidence.where, heads)
    numbers = sorted({number for form in head.forms for number in form.numbers})
    if not _is_class(head):
        return Status.RULED_OUT, Evidence(
            _("the target is not a choice of a few whole numbers"), quantity="target_form"
        )
    statement = _("the target is one of {count} whole numbers, {low:g} to {high:g}, and {loss} takes it for an amount")
    return Status.CONFIRMED, Evidence(
        statement.format(count=len(numbers), low=numbers[0], high=numbers[-1], loss=head.loss.name),
        quantity="target_form",
        where=head.where,
        value=float(len(numbers)),
        threshold=float(MOST_CLASSES),
    )


def _is_class(head: Head) -> bool:
    numbers = {number for form in head.forms for number in form.numbers}
    return all(form.whole for form in head.forms) and 2 <= len(numbers) <= MOST_CLASSES


def _is_yes_or_no(head: Head) -> bool:
    """Whether the targets are 0 and 1, which binary accuracy is made for, under whatever loss."""
    return all(form.numbers and set(form.numbers) <= {0.0, 1.0} for form in head.forms)


class AccuracyOnRegression(Rule):
    """Accuracy is asked of a loss that measures distances.

    ## What it sees
    An accuracy among the metrics of an output with mean squared error or its like, whose last activation gives no
    probabilities, and whose targets are other numbers than 0 and 1. A fact, known after the first epoch, when Keras
    has resolved "accuracy". Accuracy counts predictions that equal the target: of an amount there are none.

    ## How it is told apart
    Many different values: a regression, and the metric is wrong. Few whole numbers: classes, and the loss is wrong.

    ## Remedies
    Mean absolute error for an amount; softmax and a cross-entropy for classes.

    ## References
    rstudio/keras3#296; Keras resolves "accuracy" by the shapes alone.
    """

    family = "model"
    severity = Severity.WARNING
    message = _("The accuracy means nothing here: {statement}.")

    causes = (
        Cause("continuous-target", _("the target is an amount"), continuous_target, (ErrorMetrics(),)),
        Cause(
            "classes-as-numbers",
            _("the target is the number of a class"),
            classes_as_numbers,
            remedies=(ClassOutputs(),),
        ),
    )
    examples = (Unhealthy(accuracy_of_amounts, confirms=("continuous-target",)), Healthy(shuffled_digits))

    def check(self, heads: list[Head], compile: Compile) -> Evidence | None:
        for head in heads:
            if head.kind != "regression" or head.activation in {"softmax", "sigmoid"} or not head.forms:
                continue
            asked = [
                metric
                for metric in compile.metrics
                if metric.builtin and metric.kind.endswith("Accuracy") and metric.output in {None, head.name}
            ]
            if asked and not _is_yes_or_no(head) and all(form.positions == 0 or form.other for form in head.forms):
                statement = _(
                    "{metric} counts the predictions that equal their target, which those of a regression ({loss}) "
                    "hardly ever do"
                )
                return Evidence(
                    statement.format(metric=asked[0].name, loss=head.loss.name), quantity="compile", where=head.where
                )
        return None
