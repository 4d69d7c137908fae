"""`rows-not-distributions`."""

from __future__ import annotations

import numpy as np

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, with_head
from kerasdoctor.heads import Head, head_at
from kerasdoctor.locale import _
from kerasdoctor.record import Loss, TrainingRecord
from kerasdoctor.remedies.output_activation import OutputActivation
from kerasdoctor.remedies.rows_sum_to_one import RowsSumToOne
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: Share of the rows that is more than a slip.
SHARE = 0.01


def digits_with_unknown_labels() -> TrainingRecord:
    """One-hot digits, of which every twentieth row is all zeros."""
    y = np.eye(10)[np.arange(1797) % 10]
    y[::20] = 0
    return with_head(
        shuffled_digits(),
        loss=Loss(name="categorical_crossentropy", by_name=True),
        y=y,
        history={
            "loss": "1.989 1.282 0.631 0.389 0.300",
            "val_loss": "1.682 0.871 0.472 0.338 0.275",
            "accuracy": "0.389 0.739 0.836 0.871 0.885",
            "val_accuracy": "0.633 0.789 0.883 0.900 0.900",
        },
    )


def _counts(head: Head) -> dict[str, int]:
    names = ("positions", "several", "empty", "other")
    counts = {name: sum(getattr(form, name) for form in head.forms) for name in names}
    if any(len(form.shape) > 1 for form in head.forms):
        # steps behind the end of a sequence, pixels of no class: zeros that are meant
        counts["empty"] = 0
    return counts


def _told(evidence: Evidence, heads: list[Head], name: str, statement: str) -> tuple[Status, Evidence]:
    counts = _counts(head_at(evidence.where, heads))
    found = Evidence(
        statement.format(count=counts[name], rows=counts["positions"]),
        quantity="target_form",
        where=evidence.where,
        value=float(counts[name]),
        threshold=0.0,
    )
    return (Status.CONFIRMED if counts[name] else Status.RULED_OUT), found


def several_ones(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether rows hold several ones."""
    return _told(evidence, heads, "several", _("{count:,} of {rows:,} rows hold several ones"))


def empty_rows(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether rows are all zeros."""
    return _told(evidence, heads, "empty", _("{count:,} of {rows:,} rows are all zeros"))


def unnormalized_rows(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether rows of other numbers do not sum to 1."""
    return _told(evidence, heads, "other", _("{count:,} of {rows:,} rows hold other numbers that do not sum to 1"))


class RowsNotDistributions(Rule):
    """The targets of a categorical cross-entropy are no distributions over the classes.

    ## What it sees
    1 % of the rows of the targets or more do not sum to 1, by more than rounding. A fact, known before the first
    step; of a pipeline from the batches that Keras draws. Rows of zeros among the steps of a sequence or the pixels of
    an image stand for "nothing there" and are left out. Several ones in a row under softmax, and the rows without any
    that come with them, are `softmax-for-several-labels`.

    ## How it is told apart
    Rows of zeros, which the loss ignores: a class that the encoder does not know. Several ones. Other numbers, such
    as counts or scores.

    ## Remedies
    Every row divided by its sum; rows of zeros left out, or a class of their own.

    ## References
    Keras, `CategoricalCrossentropy`: the targets are probabilities.
    """

    family = "model"
    severity = Severity.WARNING
    message = _("Some targets are no distribution over the classes: {statement}.")

    causes = (
        Cause(
            "several-ones",
            _("rows hold several ones"),
            several_ones,
            remedies=(OutputActivation(activation="sigmoid", loss="binary_crossentropy"),),
        ),
        Cause(
            "empty-rows",
            _("rows are all zeros, and the loss ignores them; give them a label or leave them out"),
            empty_rows,
        ),
        Cause(
            "unnormalized-rows",
            _("rows of other numbers do not sum to 1"),
            unnormalized_rows,
            remedies=(RowsSumToOne(),),
        ),
    )
    examples = (Unhealthy(digits_with_unknown_labels, confirms=("empty-rows",)), Healthy(shuffled_digits))

    def check(self, heads: list[Head]) -> Evidence | None:
        for head in heads:
            if head.kind != "categorical" or (head.units or 1) < 2 or any(form.below_zero for form in head.forms):
                continue
            counts = _counts(head)
            bad = counts["other"]
            if head.activation != "softmax":
                bad += counts["empty"] + counts["several"]
            elif counts["several"] < SHARE * counts["positions"]:
                # else rows of zeros are rows that have none of the labels
                bad += counts["empty"]
            if bad and bad >= SHARE * counts["positions"]:
                statement = _("{bad:,} of {rows:,} rows do not sum to 1")
                return Evidence(
                    statement.format(bad=bad, rows=counts["positions"]),
                    quantity="target_form",
                    where=head.where,
                    value=float(bad),
                    threshold=SHARE * counts["positions"],
                )
        return None
