"""`oscillating-validation`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examinations import at_rate
from kerasdoctor.examples import digits_with_dropout, digits_with_long_steps, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.gradient_cosine import GradientCosine
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import Compile, Data, Fit, Metric, Model
from kerasdoctor.remedies.dropout import Dropout
from kerasdoctor.remedies.image_augmentation import ImageAugmentation
from kerasdoctor.remedies.larger_batch import LargerBatch
from kerasdoctor.remedies.noise_on_inputs import NoiseOnInputs
from kerasdoctor.remedies.reduce_on_plateau import ReduceOnPlateau
from kerasdoctor.remedies.shift_sentences import ShiftSentences
from kerasdoctor.remedies.smaller_learning_rate import SmallerLearningRate
from kerasdoctor.remedies.stratified_split import StratifiedSplit
from kerasdoctor.remedies.weight_regularization import WeightRegularization
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Rows whose mean loss is compared with that of the first: a single small batch jumps by chance.
ROWS = 64
#: Swing in sampling errors from where on it is no chance: for runs of `LONG` epochs, for shorter ones whose last two
#: thirds still hold fast learning, and for the mean of squares of a regression.
LONG, RATIO, SHORT_RATIO, REGRESSION_RATIO = 25, 1.5, 2.5, 1.2
#: Median cosine of consecutive gradients of plain SGD below which each step undoes the one before; healthy -.15 to 0,
#: too large a rate -.31 to -.56 (simulated and real runs of SGD without momentum; with momentum it tells nothing).
REVERSAL = -0.3
#: Times that the commonest class is as frequent as the rarest, from where on classes are uneven.
UNEVEN = 3.0


def sampling_noise(evidence: Evidence) -> tuple[Status, Evidence]:
    """Whether a validation set of this size shows such swings by itself."""
    statement = _(
        "the swings are {value:.1f} sampling errors of the validation set; by chance they stay below {threshold:g}"
    )
    return Status.RULED_OUT, Evidence(
        statement.format(value=evidence.value, threshold=evidence.threshold),
        quantity="history",
        where=evidence.where,
        value=evidence.value,
        threshold=evidence.threshold,
    )


def learning_rate_too_large(
    batch_loss: BatchLoss,
    fit: Fit,
    data: Data,
    compile: Compile,
    split_labels: SplitLabels | None = None,
    gradient_cosine: GradientCosine | None = None,
    learning_rate: LearningRate | None = None,
) -> tuple[Status, Evidence]:
    """Whether single steps throw the training loss back to where it began, or each undoes the one before."""
    cosine = _reversal(compile, gradient_cosine)
    if cosine is not None and (cosine <= REVERSAL or cosine >= REVERSAL / 2):
        statement = _(
            "consecutive gradients of SGD have a cosine of {value:.2f} at their median; at -0.3 and below each "
            "step undoes the one before"
        ).format(value=cosine)
        status = Status.CONFIRMED if cosine <= REVERSAL else Status.RULED_OUT
        return status, Evidence(statement, quantity="gradient_cosine", value=cosine, threshold=REVERSAL)
    values = batch_loss.values
    batch = fit.batch_size or (data.n_train // fit.steps_per_epoch if data.n_train and fit.steps_per_epoch else 32)
    size = max(1, ROWS // max(batch, 1))
    means = values[: len(values) // size * size].reshape(-1, size).mean(axis=1)
    late = means[len(means) // 3 :]
    if len(late) < 10 or not np.isfinite(means).all() or means[0] <= 0:
        return Status.POSSIBLE, Evidence(_("measured, undecided: too few batch losses"), quantity="batch_loss")
    first, highest, typical = float(means[0]), float(late.max()), float(np.median(late))
    step = (len(means) // 3 + int(late.argmax())) * size + 1
    statement = _(
        "the mean loss of {rows} training rows began at {first:.3g}; late in the run it is {typical:.3g} at its median "
        "and jumps to {highest:.3g} in step {step}"
    ).format(rows=size * batch, first=first, typical=typical, highest=highest, step=step)
    statement += at_rate(compile, learning_rate)
    # of 24 real healthy runs none is, but for one whose rare class is in few batches (REAL_RUNS.md of the simulations)
    rare = split_labels is not None and _unevenness(split_labels) >= UNEVEN
    thrown_back = highest >= 0.5 * first and highest >= 3 * typical and not rare
    if not thrown_back:
        statement = _("measured, undecided: {statement}; whether gradients reverse {reason}").format(
            statement=statement,
            reason=_("was not measured (level full records it)")
            if gradient_cosine is None
            else _("tells nothing with {optimizer}").format(optimizer=compile.optimizer or _("this optimizer")),
        )
    status = Status.CONFIRMED if thrown_back else Status.POSSIBLE
    return status, Evidence(
        statement, quantity="batch_loss", when=When(step=step), value=highest / first, threshold=0.5
    )


def _reversal(compile: Compile, gradient_cosine: GradientCosine | None) -> float | None:
    """Median cosine of consecutive gradients over the last two thirds of plain SGD."""
    if gradient_cosine is None or compile.optimizer != "SGD" or compile.optimizer_config.get("momentum"):
        return None
    late = gradient_cosine.mean[len(gradient_cosine) // 3 :]
    late = late[np.isfinite(late)]
    return float(np.median(late)) if len(late) >= 50 else None


def batch_too_small(fit: Fit, batch_loss: BatchLoss | None = None) -> tuple[Status, Evidence]:
    """Whether the batches are so small that their gradients differ much."""
    if fit.batch_size is None:
        return Status.POSSIBLE, Evidence(_("not measured: the batch size is not known"))
    statement = _("batches of {size} rows").format(size=fit.batch_size)
    if batch_loss is not None:
        last = batch_loss.values[-max(20, len(batch_loss.step) // 5) :]
        if len(last) >= 20 and np.isfinite(last).all() and last.mean() > 0:
            statement = _("{statement}, whose losses spread by {spread:.0%} at the end").format(
                statement=statement, spread=float(last.std() / last.mean())
            )
    found = Evidence(statement, quantity="fit", value=float(fit.batch_size), threshold=128.0)
    if fit.batch_size >= 128:
        return Status.RULED_OUT, found
    undecided = _("measured, undecided: {statement}; a run with larger ones would tell").format(statement=statement)
    return Status.POSSIBLE, Evidence(undecided, quantity="fit", value=float(fit.batch_size), threshold=128.0)


def _unevenness(labels: SplitLabels) -> float:
    """Rows of the commonest class over those of the rarest, among the rows that train."""
    counts = [count for count in labels.train.values() if count]
    return max(counts) / min(counts) if counts and labels.kind == "classes" else 1.0


def uneven_classes(split_labels: SplitLabels) -> tuple[Status, Evidence]:
    """Whether some classes are far rarer than others."""
    counts = {label: count for label, count in split_labels.train.items() if count}
    if split_labels.kind != "classes" or len(counts) < 2:
        return Status.RULED_OUT, Evidence(_("the target is no class"), quantity="split_labels")
    rarest, commonest = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    ratio = _unevenness(split_labels)
    statement = _("label {rarest} has {few:,} training rows, label {commonest} {many:,}").format(
        rarest=rarest, few=counts[rarest], commonest=commonest, many=counts[commonest]
    )
    if ratio < UNEVEN:
        return Status.RULED_OUT, Evidence(statement, quantity="split_labels", value=ratio, threshold=UNEVEN)
    undecided = _("measured, undecided: {statement}").format(statement=statement)
    return Status.POSSIBLE, Evidence(undecided, quantity="split_labels", value=ratio, threshold=UNEVEN)


def no_regularization(model: Model) -> tuple[Status, Evidence]:
    """Whether nothing holds the weights back."""
    if not model.layers:
        return Status.POSSIBLE, Evidence(_("not measured: the layers are not recorded"), quantity="model")
    held = [layer.name for layer in model.layers if layer.regularized or (layer.rate or 0) > 0]
    if held:
        return Status.RULED_OUT, Evidence(
            _("regularized by {names}").format(names=", ".join(held[:3])), quantity="model", value=float(len(held))
        )
    return Status.POSSIBLE, Evidence(
        _("measured, undecided: none of the {count} layers drops units or has a regularizer").format(
            count=len(model.layers)
        ),
        quantity="model",
        value=0.0,
    )


def small_dataset(data: Data) -> tuple[Status, Evidence]:
    """Whether there are few rows to train with."""
    if data.n_train is None:
        return Status.POSSIBLE, Evidence(_("not measured: the number of training rows is not known"))
    statement = _("{rows:,} training rows").format(rows=data.n_train)
    if data.n_train >= 10_000:
        return Status.RULED_OUT, Evidence(statement, quantity="data", value=float(data.n_train), threshold=10_000.0)
    undecided = _("measured, undecided: {statement}; only more of them would tell").format(statement=statement)
    return Status.POSSIBLE, Evidence(undecided, quantity="data", value=float(data.n_train), threshold=10_000.0)


class OscillatingValidation(Rule):
    """The validation curve jumps up and down from epoch to epoch, more than its validation set explains.

    ## What it sees
    The swing of every validation metric that counts right and wrong rows, over the last two thirds of the run,
    against its sampling error sqrt(p (1 - p) / n). The epochs share one validation set, so a healthy run shows only
    a third of that error; the rule fires from 1.5 on (2.5 before 25 epochs, while learning is fast), at two looks
    in a row, if the swing is at least one point and the curve turned at least twice by more than 1.5 errors both
    ways. The mean squared error of a regression has a sampling error of sqrt(2 / n) of its level: there it fires
    from 1.2 on, from a tenth of the level and three turns on, after 25 epochs. Cross-entropies are not looked at:
    late in a healthy run they jump by half of what little is left, while no more rows are wrong.

    ## How it is told apart
    Sampling noise is ruled out by the ratio itself. A learning rate too large for these batches: the training loss
    of 64 rows in a row still jumps back to half of its first value, long after it was a third of that; or, with plain
    SGD and at level full, consecutive gradients point against each other. Batch size,
    class shares, regularization and the size of the data set are measured and stated; whether they are the cause
    only another run tells.

    ## Remedies
    A smaller learning rate; larger batches; the same label shares in both parts; Dropout and L2.

    ## References
    keras-team/keras#3559; Google, Deep Learning Tuning Playbook, on noisy validation curves (batch variance, small
    validation sets, a learning rate too high late in training).
    """

    family = "optimization"
    severity = Severity.WARNING
    message = _("The validation curve oscillates: {statement}.")

    causes = (
        Cause(
            "learning-rate-too-large",
            _("the steps are too long for these batches"),
            examine=learning_rate_too_large,
            remedies=(ReduceOnPlateau(), SmallerLearningRate()),
        ),
        Cause(
            "batch-too-small",
            _("the batches are small, so their gradients differ"),
            examine=batch_too_small,
            remedies=(LargerBatch(),),
        ),
        Cause(
            "uneven-classes",
            _("some classes are rare"),
            examine=uneven_classes,
            remedies=(StratifiedSplit(),),
        ),
        Cause(
            "no-regularization",
            _("nothing smooths the network"),
            examine=no_regularization,
            remedies=(Dropout(), WeightRegularization()),
        ),
        Cause(
            "small-dataset",
            _("the data set is small"),
            examine=small_dataset,
            remedies=(ShiftSentences(), ImageAugmentation(), NoiseOnInputs()),
        ),
        Cause(
            "sampling-noise",
            _("the validation set is too small to show less; nothing is wrong"),
            examine=sampling_noise,
        ),
    )

    examples = (
        Unhealthy(digits_with_long_steps, confirms=("learning-rate-too-large",)),
        Healthy(shuffled_digits),
        Healthy(digits_with_dropout),
    )

    def check(
        self, metrics: Mapping[str, Metric], data: Data, compile: Compile, split_labels: SplitLabels | None = None
    ) -> list[Evidence] | None:
        counted = [metric for metric in metrics.values() if metric.proportion and len(metric.validation)]
        regression = [metrics["loss"]] if _is_regression(compile) and "loss" in metrics else []
        regression = [metric for metric in regression if len(metric.validation)]
        if not (counted or regression) or data.n_validation is None:
            raise NotMeasured(_("a validation accuracy and its number of rows"))
        if (
            split_labels is not None
            and split_labels.kind == "classes"
            and not statistics.alike(list(split_labels.train.values()), list(split_labels.validation.values()))
        ):
            raise NotMeasured(_("validation rows with the labels of the training rows"))
        found = [_oscillation(metric, data.n_validation) for metric in counted]
        found += [_unsteady(metric, data.n_validation) for metric in regression]
        return sorted((evidence for evidence in found if evidence), key=lambda evidence: -(evidence.value or 0)) or None


def _is_regression(compile: Compile) -> bool:
    names = {loss.name.replace("_", "").lower() for loss in compile.losses}
    return len(names) == 1 and names <= {"meansquarederror", "mse"}


def _oscillation(metric: Metric, n: int) -> Evidence | None:
    swing = statistics.swing(metric.validation, n)
    if swing is None or swing.size < 0.01 or swing.reversals < 2:
        return None
    # healthy runs that alarm once or more, with a look at every epoch: 0.0 % (tests/accuracy/simulations); of 69 real
    # ones 1 on the way and none at its end (OPTIMIZATION.md there)
    limit = RATIO if np.isfinite(metric.validation).sum() >= LONG else SHORT_RATIO
    before = statistics.swing(metric.validation[:-1], n)
    # two looks in a row: one jump out of a fast rise is none
    if swing.ratio <= limit or before is None or before.ratio <= limit:
        return None
    statement = _(
        "val_{name} swings by {size:.1f} points from epoch to epoch, {ratio:.1f} times the {error:.1f} points that "
        "{n:,} rows are uncertain by"
    )
    return Evidence(
        statement.format(name=metric.name, size=100 * swing.size, ratio=swing.ratio, error=100 * swing.error, n=n),
        quantity="history",
        where=f"val_{metric.name}",
        value=swing.ratio,
        threshold=limit,
    )


def _unsteady(metric: Metric, n: int) -> Evidence | None:
    """The same for the loss of a regression, against the sampling error of a mean of squares."""
    values = metric.validation[np.isfinite(metric.validation)]
    if len(values) < LONG or values.min() <= 0 or n < 30:
        return None
    last = values[len(values) // 3 :]
    size = float(np.sqrt((np.diff(last, 2) ** 2).mean() / 6) / np.median(last))
    steps = np.diff(last)
    large = np.abs(steps) > 0.1 * np.median(last)
    turns = int(((steps[1:] * steps[:-1] < 0) & large[1:] & large[:-1]).sum())
    # squares of normal errors have a relative error of sqrt(2 / n); of 11 real healthy regressions none is above 0.6
    ratio = size / float(np.sqrt(2 / n))
    if ratio <= REGRESSION_RATIO or size < 0.1 or turns < 3:
        return None
    statement = _(
        "val_{name} swings by {size:.0%} of its level from epoch to epoch, {ratio:.1f} times the {error:.0%} that "
        "{n:,} rows are uncertain by"
    )
    return Evidence(
        statement.format(name=metric.name, size=size, ratio=ratio, error=float(np.sqrt(2 / n)), n=n),
        quantity="history",
        where=f"val_{metric.name}",
        value=ratio,
        threshold=REGRESSION_RATIO,
    )
