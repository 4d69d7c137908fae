"""`learning-rate-too-high`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examinations import (
    block_losses,
    falls_below_zero,
    far,
    first_loss,
    kernels,
    rows_per_step,
    scale_of_inputs,
    scale_of_targets,
    used_rate,
)
from kerasdoctor.examples import digits_thrown_off, digits_with_dropout, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.far_rows import FarRows
from kerasdoctor.quantities.input_range import InputRange
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.quantities.update_ratio import UpdateRatio
from kerasdoctor.record import Compile, Data, Fit, Metric, Model
from kerasdoctor.remedies.clip_gradients import ClipGradients
from kerasdoctor.remedies.min_max_normalization import MinMaxNormalization
from kerasdoctor.remedies.rescale_targets import RescaleTargets
from kerasdoctor.remedies.smaller_learning_rate import SmallerLearningRate
from kerasdoctor.rule import Cause, Healthy, Rule, Unhealthy

#: An epoch whose mean loss is this many times the loss before training. 69 healthy runs: at most 1.04, and 1.3 with
#: targets of infinite variance (tests/accuracy/simulations/OPTIMIZATION.md).
THROWN = 2.0
#: A stretch of 64 rows whose loss is this many times the first, in a run that ends where it began. Healthy: 1.7, and
#: 13 with those targets, which come all along.
PEAK = 3.0
#: Share of the first loss by which the third worst epoch stands above an earlier one. Healthy: at most 0.045.
JUMP = 0.08
#: Median step of the kernel that moves most, as a share of its norm. 144 healthy runs: at most 0.0072. Jumps alone,
#: without such steps, may come from a loss that is steep at nearly 0, too.
STEP = 0.01


def long_steps(
    evidence: Evidence,
    compile: Compile,
    model: Model,
    update_ratio: UpdateRatio | None = None,
    learning_rate: LearningRate | None = None,
    input_range: InputRange | None = None,
    target_range: TargetRange | None = None,
    far_rows: FarRows | None = None,
) -> tuple[Status, Evidence]:
    """Whether the steps are long by themselves: neither inputs nor targets explain it."""
    rate = used_rate(compile, learning_rate)
    parts = [_("{name} has {rate}").format(name=compile.optimizer, rate=rate)] if rate else []
    longest = _longest_step(update_ratio)
    if longest is not None:
        parts.append(_("one step changed a kernel by {share:.0%} of its norm").format(share=longest))
    statement = "; ".join(parts) or _("the learning rate follows a schedule")
    scales = [
        scale_of_inputs(model, input_range, far_rows) if input_range is not None and input_range.inputs else None,
        scale_of_targets(compile, target_range) if target_range is not None and target_range.outputs else None,
    ]
    statuses = [scale[0] for scale in scales if scale is not None]
    if Status.CONFIRMED in statuses:
        undecided = _("measured, undecided: {statement}; the scale of the data lengthens the steps")
        return Status.POSSIBLE, Evidence(undecided.format(statement=statement), quantity="update_ratio", value=longest)
    if far_rows is not None and far_rows.count:
        undecided = _("measured, undecided: {statement}; {far}").format(statement=statement, far=far(far_rows))
        return Status.POSSIBLE, Evidence(undecided, quantity="update_ratio", value=longest)
    if Status.RULED_OUT not in statuses:
        undecided = _("measured, undecided: {statement}; the scale of the data is not known")
        return Status.POSSIBLE, Evidence(undecided.format(statement=statement), quantity="update_ratio", value=longest)
    typical = _typical_step(update_ratio)
    if evidence.threshold == JUMP and typical is not None and typical < STEP:
        undecided = _("measured, undecided: {statement}, but half of them by {typical:.2%} or less, as in healthy runs")
        return Status.POSSIBLE, Evidence(
            undecided.format(statement=statement, typical=typical),
            quantity="update_ratio",
            value=typical,
            threshold=STEP,
        )
    return Status.CONFIRMED, Evidence(
        _("{statement}; the data are scaled").format(statement=statement), quantity="update_ratio", value=longest
    )


def _longest_step(update_ratio: UpdateRatio | None) -> float | None:
    if update_ratio is None or not len(update_ratio):
        return None
    values = update_ratio.maximum[:, kernels(update_ratio.columns)]
    return float(np.nanmax(values)) if np.isfinite(values).any() else None


def _typical_step(update_ratio: UpdateRatio | None) -> float | None:
    if update_ratio is None or not len(update_ratio):
        return None
    values = update_ratio.mean[:, kernels(update_ratio.columns)]
    values = values[np.isfinite(values).all(axis=1)]
    return float(np.median(values, axis=0).max()) if values.size else None


def unscaled_inputs(model: Model, input_range: InputRange, far_rows: FarRows | None = None) -> tuple[Status, Evidence]:
    """Whether the inputs are far larger than a network is initialized for."""
    return scale_of_inputs(model, input_range, far_rows)


def unscaled_targets(compile: Compile, target_range: TargetRange) -> tuple[Status, Evidence]:
    """Whether the targets of a regression are far larger than what a network puts out at first."""
    return scale_of_targets(compile, target_range)


class LearningRateTooHigh(Rule):
    """The steps are so long that training undoes what it has learned.

    ## What it sees
    Fresh weights, and the training loss against the loss of the first batch, before any update. Thrown off: an epoch
    whose mean is twice that or more, and twice that of a later epoch (or, if it is the last, of the first). Stuck: the
    loss of 64 rows in a row went to three times the first and the run is back where it began, and stays there. Jumping:
    in three or more epochs the loss stands above that of an earlier epoch, by 8 % of the first loss. Compared with
    its own start, for accuracy tells nothing: Adam at 100 reached a loss of 17,148 at an accuracy of .985. A loss that
    goes below 0 has no such scale, and is left alone.

    ## How it is told apart
    Inputs or targets far from the scale that a network is initialized for lengthen every step, and single rows far from
    the others lengthen some. Where the data are scaled, the learning rate itself is too high; the longest step, as a
    share of the weights, is stated. Jumps alone leave it undecided where half of the steps are as short as in healthy
    runs, below 1 % of every kernel.

    ## Remedies
    A learning rate ten times smaller; clipped gradients, where the optimizer's steps grow with them; normalized
    inputs; targets brought into [0, 1].

    ## References
    Google, Deep Learning Tuning Playbook (instability: loss above its start within the first steps); Bengio (2012),
    Practical recommendations for gradient-based training; keras-team/keras#4066.
    """

    family = "optimization"
    severity = Severity.WARNING
    explains = ("majority-predictor",)
    message = _("The learning rate is too high: {statement}.")

    causes = (
        Cause(
            "long-steps",
            _("the learning rate itself is too high"),
            examine=long_steps,
            remedies=(SmallerLearningRate(), ClipGradients(adaptive=False)),
        ),
        Cause(
            "unscaled-inputs",
            _("large inputs lengthen the steps"),
            examine=unscaled_inputs,
            remedies=(MinMaxNormalization(),),
        ),
        Cause(
            "unscaled-targets",
            _("large targets lengthen the steps"),
            examine=unscaled_targets,
            remedies=(RescaleTargets(),),
        ),
    )

    examples = (
        Unhealthy(digits_thrown_off, confirms=("long-steps",)),
        Healthy(shuffled_digits),
        Healthy(digits_with_dropout),
    )

    def check(
        self,
        loss: Metric,
        batch_loss: BatchLoss,
        fit: Fit,
        data: Data,
        model: Model,
        split_labels: SplitLabels | None = None,
    ) -> Evidence | None:
        rows = rows_per_step(fit, data)
        start = first_loss(batch_loss, rows)
        epochs = loss.train[np.isfinite(loss.train)]
        if start is None or model.iterations or len(epochs) < 2 or _is_trained(start, split_labels):
            return None
        if falls_below_zero(epochs):
            return None
        worst = int(epochs.argmax())
        others = float(epochs[worst + 1 :].min()) if worst + 1 < len(epochs) else float(epochs[0])
        if epochs[worst] >= THROWN * start and epochs[worst] >= THROWN * others:
            statement = _(
                "the loss was {start:.3g} before training and {worst:.3g} on average in epoch {epoch}"
            ).format(start=start, worst=epochs[worst], epoch=worst + 1)
            return Evidence(
                statement,
                quantity="history",
                where="loss",
                when=When(epoch=worst + 1),
                value=float(epochs[worst] / start),
                threshold=THROWN,
            )
        return _stuck(batch_loss, rows, start, epochs) or (_jumping(start, epochs) if _whole(fit, data, rows) else None)


def _whole(fit: Fit, data: Data, rows: int) -> bool:
    """Whether every epoch sees the same rows, as far as is known: the means of other ones differ by themselves."""
    if data.n_train is None or fit.steps_per_epoch is None:
        return data.kind != "generator"
    return fit.steps_per_epoch * rows >= 0.9 * data.n_train


def _is_trained(start: float, labels: SplitLabels | None) -> bool:
    """Whether the first loss is that of weights that know the classes already."""
    counts = np.array(list(labels.train.values()), dtype=float) if labels and labels.kind == "classes" else np.empty(0)
    counts = counts[counts > 0]
    if len(counts) < 2:
        return False
    shares = counts / counts.sum()
    return start < 0.5 * float(-(shares * np.log(shares)).sum())


def _stuck(batch_loss: BatchLoss, rows: int, start: float, epochs: NDArray[np.float64]) -> Evidence | None:
    """The loss was thrown off and then stays where it began."""
    blocks = block_losses(batch_loss, rows)
    if len(epochs) < 3 or len(blocks) < 10 or not np.isfinite(blocks).all():
        return None
    peak, late = float(blocks.max()), blocks[len(blocks) // 3 :]
    # a loss of heavy tails has such peaks all along
    if peak < PEAK * start or late.max() > 2 * start or epochs[-1] < 0.8 * start:
        return None
    statement = _(
        "the loss of {rows} rows went from {start:.3g} before training to {peak:.3g}, and after {epochs} epochs it is "
        "{last:.3g}: nothing is learned"
    ).format(rows=max(64, rows), start=start, peak=peak, epochs=len(epochs), last=epochs[-1])
    step = (int(blocks.argmax()) * max(1, 64 // rows)) + 1
    return Evidence(statement, quantity="batch_loss", when=When(step=step), value=peak / start, threshold=PEAK)


def _jumping(start: float, epochs: NDArray[np.float64]) -> Evidence | None:
    """Epochs that undo what earlier ones had learned."""
    if len(epochs) < 6:
        return None
    above = (epochs - np.minimum.accumulate(epochs)) / start
    third = float(np.sort(above)[-3])
    if third < JUMP:
        return None
    worst = int(above.argmax())
    statement = _(
        "the mean loss of an epoch jumps: {count} epochs stand above an earlier one by {share:.0%} of the first loss "
        "or more; epoch {epoch} has {loss:.3g}, after {least:.3g} before"
    ).format(
        count=int((above >= JUMP).sum()),
        share=JUMP,
        epoch=worst + 1,
        loss=epochs[worst],
        least=epochs[: worst + 1].min(),
    )
    return Evidence(
        statement, quantity="history", where="loss", when=When(epoch=worst + 1), value=third, threshold=JUMP
    )
