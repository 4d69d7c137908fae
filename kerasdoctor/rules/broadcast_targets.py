"""`broadcast-targets`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import shuffled_digits, with_head
from kerasdoctor.heads import Head, head_at
from kerasdoctor.locale import _
from kerasdoctor.quantities.target_scale import Moments, TargetScale
from kerasdoctor.record import Data, Loss, Metric, TrainingRecord
from kerasdoctor.remedies.column_of_targets import ColumnOfTargets
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Epochs that a network gets to learn something, and the last ones in which the loss must stand still.
PATIENCE, STILL = 5, 3
#: A network that predicts the mean is left with the variance of the targets: its batches and a start have this room.
LOWEST, HIGHEST = 0.9, 1.3
#: Share of the loss by which it may still change over the last epochs.
CHANGE = 0.05


def own_squared_error() -> TrainingRecord:
    """A regression whose own loss class subtracts targets of shape (N,) from predictions of shape (N, 1)."""
    record = with_head(
        shuffled_digits(),
        units=1,
        activation="linear",
        loss=Loss(name="own_error", builtin=False, subclass=True),
        y=np.linspace(-13, 13, 1797),
        history={
            "loss": "57.243 57.204 57.179 57.167 57.157 57.146 57.139 57.130",
            "val_loss": "53.363 53.362 53.357 53.355 53.355 53.353 53.353 53.353",
        },
    )
    record.quantities["target_scale"] = TargetScale({"y": Moments(0.0, 7.48, 56.0, 6.5, 56.0, 6.5)})
    record.compile = replace(record.compile, source={}, unwritable=("loss",), custom=True)
    return record


def missing_axis(evidence: Evidence, heads: list[Head]) -> tuple[Status, Evidence]:
    """Whether targets without the last axis meet a loss class that does not add it."""
    head = head_at(evidence.where, heads)
    statement = _(
        "measured, undecided: targets (N,) minus predictions (N, 1) has the shape (N, N), unless {name} adds the axis"
    ).format(name=head.loss.name)
    return Status.POSSIBLE, Evidence(statement, quantity="target_form", where=head.where)


def nothing_to_learn(evidence: Evidence) -> tuple[Status, Evidence]:
    """Whether the inputs may not tell the target at all."""
    statement = _(
        "measured, undecided: a network that learns nothing ends there too; targets of shape (N, 1) would tell"
    )
    return Status.POSSIBLE, Evidence(statement, quantity="history", value=evidence.value)


def _lacks_an_axis(head: Head) -> bool:
    """Whether targets without a last axis meet an output of one unit in a loss class of the user's own."""
    shape = None if head.output is None else head.output.shape
    return head.loss.subclass and shape == (1,) and head.train is not None and head.train.shape == ()


def _stands_still(losses: NDArray[np.float64]) -> bool:
    last = losses[-STILL:]
    return bool(last.max() - last.min() <= CHANGE * abs(last[-1]))


class BroadcastTargets(Rule):
    """Targets of shape (N,) meet predictions of shape (N, 1) in a loss of one's own.

    ## What it sees
    Targets without the last axis, an output of one unit, and a subclass of `keras.losses.Loss` that is the user's own;
    and, after five epochs or more, a training loss that stands still between 0.9 and 1.3 times the variance of the
    targets. Keras adds the
    axis for its own losses and for functions, not for such classes: every target is subtracted from every prediction,
    and the best that can be done is to predict the mean.

    ## How it is told apart
    The shapes are a fact; that the loss stays at the variance says that they matter. A class that adds the axis itself
    and learns nothing looks the same: the remedy is a line, and tells.

    ## Remedies
    Targets as a column.

    ## References
    keras-team/keras#14627, #16836; tensorflow/tensorflow#37770.
    """

    family = "model"
    severity = Severity.ERROR
    message = _("It looks as if every target was compared with every prediction: {statement}.")

    causes = (
        Cause("missing-axis", _("the targets lack the last axis"), missing_axis, (ColumnOfTargets(),)),
        Cause(
            "nothing-to-learn",
            _("the inputs do not tell the target; look whether both are of the same rows"),
            nothing_to_learn,
        ),
    )
    examples = (Unhealthy(own_squared_error, confirms=()), Healthy(shuffled_digits))

    def check(
        self, heads: list[Head], loss: Metric, data: Data, target_scale: TargetScale | None = None
    ) -> Evidence | None:
        losses = loss.train[np.isfinite(loss.train)]
        # Keras makes a column of a Series
        if data.containers.get("y") in {"Series", "DataFrame"} or len(losses) < PATIENCE:
            return None
        for head in heads:
            if not _lacks_an_axis(head):
                continue
            if target_scale is not None and len(target_scale.outputs) == 1:
                (moments,) = target_scale.outputs.values()
                variance = moments.deviation**2
            elif head.train is not None and head.alone:
                # of the batches that were drawn first
                variance = head.train.variance
            else:
                raise NotMeasured("target_scale")
            if variance > 0 and LOWEST <= losses[-1] / variance <= HIGHEST and _stands_still(losses):
                statement = _(
                    "y has the shape (N,), {layer} gives (N, 1), and after {epochs} epochs the loss is {loss:.3g}, as "
                    "large as the variance of y, {variance:.3g}"
                )
                return Evidence(
                    statement.format(layer=head.where, epochs=len(losses), loss=losses[-1], variance=variance),
                    quantity="target_form",
                    where=head.where,
                    value=float(losses[-1] / variance),
                    threshold=LOWEST,
                )
        return None
