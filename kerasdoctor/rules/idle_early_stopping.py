"""`idle-early-stopping`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kerasdoctor import statistics
from kerasdoctor.diagnosis import Evidence, Severity, Status
from kerasdoctor.examples import mislabelled_digits, shuffled_digits
from kerasdoctor.locale import _
from kerasdoctor.record import Fit, Metric, Outcome, TrainingRecord
from kerasdoctor.remedies.working_early_stopping import WorkingEarlyStopping
from kerasdoctor.rule import Cause, Healthy, NotMeasured, Rule, Unhealthy

History = Mapping[str, list[float]]


def _keys(history: History, outcome: Outcome) -> list[str]:
    """What is logged, or would be; empty where that is not known."""
    return list(history) or list(outcome.logged)


def monitor_not_logged(fit: Fit, history: History, outcome: Outcome) -> tuple[Status, Evidence]:
    """Whether it watches something that is not in the logs."""
    settings = _settings(fit)
    monitor, keys = settings.get("monitor"), _keys(history, outcome)
    logged = ", ".join(keys[:8])
    if not isinstance(monitor, str) or not keys:
        return Status.POSSIBLE, Evidence(_("not measured: nothing is logged yet"), quantity="fit")
    if monitor in keys:
        return Status.RULED_OUT, Evidence(_("{monitor} is logged").format(monitor=monitor), quantity="history")
    statement = _("monitor={monitor!r} is not among the logs: {logged}").format(monitor=monitor, logged=logged)
    return Status.CONFIRMED, Evidence(statement, quantity="history", where=monitor)


def patience_too_long(fit: Fit) -> tuple[Status, Evidence]:
    """Whether the run is over before it may act."""
    settings = _settings(fit)
    needed, planned = _first_stop(settings), fit.epochs - fit.initial_epoch
    if needed is None:
        return Status.POSSIBLE, Evidence(_("not measured: the patience is not recorded"), quantity="fit")
    statement = _("patience={patience}{start}: it can act in epoch {needed} at the earliest, the run has {planned}")
    start = settings.get("start_from_epoch") or 0
    statement = statement.format(
        patience=settings.get("patience"),
        start=f", start_from_epoch={start}" if start else "",
        needed=needed,
        planned=planned,
    )
    if needed > planned and _brings_back(settings, planned):
        statement = _("{statement}; but restore_best_weights=True brings the best epoch back at its end").format(
            statement=statement
        )
    status = Status.CONFIRMED if _is_too_patient(settings, planned) else Status.RULED_OUT
    return status, Evidence(statement, quantity="fit", value=float(needed), threshold=float(planned))


def wrong_direction(fit: Fit, metrics: Mapping[str, Metric]) -> tuple[Status, Evidence]:
    """Whether its mode takes the worst epoch for the best."""
    settings = _settings(fit)
    monitor, mode = settings.get("monitor"), settings.get("mode")
    metric = metrics.get(str(monitor).removeprefix("val_"))
    if metric is None or metric.direction == "unknown":
        return Status.POSSIBLE, Evidence(_("not measured: which way this metric improves"), quantity="fit")
    statement = _("monitor={monitor!r} improves {way}, mode is {mode!r}").format(
        monitor=monitor, way=_("upwards") if metric.direction == "up" else _("downwards"), mode=mode
    )
    status = Status.CONFIRMED if _against(mode, metric) else Status.RULED_OUT
    return status, Evidence(statement, quantity="fit", where=str(monitor))


def weights_not_restored(fit: Fit, outcome: Outcome, metrics: Mapping[str, Metric]) -> tuple[Status, Evidence]:
    """Whether the model holds weights that are worse than those of the best epoch."""
    settings = _settings(fit)
    if settings.get("restore_best_weights"):
        return Status.RULED_OUT, Evidence(_("restore_best_weights=True"), quantity="fit", value=1.0)
    lost = _lost(settings, metrics)
    if lost is None:
        statement = _("restore_best_weights=False, but the last epoch is nearly as good as the best")
        return Status.RULED_OUT, Evidence(statement, quantity="history")
    best, last, epoch = lost
    statement = _(
        "restore_best_weights=False: {monitor} was {best:.3g} in epoch {epoch}, the weights kept have {last:.3g}"
    )
    statement = statement.format(monitor=settings.get("monitor"), best=best, epoch=epoch, last=last)
    if outcome.status == "running":
        return Status.POSSIBLE, Evidence(_("measured, undecided: {statement} so far").format(statement=statement))
    return Status.CONFIRMED, Evidence(statement, quantity="history", value=last, threshold=best)


def training_loss_watched(fit: Fit, loss: Metric) -> tuple[Status, Evidence]:
    """Whether it watches the training part, which goes on improving."""
    monitor = str(_settings(fit).get("monitor"))
    onset = statistics.overfits(loss.train, loss.validation)
    if monitor.startswith("val_") or onset is None:
        statement = _("it watches {monitor}, and no rise of val_loss was overlooked").format(monitor=monitor)
        if monitor.startswith("val_"):
            statement = _("it watches {monitor}").format(monitor=monitor)
        return Status.RULED_OUT, Evidence(statement, quantity="fit")
    statement = _("it watches {monitor}, while val_loss has risen by {rise:.0%} since epoch {epoch}")
    statement = statement.format(monitor=monitor, rise=onset.rise / onset.level, epoch=onset.index + 1)
    return Status.CONFIRMED, Evidence(statement, quantity="fit", value=onset.rise / onset.level)


def _watched(**settings: Any) -> TrainingRecord:
    """A run that overfits, with an EarlyStopping of these settings."""
    record = mislabelled_digits()
    known = {"monitor": "val_loss", "mode": "auto", "patience": 5, "restore_best_weights": False, "start_from_epoch": 0}
    written = f"[keras.callbacks.EarlyStopping({', '.join(f'{key}={value!r}' for key, value in settings.items())})]"
    record.fit = replace(record.fit, callbacks=("EarlyStopping",), callback_settings=({**known, **settings},))
    record.data = replace(record.data, containers={**record.data.containers, "callbacks": "list"})
    if record.source is not None:
        record.source = replace(
            record.source,
            call=record.source.call.replace(")", f", callbacks={written})"),
            arguments={**record.source.arguments, "callbacks": written},
        )
    return record


def unlogged_monitor() -> TrainingRecord:
    """A monitor by its Keras 2 name."""
    return _watched(monitor="val_acc", mode="max")


def long_patience() -> TrainingRecord:
    """A patience of as many epochs as are trained."""
    return _watched(patience=40)


class IdleEarlyStopping(Rule):
    """EarlyStopping is among the callbacks, and cannot do what it is there for.

    ## What it sees
    Facts of its settings against the run: a monitor that no epoch logs (Keras only warns); a patience, or
    start_from_epoch, that ends behind the last epoch, unless the best weights are restored, which Keras does at the end
    of a run that was not stopped, too; a mode against the way in which the metric improves; a monitor
    of the training part while the validation loss rises for good; and, when the run has ended, weights that validate
    worse than those of the best epoch by a tenth of its level, because restore_best_weights is False, which is
    Keras's default.

    ## How it is told apart
    Each of these is looked up by itself; more than one may apply.

    ## Remedies
    The same EarlyStopping with a monitor that is logged, its direction, a patience of a third of the run at most, and
    restore_best_weights=True.

    ## References
    Keras 3, callbacks/early_stopping.py; keras-team/keras#11371, #12511, #20323.
    """

    family = "generalization"
    severity = Severity.WARNING
    message = _("EarlyStopping does not do its work: {statement}.")

    causes = (
        Cause(
            "monitor-not-logged",
            _("what it watches is not logged"),
            examine=monitor_not_logged,
            remedies=(WorkingEarlyStopping(),),
        ),
        Cause(
            "patience-too-long",
            _("the run ends before its patience"),
            examine=patience_too_long,
            remedies=(WorkingEarlyStopping(),),
        ),
        Cause(
            "wrong-direction",
            _("it takes worse for better"),
            examine=wrong_direction,
            remedies=(WorkingEarlyStopping(),),
        ),
        Cause(
            "training-loss-watched",
            _("it watches the training part"),
            examine=training_loss_watched,
            remedies=(WorkingEarlyStopping(),),
        ),
        Cause(
            "weights-not-restored",
            _("the weights of the best epoch are gone"),
            examine=weights_not_restored,
            remedies=(WorkingEarlyStopping(),),
        ),
    )

    examples = (
        Unhealthy(unlogged_monitor, confirms=("monitor-not-logged",)),
        Unhealthy(long_patience, confirms=("patience-too-long", "weights-not-restored")),
        Healthy(shuffled_digits),
    )

    def check(
        self, fit: Fit, history: History, outcome: Outcome, metrics: Mapping[str, Metric], loss: Metric | None = None
    ) -> Evidence | None:
        if "EarlyStopping" not in fit.callbacks:
            return None
        settings = _settings(fit)
        monitor = settings.get("monitor")
        if not isinstance(monitor, str):
            raise NotMeasured(_("the settings of EarlyStopping"))
        planned, needed = fit.epochs - fit.initial_epoch, _first_stop(settings)
        metric = metrics.get(monitor.removeprefix("val_"))
        epochs = max((len(values) for values in history.values()), default=0)
        statement = ""
        keys = _keys(history, outcome)
        # with validation_freq > 1 the first validation may come later
        if keys and monitor not in keys and (epochs >= fit.validation_freq or not history):
            statement = _("it watches {monitor!r}, which is not logged, so it never stops the run")
        elif _is_too_patient(settings, planned):
            statement = _("the run has {planned} epochs and its patience ends in epoch {needed}, so it never stops it")
        elif metric is not None and _against(settings.get("mode"), metric):
            statement = _("it waits for {monitor!r} to get worse")
        elif (
            not monitor.startswith("val_")
            and loss is not None
            and statistics.overfits(loss.train, loss.validation) is not None
        ):
            statement = _("it watches {monitor!r} of the training part while val_loss rises")
        elif (
            outcome.status in {"finished", "stopped_early"}
            and not settings.get("restore_best_weights")
            and not any(saved.get("save_best_only") for saved in fit.settings_of("ModelCheckpoint"))
            and _lost(settings, metrics) is not None
        ):
            statement = _("it has not brought back the best epoch of {monitor!r}")
        if not statement:
            return None
        return Evidence(
            statement.format(monitor=monitor, planned=planned, needed=needed),
            quantity="fit",
            where=monitor,
            value=None if needed is None else float(needed),
            threshold=float(planned),
        )


def _settings(fit: Fit) -> Mapping[str, Any]:
    """Of the first EarlyStopping."""
    return next(iter(fit.settings_of("EarlyStopping")), {})


def _first_stop(settings: Mapping[str, Any]) -> int | None:
    """The earliest epoch, from 1, after which it may stop the run: the first value is always an improvement."""
    patience, start = settings.get("patience"), settings.get("start_from_epoch", 0)
    if not isinstance(patience, int) or not isinstance(start, int):
        return None
    return max(start, 0) + 1 + max(patience, 1)


def _brings_back(settings: Mapping[str, Any], planned: int) -> bool:
    """Whether it restores the best of the epochs that it watched, which Keras does without a stop, too."""
    start = settings.get("start_from_epoch") or 0
    return bool(settings.get("restore_best_weights")) and start < planned


def _is_too_patient(settings: Mapping[str, Any], planned: int) -> bool:
    """Whether it cannot act before the end of the run, neither by a stop nor by the weights that it restores."""
    needed = _first_stop(settings)
    return needed is not None and needed > planned and not _brings_back(settings, planned)


def _against(mode: Any, metric: Metric) -> bool:
    return (mode, metric.direction) in {("min", "up"), ("max", "down")}


def _lost(settings: Mapping[str, Any], metrics: Mapping[str, Metric]) -> tuple[float, float, int] | None:
    """Best value, last level and best epoch of what is watched, where the last is worse by a tenth of the best."""
    monitor = str(settings.get("monitor"))
    metric = metrics.get(monitor.removeprefix("val_"))
    if metric is None or not monitor.startswith("val_") or metric.direction == "unknown":
        return None
    seen = np.flatnonzero(np.isfinite(metric.validation))
    if len(seen) < statistics.SHORTEST_ONSET:
        return None
    values = metric.validation[seen]
    best = int(values.argmax() if metric.direction == "up" else values.argmin())
    level = float(values[best])
    # the last value is what is kept; the mean of three keeps one bad epoch from alarming
    kept = np.array([values[-1], statistics.level(values, len(values) - 1)])
    with np.errstate(over="ignore"):
        worse = float((level - kept if metric.direction == "up" else kept - level).min())
    return (level, float(values[-1]), int(seen[best]) + 1) if worse > statistics.LEAST_RISE * abs(level) > 0 else None
