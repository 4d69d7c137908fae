"""`loss-accuracy-disagreement`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examples import digits_with_dropout, flipped_classes, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import Fit, Metric
from kerasdoctor.remedies.keep_best import KeepBest
from kerasdoctor.remedies.label_smoothing import LabelSmoothing
from kerasdoctor.remedies.stop_on_accuracy import StopOnAccuracy
from kerasdoctor.remedies.weight_regularization import WeightRegularization
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Share of the rise, in logarithms, that is more loss for each wrong row; the rest is more wrong rows.
MOSTLY = 2 / 3


def over_confidence(evidence: Evidence, loss: Metric, metrics: Mapping[str, Metric]) -> tuple[Status, Evidence]:
    """Whether the wrong rows alone account for the level of the loss: then they are wrong with great certainty."""
    accuracy = _accuracy(metrics)
    share = np.nan if accuracy is None else statistics.level(accuracy.validation, len(accuracy.validation) - 1)
    level = statistics.level(loss.validation, len(loss.validation) - 1)
    if not 0 < 1 - share < 1 or not np.isfinite(level):
        return Status.POSSIBLE, Evidence(_("not measured: the share of wrong rows is not known"), quantity="history")
    # the right rows have a loss of 0 or more: what they carry makes this an upper bound
    bound = level / (1 - share)
    statement = _("{wrong:.1%} of the rows are wrong; if they carried all of val_loss they would have {each:.2g} each")
    statement = statement.format(wrong=1 - share, each=bound)
    # a wrong row that was judged even between two classes has ln 2
    if bound > 3 * np.log(2):
        statement = _("{statement}, a probability of {chance:.2g} for their true class").format(
            statement=statement, chance=float(np.exp(-min(bound, 700)))
        )
        found = Evidence(statement, quantity="history", value=float(bound), threshold=3 * np.log(2))
        onset = evidence.when.epoch - 1 if evidence.when and evidence.when.epoch else 0
        if accuracy is not None and not _held(accuracy, onset):
            undecided = _("measured, undecided: {statement}; but more rows are wrong, too")
            return Status.POSSIBLE, replace(found, statement=undecided.format(statement=statement))
        return Status.CONFIRMED, found
    statement = _("measured, undecided: {statement}").format(statement=statement)
    return Status.POSSIBLE, Evidence(statement, quantity="history", value=float(bound), threshold=3 * np.log(2))


def few_heavy_rows() -> tuple[Status, Evidence]:
    """Whether a handful of rows carries the rise, which needs the loss of single rows."""
    statement = _(
        "not measured: the loss of single validation rows is not recorded; sort "
        "the rows by -log of the probability that model.predict gives their true class"
    )
    return Status.POSSIBLE, Evidence(statement)


def monitored_loss(fit: Fit) -> tuple[Status, Evidence]:
    """Whether a callback judges the epochs by the loss, against the accuracy."""
    watched = [
        kind
        for kind, settings in zip(fit.callbacks, fit.callback_settings, strict=False)
        if settings.get("monitor") == "val_loss" and kind in {"EarlyStopping", "ModelCheckpoint"}
    ]
    if watched:
        statement = _("{names}: monitor='val_loss' keeps an early epoch, though the accuracy did not fall")
        return Status.CONFIRMED, Evidence(statement.format(names=", ".join(watched)), quantity="fit", value=1.0)
    statement = _("no EarlyStopping or ModelCheckpoint among the callbacks judges by val_loss")
    return Status.RULED_OUT, Evidence(statement, quantity="fit", value=0.0)


class LossAccuracyDisagreement(Rule):
    """The validation loss rises while the validation accuracy holds or rises.

    ## What it sees
    A lasting rise of the validation loss, judged as `overfitting` judges it (a tenth of its lowest level, six times
    its noise, going on), behind whose onset the validation accuracy did not fall: the last three epochs are at least
    as good as those around the onset, within a third of the sampling error of the validation set; or it fell by one
    sampling error at most, or so little that more than two thirds of the rise are more loss for each wrong row (the
    loss over the share of wrong rows, both in logarithms). Where the accuracy is that of guessing the most frequent
    class it has nowhere to fall, and the rule does not look. Loss and accuracy are two things: the loss counts how sure
    the network is, the accuracy only on which side of the border a row lies.

    ## How it is told apart
    Over-confidence: the share of wrong rows says how large the loss of each of them can be at most; above three times
    ln 2 they are given next to no probability. It is the cause where the accuracy held, and one of two where it fell.
    Few heavy rows: the loss of single rows would tell, which Keras does not report. A monitored loss: a callback that
    keeps or stops by val_loss throws the better epochs away.

    ## Remedies
    Judge by what matters: keep, or stop by, the best validation accuracy. Against over-confidence label smoothing or
    L2. If the probabilities themselves are used, the epoch of the lowest loss is the better one.

    ## References
    Guo et al. (2017), On calibration of modern neural networks; keras-team/keras#3755, #5359, #7866, #19676.
    """

    family = "generalization"
    severity = Severity.WARNING
    message = _("Loss and accuracy disagree: {statement}.")

    causes = (
        Cause(
            "over-confidence",
            _("the network grows surer of its errors, not worse"),
            examine=over_confidence,
            remedies=(KeepBest(), LabelSmoothing(), WeightRegularization()),
        ),
        Cause(
            "monitored-loss",
            _("a callback judges by the loss"),
            examine=monitored_loss,
            remedies=(KeepBest(), StopOnAccuracy()),
        ),
        Cause("few-heavy-rows", _("few rows carry the loss"), examine=few_heavy_rows, remedies=(LabelSmoothing(),)),
    )

    examples = (
        Unhealthy(flipped_classes, confirms=("over-confidence",)),
        Healthy(shuffled_digits),
        Healthy(digits_with_dropout),
    )

    def check(
        self, loss: Metric, metrics: Mapping[str, Metric], split_labels: SplitLabels | None = None
    ) -> list[Evidence] | None:
        accuracy = _accuracy(metrics)
        if accuracy is None or not np.isfinite(loss.validation).any():
            raise NotMeasured(_("val_loss and a validation accuracy"))
        if (
            split_labels is not None
            and split_labels.kind == "classes"
            and not statistics.alike(list(split_labels.train.values()), list(split_labels.validation.values()))
        ):
            raise NotMeasured(_("validation rows with the labels of the training rows"))
        onset = statistics.lasting_rise(loss.validation)
        if onset is None:
            return None
        last = len(loss.validation) - 1
        before, after = (statistics.level(accuracy.validation, index) for index in (onset.index, last))
        if not 0 <= before <= 1 or not 0 <= after <= 1 or _is_guessing(after, accuracy.n_validation, split_labels):
            return None
        held = _held(accuracy, onset.index)
        by_chance = after >= before - 3 * _error(before, accuracy.n_validation)
        if not held and not by_chance and not _certainty(onset, before, after) > MOSTLY:
            return None
        statement = _(
            "val_loss rose by {rise:.0%} since epoch {epoch}, while val_{name} did not fall "
            "({before:.1%} there, now {after:.1%})"
        )
        if not held:
            statement = _(
                "val_loss rose by {rise:.0%} since epoch {epoch}, and val_{name} went only from {before:.1%} to "
                "{after:.1%}: {share:.0%} of the rise is that each wrong row costs more"
            )
        return [
            Evidence(
                statement.format(
                    rise=onset.rise / onset.level,
                    epoch=onset.index + 1,
                    name=accuracy.name,
                    before=before,
                    after=after,
                    share=_certainty(onset, before, after),
                ),
                quantity="history",
                where="val_loss",
                when=When(onset.index + 1),
                value=onset.rise / onset.level,
                threshold=statistics.LEAST_RISE,
            )
        ]


def _accuracy(metrics: Mapping[str, Metric]) -> Metric | None:
    """The first share of right rows that was validated."""
    return next(
        (
            metric
            for metric in metrics.values()
            if metric.proportion and metric.direction == "up" and np.isfinite(metric.validation).any()
        ),
        None,
    )


def _held(accuracy: Metric, onset: int) -> bool:
    """Whether the accuracy is as good at the end as it was at an epoch, within what the same rows show by chance."""
    series = accuracy.validation
    before, after = (statistics.level(series, index) for index in (onset, len(series) - 1))
    return bool(after >= before - _error(before, accuracy.n_validation))


def _certainty(onset: statistics.Onset, before: float, after: float) -> float:
    """Share of the rise that each wrong row carries more; 0 where it cannot be told."""
    if not 0 < after < before < 1 or onset.rise <= 0:
        return 0.0
    return 1 - float(np.log((1 - after) / (1 - before)) / np.log1p(onset.rise / onset.level))


def _is_guessing(share: float, n: int | None, labels: SplitLabels | None) -> bool:
    """Whether a share of right rows is no better than that of the most frequent class, by two sampling errors."""
    counts = list(labels.validation.values()) if labels is not None and labels.kind == "classes" else []
    if not sum(counts):
        return False
    most = max(counts) / sum(counts)
    return share <= most + 2 * float(np.sqrt(most * (1 - most) / (n or sum(counts))))


def _error(share: float, n: int | None) -> float:
    """Sampling error of a share of `n` rows; half a point where their number is not known."""
    # a third of it is what the same rows show from epoch to epoch (tests/accuracy/simulations, `swing`)
    return float(np.sqrt(share * (1 - share) / n)) / 3 if n else 0.005
