"""`labels-out-of-range`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, with_head
from kerasdoctor.heads import Head, head_at
from kerasdoctor.locale import _
from kerasdoctor.record import Outcome, TrainingRecord
from kerasdoctor.remedies.ignored_class import IgnoredClass
from kerasdoctor.remedies.labels_from_zero import LabelsFromZero
from kerasdoctor.remedies.more_outputs import MoreOutputs
from kerasdoctor.remedies.numbered_labels import NumberedLabels
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Numbers that stand for "no label" where others are classes: -1 of many tools, 255 of segmentation masks.
IGNORED = {-1.0, -100.0, 255.0}


def digits_from_one() -> TrainingRecord:
    """Digits labelled 1 to 10 on ten units: TensorFlow stops in the first step on a CPU."""
    record = with_head(shuffled_digits(), y=np.arange(1797) % 10 + 1, history={"loss": "0"})
    for name in ("batch_loss", "learning_rate", "epoch_begin"):
        del record.quantities[name]
    record.history, record.metric_facts = {}, {}
    record.fit = replace(record.fit, epochs=20)
    record.outcome = Outcome(status="raised", exception="InvalidArgumentError: Received a label value of 10")
    return record


def _known(head: Head) -> bool:
    return head.kind == "sparse" and head.units is not None and bool(head.forms)


def _bad(head: Head) -> tuple[float, float] | None:
    """Lowest and highest label, where one is outside the units; what the loss ignores left out."""
    ignored = head.loss.config.get("ignore_class")
    low, high = float("inf"), float("-inf")
    for form in head.forms:
        numbers = [number for number in form.numbers if number != ignored] if ignored is not None else []
        if ignored is not None and not numbers:
            return None
        low, high = min(low, *numbers[:1] or [form.minimum]), max(high, *numbers[-1:] or [form.maximum])
    return (low, high) if low < 0 or high >= (head.units or 0) else None


def _bounds(evidence: Evidence, found: list[Head]) -> tuple[Head, float, float]:
    head = head_at(evidence.where, found)
    low, high = _bad(head) or (0.0, 0.0)
    return head, low, high


def labels_from_one(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether the labels count from 1 to the number of units."""
    head, low, high = _bounds(evidence, heads)
    status = Status.CONFIRMED if (low, high) == (1.0, float(head.units or 0)) else Status.RULED_OUT
    statement = _("the labels run from {low:g} to {high:g}, the {units} units stand for 0 to {last}")
    return status, Evidence(
        statement.format(low=low, high=high, units=head.units, last=(head.units or 0) - 1),
        quantity="target_form",
        where=evidence.where,
        value=low,
        threshold=0.0,
    )


def masked_labels(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether one number outside the units stands for "no label"."""
    head, low, high = _bounds(evidence, heads)
    numbers = sorted({number for form in head.forms for number in form.numbers})
    outside = [number for number in numbers or [low, high] if not 0 <= number < (head.units or 0)]
    masked = len(set(outside)) == 1 and outside[0] in IGNORED and len(numbers) > 1
    count = sum(form.values.get(f"{outside[0]:g}", 0) for form in head.forms) if outside else 0
    statement = (
        _("{value:g} stands {count:,} times among labels of 0 to {last}")
        if masked
        else _("the label outside is {value:g}, where rows without a label would have -1, -100 or 255")
    )
    return Status.CONFIRMED if masked else Status.RULED_OUT, Evidence(
        statement.format(value=outside[0] if outside else high, count=count, last=(head.units or 0) - 1),
        quantity="target_form",
        where=evidence.where,
        value=outside[0] if outside else high,
    )


def too_few_outputs(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether there are more classes than units."""
    head, low, high = _bounds(evidence, heads)
    units = head.units or 0
    numbers = {number for form in head.forms for number in form.numbers}
    classes = len(numbers) or int(high) + 1
    found = Evidence(
        _("{classes} different labels, the highest {high:g}, for {units} units").format(
            classes=classes, high=high, units=units
        ),
        quantity="target_form",
        where=evidence.where,
        value=float(classes),
        threshold=float(units),
    )
    if high < units or (len(numbers - IGNORED) <= units and numbers & IGNORED):
        return Status.RULED_OUT, found
    return Status.CONFIRMED if low >= 0 and classes > units else Status.RULED_OUT, found


def labels_with_gaps(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether the labels are fewer than the units, but not numbered from 0 on."""
    head, low, high = _bounds(evidence, heads)
    numbers = {number for form in head.forms for number in form.numbers} - IGNORED
    units = head.units or 0
    outside = {number for number in numbers if not 0 <= number < units}
    gaps = bool(outside) and len(numbers) <= units and (low, high) != (1.0, float(units))
    return Status.CONFIRMED if gaps else Status.RULED_OUT, Evidence(
        _("{count} different labels between {low:g} and {high:g}").format(count=len(numbers), low=low, high=high),
        quantity="target_form",
        where=evidence.where,
        value=high,
        threshold=float(units),
    )


class LabelsOutOfRange(Rule):
    """Integer labels lie outside the classes that the last layer has units for.

    ## What it sees
    A label below 0, or not below the number of units, under sparse categorical cross-entropy. That is a fact of the
    arrays, known before the first step; of a pipeline it is told from the batches that Keras draws. What the loss
    ignores by `ignore_class` is left out.

    ## How it is told apart
    Labels that count from 1 to the number of units. One number, -1, -100 or 255, that stands for "no label". More
    different labels than units. Fewer labels than units, but numbered with gaps. TensorFlow stops with an
    InvalidArgumentError on a CPU and gives NaN on a GPU; JAX trains on and never learns these rows.

    ## Remedies
    Labels less one. `SparseCategoricalCrossentropy(ignore_class=-1)` for masked labels; a unit for each class;
    `keras.layers.StringLookup` or `numpy.unique(y, return_inverse=True)` for labels with gaps.

    ## References
    tensorflow/tensorflow#8484, #15962 (NaN on a GPU); Keras, `SparseCategoricalCrossentropy`.
    """

    family = "model"
    severity = Severity.ERROR
    message = _("Some labels have no unit in the last layer: {statement}.")

    causes = (
        Cause("labels-from-one", _("the labels count from 1"), labels_from_one, (LabelsFromZero(),)),
        Cause("masked-labels", _("one number stands for rows without a label"), masked_labels, (IgnoredClass(),)),
        Cause(
            "too-few-outputs",
            _("the last layer has fewer units than there are classes"),
            too_few_outputs,
            (MoreOutputs(),),
        ),
        Cause(
            "labels-with-gaps",
            _("the labels are not numbered from 0 on"),
            labels_with_gaps,
            remedies=(NumberedLabels(),),
        ),
    )
    examples = (Unhealthy(digits_from_one, confirms=("labels-from-one",)), Healthy(shuffled_digits))

    def check(self, heads: list[Head]) -> Evidence | None:
        for head in heads:
            bad = _bad(head) if _known(head) else None
            if bad is not None:
                low, high = bad
                return Evidence(
                    _("the labels run from {low:g} to {high:g}, {layer} has {units} units, for 0 to {last}").format(
                        low=low, high=high, layer=head.where, units=head.units, last=(head.units or 0) - 1
                    ),
                    quantity="target_form",
                    where=head.where,
                    value=low if low < 0 else high,
                    threshold=0.0 if low < 0 else float((head.units or 0) - 1),
                )
        if any(head.kind == "sparse" and not _known(head) for head in heads):
            raise NotMeasured("target_form")
        return None
