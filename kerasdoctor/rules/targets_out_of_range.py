"""`targets-out-of-range`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import tumours, with_head
from kerasdoctor.heads import Head, head_at
from kerasdoctor.locale import _
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies.class_outputs import ClassOutputs
from kerasdoctor.remedies.rescale_targets import RescaleTargets
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Whole numbers up to here are names of classes, above they are pixels or amounts.
MOST_CLASSES = 20
#: Interpolated images leave 0 to 1 by a little. The logarithm of a probability ends at -16, so that a target so far
#: outside moves the loss by 0.16 at most.
MARGIN = 0.01


def tumours_from_one() -> TrainingRecord:
    """Tumours labelled 1 and 2 under binary cross-entropy, three epochs in: the loss has not turned negative yet."""
    history = {
        "accuracy": "0.077 0.079 0.084",
        "loss": "1.852 1.271 0.807",
        "val_accuracy": "0.061 0.070 0.079",
        "val_loss": "1.628 1.002 0.511",
    }
    return with_head(tumours(), y=np.array([1] * 212 + [2] * 357), history=history)


def _numbers(head: Head) -> list[float]:
    return sorted({number for form in head.forms for number in form.numbers})


def _told(evidence: Evidence, heads: list[Head], *, holds: bool) -> tuple[Status, Evidence]:
    head = head_at(evidence.where, heads)
    numbers = _numbers(head)
    listed = ", ".join(f"{number:g}" for number in numbers[:6])
    if len(numbers) > 6:
        listed = _("{few} and {more} more values").format(few=listed, more=len(numbers) - 6)
    if not numbers:
        listed = _("more than 256 different values")
    found = Evidence(
        _("the targets are {values}").format(values=listed),
        quantity="target_form",
        where=evidence.where,
        value=evidence.value,
        threshold=evidence.threshold,
    )
    return (Status.CONFIRMED if holds else Status.RULED_OUT), found


def labels_one_two(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether the two classes are called 1 and 2."""
    return _told(evidence, heads, holds=_numbers(head_at(evidence.where, heads)) == [1, 2])


def labels_plus_minus_one(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether the two classes are called -1 and 1."""
    return _told(evidence, heads, holds=_numbers(head_at(evidence.where, heads)) == [-1, 1])


def several_classes(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether one unit gets the numbers of three classes or more."""
    return _told(evidence, heads, holds=_is_several(head_at(evidence.where, heads)))


def _is_several(head: Head) -> bool:
    numbers = _numbers(head)
    whole = all(form.whole for form in head.forms)
    return head.units == 1 and whole and len(numbers) >= 3 and numbers[0] >= 0 and numbers[-1] <= MOST_CLASSES


def unscaled_targets(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether the targets are amounts, pixels or standardized numbers and no classes."""
    head = head_at(evidence.where, heads)
    return _told(evidence, heads, holds=not _is_several(head) and _numbers(head) not in ([1, 2], [-1, 1]))


class TargetsOutOfRange(Rule):
    """A loss of probabilities gets targets outside of 0 to 1.

    ## What it sees
    Targets below 0 or above 1, by more than 0.01, under binary or categorical cross-entropy, known before the first
    step; of a pipeline from the batches that Keras draws. Such a loss has no lowest value: it falls below 0 and on for
    ever, and nothing is learned. Once it is negative, `negative-loss` says so and this rule is silent.

    ## How it is told apart
    By the values: 1 and 2; -1 and 1; whole numbers of three classes or more for one unit; anything else, such as masks
    of 0 and 255 or standardized inputs that an autoencoder is to give back.

    ## Remedies
    Targets mapped into [0, 1]; a unit for each class and sparse categorical cross-entropy for several classes.

    ## References
    keras-team/keras#1917, #13926, #14046 (a check of the range, asked for and still open).
    """

    family = "model"
    severity = Severity.ERROR
    message = _("The targets are outside of what the loss is defined on: {statement}.")

    causes = (
        Cause("labels-one-two", _("the two classes are called 1 and 2"), labels_one_two, (RescaleTargets(),)),
        Cause(
            "labels-plus-minus-one",
            _("the two classes are called -1 and 1"),
            labels_plus_minus_one,
            (RescaleTargets(),),
        ),
        Cause(
            "several-classes",
            _("one unit gets the numbers of several classes"),
            several_classes,
            remedies=(ClassOutputs(),),
        ),
        Cause("unscaled-targets", _("the targets were never scaled to 0 to 1"), unscaled_targets, (RescaleTargets(),)),
    )
    examples = (Unhealthy(tumours_from_one, confirms=("labels-one-two",)), Healthy(tumours))

    def check(self, heads: list[Head], history: Mapping[str, list[float]]) -> Evidence | None:
        asked = [head for head in heads if head.kind in {"binary", "categorical"}]
        if any(value < -1e-3 for value in history.get("loss", [])):
            return None
        for head in asked:
            if not head.forms or (head.kind == "categorical" and head.train is not None and not head.train.shape):
                continue
            low = min(form.minimum for form in head.forms)
            high = max(form.maximum for form in head.forms)
            if not (low < -MARGIN or high > 1 + MARGIN):
                continue
            return Evidence(
                _("they run from {low:g} to {high:g}, and {loss} takes 0 to 1").format(
                    low=low, high=high, loss=head.loss.name
                ),
                quantity="target_form",
                where=head.where,
                value=low if low < 0 else high,
                threshold=0.0 if low < 0 else 1.0,
            )
        if asked and not any(head.forms for head in asked):
            raise NotMeasured("target_form")
        return None
