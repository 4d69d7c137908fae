"""`trained-too-long`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status, When
from kerasdoctor.examples import digits_with_dropout, flipped_classes, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import Fit, Metric, Outcome
from kerasdoctor.remedies.early_stopping import EarlyStopping
from kerasdoctor.remedies.keep_best import KeepBest
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

#: Share of the run behind the best level that is called long.
LONG = 0.5


def best_epoch_not_kept(fit: Fit) -> tuple[Status, Evidence]:
    """Whether no callback keeps or restores the best epoch."""
    stops = any(settings.get("restore_best_weights") for settings in fit.settings_of("EarlyStopping"))
    saves = any(settings.get("save_best_only") for settings in fit.settings_of("ModelCheckpoint"))
    if stops or saves:
        kept = "EarlyStopping(restore_best_weights=True)" if stops else "ModelCheckpoint(save_best_only=True)"
        return Status.RULED_OUT, Evidence(_("{kept} keeps it").format(kept=kept), quantity="fit", value=1.0)
    statement = _(
        "no EarlyStopping that restores and no ModelCheckpoint that saves the best epoch is among the callbacks"
    )
    return Status.CONFIRMED, Evidence(statement, quantity="fit", value=0.0)


def too_many_epochs(evidence: Evidence, fit: Fit, loss: Metric) -> tuple[Status, Evidence]:
    """Whether the number of epochs was fixed with nothing to end it."""
    best = evidence.when.epoch if evidence.when and evidence.when.epoch else 1
    statement = _("{behind} of {epochs} epochs were trained behind epoch {best}").format(
        behind=len(loss.validation) - best, epochs=len(loss.validation), best=best
    )
    if "EarlyStopping" in fit.callbacks:
        statement = _("measured, undecided: {statement}, and EarlyStopping did not end them").format(
            statement=statement
        )
        return Status.POSSIBLE, Evidence(statement, quantity="fit", value=evidence.value, threshold=LONG)
    statement = _("{statement}, with nothing to end them").format(statement=statement)
    return Status.CONFIRMED, Evidence(statement, quantity="fit", value=evidence.value, threshold=LONG)


class TrainedTooLong(Rule):
    """Training went on for more than half of the run behind the best epoch, and what is left is a worse network.

    ## What it sees
    A run that has ended. The validation loss rose for good (as `overfitting` judges it: a tenth of its lowest level,
    six times its noise, going on), its lowest level lies in the first half, and the validation accuracy, where there
    is one, is not better than at that epoch by more than half a point. The weights that the model holds now are
    those of the last epoch: Keras keeps no others by itself. With an accuracy that still improved, the longer run was
    worth it and the rule says nothing.

    ## How it is told apart
    Best epoch not kept: neither EarlyStopping with restore_best_weights nor ModelCheckpoint with save_best_only is
    among the callbacks. Too many epochs: their number was fixed, and no callback ends the run.

    ## Remedies
    A checkpoint of the epoch with the best validation accuracy (or loss); EarlyStopping that restores it.

    ## References
    Prechelt (1998), Early stopping - but when?; keras-team/keras#12511 (weights after EarlyStopping).
    """

    family = "generalization"
    severity = Severity.INFO
    message = _("Trained too long: {statement}.")

    causes = (
        Cause(
            "best-epoch-not-kept",
            _("nothing keeps the best epoch"),
            examine=best_epoch_not_kept,
            remedies=(KeepBest(), EarlyStopping()),
        ),
        Cause(
            "too-many-epochs",
            _("the epochs are more than needed"),
            examine=too_many_epochs,
            remedies=(EarlyStopping(),),
        ),
    )

    examples = (
        Unhealthy(flipped_classes, confirms=("best-epoch-not-kept", "too-many-epochs")),
        Healthy(shuffled_digits),
        Healthy(digits_with_dropout),
    )

    def check(
        self,
        loss: Metric,
        metrics: Mapping[str, Metric],
        outcome: Outcome,
        split_labels: SplitLabels | None = None,
    ) -> Evidence | None:
        if outcome.status not in {"finished", "interrupted"}:
            return None
        if not np.isfinite(loss.validation).any():
            raise NotMeasured("val_loss")
        if (
            split_labels is not None
            and split_labels.kind == "classes"
            and not statistics.alike(list(split_labels.train.values()), list(split_labels.validation.values()))
        ):
            raise NotMeasured(_("validation rows with the labels of the training rows"))
        onset = statistics.lasting_rise(loss.validation)
        epochs = len(loss.validation)
        if onset is None or epochs - onset.index - 1 < LONG * epochs:
            return None
        if any(_improved(metric, onset.index) for metric in metrics.values()):
            return None
        statement = _(
            "val_loss was best in epoch {best} of {epochs} ({least:.3g}) and rises from epoch {turn} on; the model "
            "holds the weights of the last epoch ({last:.3g})"
        )
        validated = np.flatnonzero(np.isfinite(loss.validation))
        best = int(validated[loss.validation[validated].argmin()])
        return Evidence(
            statement.format(
                best=best + 1,
                epochs=epochs,
                least=loss.validation[best],
                turn=onset.index + 1,
                last=loss.validation[validated[-1]],
            ),
            quantity="history",
            where="val_loss",
            when=When(onset.index + 1),
            value=(epochs - onset.index - 1) / epochs,
            threshold=LONG,
        )


def _improved(metric: Metric, index: int) -> bool:
    """Whether a share of right rows is now better than it was around an epoch, by more than half a point."""
    if not metric.proportion or metric.direction != "up" or not len(metric.validation):
        return False
    before, after = (statistics.level(metric.validation, place) for place in (index, len(metric.validation) - 1))
    return bool(after > before + 0.005)
