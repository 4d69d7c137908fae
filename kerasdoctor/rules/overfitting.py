"""`overfitting`."""
# ruff: noqa: A002 - parts of the record are injected by their names, `compile` too

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examples import digits_with_dropout, mislabelled_digits, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import Compile, Data, Fit, Layer, Metric, Model, Outcome
from kerasdoctor.remedies.activity_regularization import ActivityRegularization
from kerasdoctor.remedies.dropout import Dropout
from kerasdoctor.remedies.early_stopping import EarlyStopping
from kerasdoctor.remedies.image_augmentation import ImageAugmentation
from kerasdoctor.remedies.keep_best import KeepBest
from kerasdoctor.remedies.noise_on_inputs import NoiseOnInputs
from kerasdoctor.remedies.shift_sentences import ShiftSentences
from kerasdoctor.remedies.weight_regularization import WeightRegularization
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy


def trained_too_long(evidence: Evidence, fit: Fit, outcome: Outcome, loss: Metric) -> tuple[Status, Evidence]:
    """Whether training went on behind the best epoch with nothing to come back to it."""
    onset = evidence.when.epoch if evidence.when and evidence.when.epoch else 1
    behind = len(loss.validation) - onset
    statement = _("{epochs} epochs were trained behind epoch {onset}, from which on val_loss rises").format(
        epochs=behind, onset=onset
    )
    if "EarlyStopping" in fit.callbacks:
        statement = _("measured, undecided: {statement}, and EarlyStopping did not stop it").format(statement=statement)
        return Status.POSSIBLE, Evidence(statement, quantity="fit", when=evidence.when, value=float(behind))
    statement = _("{statement}, and no EarlyStopping is among the callbacks").format(statement=statement)
    if outcome.status == "running":
        statement = _("{statement} (so far)").format(statement=statement)
    return Status.CONFIRMED, Evidence(statement, quantity="fit", when=evidence.when, value=float(behind))


def no_regularization(model: Model, compile: Compile) -> tuple[Status, Evidence]:
    """Whether nothing holds the weights back."""
    if not model.layers:
        return Status.POSSIBLE, Evidence(_("not measured: the layers are not recorded"), quantity="model")
    held = [layer.name for layer in model.layers if _regularizes(layer)]
    if compile.optimizer.lower() in {"adamw", "lion"}:
        held.append(_("the weight decay of {optimizer}").format(optimizer=compile.optimizer))
    if held:
        return Status.RULED_OUT, Evidence(
            _("regularized by {names}").format(names=", ".join(held[:3])), quantity="model", value=float(len(held))
        )
    return Status.CONFIRMED, Evidence(
        _("none of the {count} layers drops units, adds noise or has a regularizer").format(count=len(model.layers)),
        quantity="model",
        value=0.0,
    )


def small_dataset(data: Data, model: Model) -> tuple[Status, Evidence]:
    """Whether there are few rows for the weights that are trained."""
    rows, weights = data.n_train, model.trainable_parameters
    if rows is None or not weights:
        return Status.POSSIBLE, Evidence(_("not measured: the number of rows or of weights is not known"))
    statement = _("{rows:,} rows for {weights:,} trainable weights").format(rows=rows, weights=weights)
    if rows >= 10 * weights:
        return Status.RULED_OUT, Evidence(statement, quantity="data", value=rows / weights, threshold=10.0)
    # no ratio of rows to weights is a law: networks with more weights than rows are the rule
    statement = _("measured, undecided: {statement}; only more rows, or augmented ones, would tell").format(
        statement=statement
    )
    return Status.POSSIBLE, Evidence(statement, quantity="data", value=rows / weights, threshold=10.0)


class Overfitting(Rule):
    """The validation loss rises again while the training loss goes on falling.

    ## What it sees
    The epoch from which on the validation loss no longer falls but rises: the turn of the curve that fits it best in
    one fall and one rise. The rise is at least a tenth of the lowest level, 2 % of the fall before, and six times
    the noise of the curve; it goes on (Mann-Kendall, p < .01); it was there one epoch ago; and the training loss is
    lower than at the turn, by 1 % and beyond its noise. A run that EarlyStopping watches or has stopped is treated
    already. Validation rows with other labels than the training rows are no measure of this: then the rule does not
    look.

    ## How it is told apart
    Trained too long: nothing among the callbacks stops behind the best epoch. No regularization: no layer that drops
    units, adds noise or has a regularizer, and no weight decay. A small data set: rows for each trainable weight, a
    hint and no proof. Where the validation accuracy does not fall the network is over-confident rather than worse:
    it is wrong about the same rows, and surer of it.

    ## Remedies
    EarlyStopping with the weights of the best epoch, or a checkpoint of it; Dropout where most parameters are; L1 and
    L2 on kernels and activations; more rows, by augmentation: sentences shifted cyclically, images moved and turned,
    noise on the features of a table.

    ## References
    Prechelt (1998), Early stopping - but when?; Guo et al. (2017), On calibration of modern neural networks;
    keras-team/keras#3755 (rising loss, rising accuracy).
    """

    family = "generalization"
    severity = Severity.WARNING
    message = _("The network overfits: {statement}.")

    causes = (
        Cause(
            "trained-too-long",
            _("it was trained behind its best epoch"),
            examine=trained_too_long,
            remedies=(EarlyStopping(), KeepBest()),
        ),
        Cause(
            "no-regularization",
            _("nothing keeps the network from learning single rows by heart"),
            examine=no_regularization,
            remedies=(Dropout(), WeightRegularization(), ActivityRegularization()),
        ),
        Cause(
            "small-dataset",
            _("the data set is small for this network"),
            examine=small_dataset,
            remedies=(ShiftSentences(), ImageAugmentation(), NoiseOnInputs()),
        ),
    )

    examples = (
        Unhealthy(mislabelled_digits, confirms=("trained-too-long", "no-regularization")),
        Healthy(shuffled_digits),
        Healthy(digits_with_dropout),
    )

    def check(
        self,
        loss: Metric,
        metrics: Mapping[str, Metric],
        fit: Fit,
        outcome: Outcome,
        split_labels: SplitLabels | None = None,
    ) -> list[Evidence] | None:
        if not np.isfinite(loss.validation).any():
            raise NotMeasured("val_loss")
        if (
            split_labels is not None
            and split_labels.kind == "classes"
            and not statistics.alike(list(split_labels.train.values()), list(split_labels.validation.values()))
        ):
            raise NotMeasured(_("validation rows with the labels of the training rows"))
        if "EarlyStopping" in fit.callbacks and outcome.status in {"running", "stopped_early"}:
            # the treatment is under way, or did its work
            return None
        onset = statistics.overfits(loss.train, loss.validation)
        if onset is None:
            return None
        at_onset, at_end = (statistics.level(loss.train, index) for index in (onset.index, len(loss.train) - 1))
        statement = _(
            "val_loss rose by {rise:.0%} since epoch {epoch}, from {level:.3g} to {now:.3g}, while loss fell from "
            "{first:.3g} to {last:.3g} (means over neighbouring epochs)"
        )
        found = [
            Evidence(
                statement.format(
                    rise=onset.rise / onset.level,
                    epoch=onset.index + 1,
                    level=onset.level,
                    now=onset.level + onset.rise,
                    first=at_onset,
                    last=at_end,
                ),
                quantity="history",
                where="val_loss",
                when=When(onset.index + 1),
                value=onset.rise / onset.level,
                threshold=statistics.LEAST_RISE,
            )
        ]
        accuracy = next((metric for metric in metrics.values() if metric.proportion and len(metric.validation)), None)
        if accuracy is not None:
            found += _accuracy(accuracy, onset.index)
        return found


def _accuracy(metric: Metric, onset: int) -> list[Evidence]:
    """Whether the share of right rows fell with the loss."""
    before, after = (
        statistics.level(metric.validation, onset),
        statistics.level(metric.validation, len(metric.validation) - 1),
    )
    if not np.isfinite(before) or not np.isfinite(after):
        return []
    if after >= before - 0.005:
        statement = _(
            "val_{name} did not fall ({before:.1%}, now {after:.1%}): the network is over-confident rather than worse"
        )
    else:
        statement = _("val_{name} fell from {before:.1%} to {after:.1%}")
    return [
        Evidence(
            statement.format(name=metric.name, before=before, after=after),
            quantity="history",
            where=f"val_{metric.name}",
            when=When(onset + 1),
            value=after - before,
        )
    ]


def _regularizes(layer: Layer) -> bool:
    """Whether a layer drops units, adds noise, augments, or has a regularizer."""
    noisy = layer.kind.startswith("Random") or layer.kind in {"GaussianNoise", "RandAugment", "MixUp", "CutMix"}
    return noisy or layer.regularized or ("Dropout" in layer.kind and (layer.rate is None or layer.rate > 0))
