"""`oscillating-validation`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examples import digits_with_dropout, digits_with_long_steps, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import Compile, Data, Fit, Metric, Model
from kerasdoctor.remedies.dropout import Dropout
from kerasdoctor.remedies.larger_batch import LargerBatch
from kerasdoctor.remedies.smaller_learning_rate import SmallerLearningRate
from kerasdoctor.remedies.stratified_split import StratifiedSplit
from kerasdoctor.remedies.weight_regularization import WeightRegularization
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Rows whose mean loss is compared with that of the first: a single small batch jumps by chance.
ROWS = 64
#: Times that the commonest class is as frequent as the rarest, from where on classes are uneven.
UNEVEN = 3.0


def sampling_noise(evidence: Evidence) -> tuple[Status, Evidence]:
    """Whether a validation set of this size shows such swings by itself."""
    statement = _("the swings are {value:.1f} sampling errors of the validation set; by chance they stay below 1.5")
    return Status.RULED_OUT, Evidence(
        statement.format(value=evidence.value),
        quantity="history",
        where=evidence.where,
        value=evidence.value,
        threshold=evidence.threshold,
    )


def learning_rate_too_large(
    batch_loss: BatchLoss, fit: Fit, data: Data, compile: Compile, split_labels: SplitLabels | None = None
) -> tuple[Status, Evidence]:
    """Whether single steps throw the training loss back to where it began."""
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
    if compile.learning_rate is not None:
        statement += _(", at a learning rate of {rate:g}").format(rate=compile.learning_rate)
    # of 24 real healthy runs none is, but for one whose rare class is in few batches (REAL_RUNS.md of the simulations)
    rare = split_labels is not None and _unevenness(split_labels) >= UNEVEN
    thrown_back = highest >= 0.5 * first and highest >= 3 * typical and not rare
    if not thrown_back:
        statement = _("measured, undecided: {statement}").format(statement=statement)
    status = Status.CONFIRMED if thrown_back else Status.POSSIBLE
    return status, Evidence(
        statement, quantity="batch_loss", when=When(step=step), value=highest / first, threshold=0.5
    )


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
    """The validation accuracy jumps up and down from epoch to epoch, more than its validation set explains.

    ## What it sees
    The swing of every validation metric that counts right and wrong rows, over the last two thirds of the run,
    against its sampling error sqrt(p (1 - p) / n). The epochs share one validation set, so a healthy run shows only a
    third of that error; the rule fires from 1.5 on, if the swing is at least one point and the curve turned at least
    twice by more than 1.5 errors both ways. For losses and regression metrics the error of one epoch is not recorded:
    the rule does not look at them.

    ## How it is told apart
    Sampling noise is ruled out by the ratio itself. A learning rate too large for these batches: the training loss
    of 64 rows in a row still jumps back to half of its first value, long after it was a third of that. Batch size,
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
            remedies=(SmallerLearningRate(),),
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
        Cause("small-dataset", _("the data set is small"), examine=small_dataset),
        Cause("sampling-noise", _("the validation set is too small to show less"), examine=sampling_noise),
    )

    examples = (
        Unhealthy(digits_with_long_steps, confirms=("learning-rate-too-large",)),
        Healthy(shuffled_digits),
        Healthy(digits_with_dropout),
    )

    def check(
        self, metrics: Mapping[str, Metric], data: Data, split_labels: SplitLabels | None = None
    ) -> list[Evidence] | None:
        counted = [metric for metric in metrics.values() if metric.proportion and len(metric.validation)]
        if not counted or data.n_validation is None:
            raise NotMeasured(_("a validation accuracy and its number of rows"))
        if (
            split_labels is not None
            and split_labels.kind == "classes"
            and not statistics.alike(list(split_labels.train.values()), list(split_labels.validation.values()))
        ):
            raise NotMeasured(_("validation rows with the labels of the training rows"))
        found = [_oscillation(metric, data.n_validation) for metric in counted]
        return sorted((evidence for evidence in found if evidence), key=lambda evidence: -(evidence.value or 0)) or None


def _oscillation(metric: Metric, n: int) -> Evidence | None:
    swing = statistics.swing(metric.validation, n)
    # healthy runs that alarm once or more, with a look at every epoch: 0.0 % (tests/accuracy/simulations); of 24
    # real healthy runs none comes above R = 0.7
    if swing is None or swing.ratio <= 1.5 or swing.size < 0.01 or swing.reversals < 2:
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
        threshold=1.5,
    )
