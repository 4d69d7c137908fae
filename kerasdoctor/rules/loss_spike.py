"""`loss-spike`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examinations import at_rate, block_losses, far, first_loss, rows_per_step
from kerasdoctor.examples import digits_with_a_spike, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.far_rows import FarRows
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.record import Compile, Data, Fit, Model
from kerasdoctor.remedies.clip_gradients import ClipGradients
from kerasdoctor.remedies.saved_weights import SavedWeights
from kerasdoctor.remedies.smaller_learning_rate import SmallerLearningRate
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]

#: Loss of 64 rows over the median of the ten stretches before, once that is below a third of the first loss. 69
#: healthy runs: none reaches the first loss again but with targets of infinite variance, whose typical loss is not
#: that low (tests/accuracy/simulations/OPTIMIZATION.md).
SPIKE = 10.0
#: Stretches before one that it is compared with, and least that are needed.
BEFORE, LEAST = 10, 40
#: Where some rows are far from all others: times the first loss, and the median of the ten batches before, that the
#: loss of one batch is; in how many batches, where it is not `SPIKE` times; and the rows that a batch has at least.
#: Without the far rows 1 of 144 healthy runs would have three such batches, one with class weights.
HEAVY, AGAIN, HEAVY_ROWS = 2.0, 3, 16
#: Times the median before that the stretches behind still have, when the weights were thrown off.
LASTING = 2.0


def _spikes(batch_loss: BatchLoss, rows: int, start: float) -> tuple[Floats, Positions]:
    """Losses of stretches, and the positions of those that stand out."""
    blocks = block_losses(batch_loss, rows)
    if len(blocks) < LEAST or not np.isfinite(blocks).all():
        return blocks, np.empty(0, np.int64)
    # of those before: behind a spike the weights may stay where it threw them
    typical = np.concatenate((np.full(BEFORE, np.inf), np.median(_windows(blocks), axis=1)))
    high = (blocks >= start) & (blocks >= SPIKE * np.maximum(typical, 1e-12)) & (typical < start / 3)
    # neighbours are one spike
    first = high & ~np.concatenate(([False], high[:-1]))
    return blocks, np.flatnonzero(first)


def _windows(losses: Floats) -> Floats:
    """The `BEFORE` losses before each one, shape (n - BEFORE, BEFORE)."""
    return np.lib.stride_tricks.sliding_window_view(losses, BEFORE)[:-1]


def _lasts(blocks: Floats, at: int) -> float | None:
    """Median of the five stretches behind the spike over that of the ten before."""
    before, after = blocks[max(0, at - 10) : at], blocks[at + 1 : at + 6]
    if len(before) < 5 or len(after) < 3 or np.median(before) <= 0:
        return None
    return float(np.median(after) / np.median(before))


def outlier_batch(
    evidence: Evidence,
    batch_loss: BatchLoss,
    fit: Fit,
    data: Data,
    epoch_begin: EpochBegin | None = None,
    far_rows: FarRows | None = None,
) -> tuple[Status, Evidence]:
    """Whether the batch is odd and the weights are not: the loss is back at once, or comes in every epoch.

    A long step from which the weights come back looks the same, so that only the rows confirm it.
    """
    found = None
    if far_rows is not None and far_rows.count:
        found = Evidence(far(far_rows), quantity="far_rows", value=float(far_rows.count))
        if evidence.threshold == HEAVY:
            return Status.CONFIRMED, found
    _blocks, at, lasting = _found(batch_loss, fit, data)
    if not len(at):
        return Status.POSSIBLE, Evidence(_("measured, undecided: too few stretches"), quantity="batch_loss")
    epochs = max(len(epoch_begin), 1) if epoch_begin is not None else 1
    statement = _("spikes in {epochs} epochs: {count}").format(count=len(at), epochs=epochs)
    if lasting is not None:
        statement = _("{statement}; behind the highest the loss is {times:.2g} times that before").format(
            statement=statement, times=lasting
        )
    recurs = len(at) >= 3 and len(at) >= 0.5 * epochs
    if lasting is not None and lasting >= LASTING and not recurs:
        return Status.RULED_OUT, Evidence(statement, quantity="batch_loss", value=lasting, threshold=LASTING)
    if found is not None:
        return Status.CONFIRMED, found
    statement = _("measured, undecided: {statement}; whether rows of it are far from all others would tell").format(
        statement=statement
    )
    return Status.POSSIBLE, Evidence(statement, quantity="batch_loss", value=lasting, threshold=LASTING)


def long_steps(
    evidence: Evidence,
    batch_loss: BatchLoss,
    fit: Fit,
    data: Data,
    compile: Compile,
    learning_rate: LearningRate | None = None,
) -> tuple[Status, Evidence]:
    """Whether a step threw the weights off: the loss stays high behind the spike."""
    if evidence.threshold == HEAVY:
        statement = _("between such batches the loss is no higher than in the first step")
        return Status.RULED_OUT, Evidence(statement, quantity="batch_loss")
    _blocks, at, lasting = _found(batch_loss, fit, data)
    if not len(at) or lasting is None:
        return Status.POSSIBLE, Evidence(_("measured, undecided: too few stretches behind it"), quantity="batch_loss")
    statement = _("behind the highest spike the loss is {times:.2g} times that before").format(times=lasting)
    statement += at_rate(compile, learning_rate)
    found = Evidence(statement, quantity="batch_loss", when=evidence.when, value=lasting, threshold=LASTING)
    if lasting >= LASTING:
        return Status.CONFIRMED, found
    # an optimizer may bring the weights back within a few steps
    return Status.POSSIBLE, replace(found, statement=_("measured, undecided: {statement}").format(statement=statement))


def _heavy(batch_loss: BatchLoss, rows: int, start: float) -> tuple[Floats, Positions]:
    """Losses of batches, and the positions of those that stand out, again and again, of a loss that is no higher."""
    size = max(1, -(-HEAVY_ROWS // rows))
    values = batch_loss.values
    losses = values[: len(values) // size * size].reshape(-1, size).mean(axis=1)
    if len(losses) < LEAST or not np.isfinite(losses).all():
        return losses, np.empty(0, np.int64)
    first = np.median(losses[: 2 * BEFORE + 1])
    typical = np.concatenate((np.full(BEFORE, first), np.median(_windows(losses), axis=1)))
    above = losses / np.maximum(np.maximum(typical, start), 1e-12)
    # the first batch is one of many; a run whose every batch is higher was thrown off
    at = np.flatnonzero((above >= HEAVY) & (typical <= HEAVY * start))
    return losses, at if len(at) >= AGAIN or (above[at] >= SPIKE).any() else at[:0]


def _found(batch_loss: BatchLoss, fit: Fit, data: Data) -> tuple[Floats, Positions, float | None]:
    rows = rows_per_step(fit, data)
    start = first_loss(batch_loss, rows)
    if start is None:
        return np.empty(0), np.empty(0, np.int64), None
    blocks, at = _spikes(batch_loss, rows, start)
    return blocks, at, _lasts(blocks, int(at[blocks[at].argmax()])) if len(at) else None


class LossSpike(Rule):
    """In the middle of the run the loss suddenly is as high as before training.

    ## What it sees
    The mean loss of 64 rows in a row, of fresh weights: it is above the loss of the first batch, and ten times the
    median of the ten stretches before, which is below a third of that. What jumps before anything is learned is no
    spike, nor is a loss that is a multiple of nearly nothing. Where some rows have values ten times beyond those of 98
    in 100, also three single batches or more, whose loss is twice that of the first and of the ten before, or one
    whose loss is ten times both.

    ## How it is told apart
    Long steps: the stretches behind it still have twice the loss of those before, for the weights were thrown off. An
    outlier batch: right behind it the loss is what it was, or it comes again in every other epoch. As the weights may
    come back from a long step as fast, only rows that lie far from all others confirm it.

    ## Remedies
    Clipped gradients; a smaller learning rate. Rows that cause it are for the author to look at.

    ## References
    Chowdhery et al. (2022), PaLM, section 5.1 (spikes, and how they were skipped); Google, Deep Learning Tuning
    Playbook.
    """

    family = "optimization"
    severity = Severity.WARNING
    message = _("The loss spikes: {statement}.")

    causes = (
        Cause(
            "outlier-batch",
            _("a batch holds rows that are far from the others"),
            examine=outlier_batch,
            remedies=(ClipGradients(),),
            explains=("exploding-gradients", "learning-rate-too-high"),
        ),
        Cause(
            "long-steps",
            _("a step was too long"),
            examine=long_steps,
            remedies=(ClipGradients(), SmallerLearningRate(), SavedWeights()),
        ),
    )

    examples = (Unhealthy(digits_with_a_spike, confirms=("long-steps",)), Healthy(shuffled_digits))

    def check(
        self, batch_loss: BatchLoss, fit: Fit, data: Data, model: Model, far_rows: FarRows | None = None
    ) -> Evidence | None:
        rows = rows_per_step(fit, data)
        start = first_loss(batch_loss, rows)
        if start is None or model.iterations:
            return None
        blocks, at = _spikes(batch_loss, rows, start)
        if not len(at):
            weighted = fit.class_weight or fit.sample_weight
            return None if far_rows is None or not far_rows.count or weighted else _again(batch_loss, rows, start)
        highest = int(at[blocks[at].argmax()])
        size = max(1, 64 // rows)
        step = int(batch_loss.step[min(highest * size, len(batch_loss) - 1)])
        typical = float(np.median(blocks[highest - BEFORE : highest]))
        statement = _(
            "at step {step:,} it is {loss:.3g} over {rows} rows, typically {typical:.3g} just before; before training "
            "it was {start:.3g}"
        ).format(step=step, loss=blocks[highest], rows=size * rows, typical=typical, start=start)
        return Evidence(
            statement,
            quantity="batch_loss",
            when=When(step=step),
            value=float(blocks[highest] / max(typical, 1e-12)),
            threshold=SPIKE,
        )


def _again(batch_loss: BatchLoss, rows: int, start: float) -> Evidence | None:
    """Single batches that stand out of a loss that is no higher than at first."""
    losses, at = _heavy(batch_loss, rows, start)
    if not len(at):
        return None
    highest = int(at[losses[at].argmax()])
    typical = float(np.median(losses[max(0, highest - BEFORE) : max(highest, BEFORE)]))
    step = int(batch_loss.step[min(highest * max(1, -(-HEAVY_ROWS // rows)), len(batch_loss) - 1)])
    statement = _(
        "in {count} batches it is more than twice that of the ten before, and of the first; at step {step:,} it is "
        "{loss:.3g}, typically {typical:.3g} just before"
    ).format(count=len(at), step=step, loss=losses[highest], typical=typical)
    return Evidence(
        statement,
        quantity="batch_loss",
        when=When(step=step),
        value=float(losses[highest] / max(typical, 1e-12)),
        threshold=HEAVY,
    )
