"""The callback that records one fit."""

from __future__ import annotations

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec

import keras

from kerasdoctor import quantities
from kerasdoctor.engine import describe, diagnose
from kerasdoctor.instrumentation.observer import Observer, Progress
from kerasdoctor.instrumentation.summaries import compilation, data, model
from kerasdoctor.quantities import BatchTap, EpochTap, Quantity
from kerasdoctor.record import Failure, Fit, Outcome, Status, TrainingRecord
from kerasdoctor.report import Report

P = ParamSpec("P")

#: Share of the elapsed time that looking at the record may take while the model trains.
LIVE_SHARE = 0.005


def guarded(
    method: Callable[Concatenate[FitRecorder, P], None],
) -> Callable[Concatenate[FitRecorder, P], None]:
    """A crash of our own is noted once per place and never reaches the training."""

    def guard(self: FitRecorder, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:
            self.note_failure(method.__name__, error)

    functools.update_wrapper(guard, method)
    return guard


class FitRecorder(keras.callbacks.Callback):
    """Records one call of `fit` and diagnoses it while it runs.

    It reads, and changes nothing: no key of the logs, no state of the model, no random number.
    """

    #: Lets the JAX backend keep dispatching batch callbacks asynchronously.
    async_safe = True

    def __init__(
        self,
        record: TrainingRecord,
        arguments: Mapping[str, Any],
        *,
        names: Mapping[str, Any],
        observer: Observer,
        ignored: Mapping[str, str],
    ) -> None:
        """A recorder for one fit.

        Args:
            record: an empty record but for `run` and `source`; it is filled in place.
            arguments: `fit`'s parameters by name, as the user passed them or their defaults.
            names: the user's top-level names.
            observer: is told what happens.
            ignored: diagnoses not to make -> reason.
        """
        super().__init__()
        self.record = record
        self.report: Report | None = None
        self._arguments = arguments
        self._names = names
        #: Whether this call goes on with the record of an earlier one.
        self._continues = False
        self._observer = observer
        self._ignored = ignored
        self._growing: list[Quantity] = []
        #: `on_batch` of the quantities that have one.
        self._on_batch: list[Callable[[BatchTap], None]] = []
        self._began = time.perf_counter()
        self._examining = 0.0
        self._batches = _BatchLosses()
        self._epoch = 0
        self._step = 0
        self._steps_before = 0
        self._nonfinite_seen = False

    # Keras's hooks -------------------------------------------------------------------------------------------------

    @guarded
    def on_train_begin(self, logs: Any = None) -> None:
        if self._continues:
            self._began = time.perf_counter() - self.record.outcome.seconds
            epochs = int((self.params or {}).get("epochs") or 0) - int(self._arguments.get("initial_epoch") or 0)
            self.record.fit = replace(self.record.fit, epochs=self.record.fit.epochs + epochs)
        else:
            self._began = time.perf_counter()
            self._fill_facts()
            for name, kind in quantities.types().items():
                if kind.grows:
                    quantity = kind()
                    self.record.quantities[name] = quantity
                    self._growing.append(quantity)
                    if kind.on_batch is not Quantity.on_batch:
                        self._on_batch.append(quantity.on_batch)
        self._batches = _BatchLosses.for_fit(self._model, self.record, self._arguments)
        self._observer.began(self.record)
        self._examine()
        # before the first step nothing is held up
        self._examining = 0.0

    @guarded
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        # a fit that goes on with an earlier one counts on
        self._epoch = self.record.fit.initial_epoch + self.record.outcome.epochs
        self._steps_before = self._step
        self._batches.new_epoch()
        rate = float(keras.ops.convert_to_numpy(self._model.optimizer.learning_rate))
        for quantity in self._growing:
            quantity.on_epoch(EpochTap(step=self._step, learning_rate=rate))

    @guarded
    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._step = self._steps_before + batch + 1
        if logs and "loss" in logs:
            loss = self._batches.loss(batch, float(logs["loss"]))
            if loss is not None:
                tap = BatchTap(step=self._step, loss=loss)
                for take_in in self._on_batch:
                    take_in(tap)
                if not self._nonfinite_seen and not math.isfinite(loss):
                    self._nonfinite_seen = True
                    self._examine()
        self._observer.stepped(self.record, self._progress(batch + 1))

    @guarded
    def on_test_end(self, logs: Any = None) -> None:
        if self.record.data.n_validation is None:
            self._set_data(n_validation=self._batches.rows_seen())

    @guarded
    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        for key, value in (logs or {}).items():
            self.record.history.setdefault(key, []).append(float(value))
        if not self.record.metric_facts:
            # Keras builds the metrics in the first step
            self.record.metric_facts = compilation.metric_facts(self._model)
        self._outcome("running", epochs=self.record.outcome.epochs + 1)
        elapsed = time.perf_counter() - self._began
        if self._examining <= elapsed * LIVE_SHARE:
            self._examine()

    @guarded
    def on_train_end(self, logs: Any = None) -> None:
        stopped = self.record.outcome.epochs + self.record.fit.initial_epoch < self.record.fit.epochs
        self._outcome("stopped_early" if stopped else "finished", stopped_by=self._stopper() if stopped else "")

    # what the owner of the fit calls -------------------------------------------------------------------------------

    @property
    def can_continue(self) -> bool:
        """Whether a further call from the same place may go on with this record: it ended regularly."""
        return self.record.outcome.status == "finished"

    def go_on(self, arguments: Mapping[str, Any], names: Mapping[str, Any]) -> None:
        """Record a further call of `fit` with the same model as the continuation of this one."""
        self._arguments, self._names = arguments, names
        self._continues = True

    def end(self, error: BaseException | None = None) -> Report:
        """The report of the fit that has ended, with the exception that ended it."""
        if isinstance(error, KeyboardInterrupt):
            self._outcome("interrupted")
        elif error is not None:
            self._outcome("raised", exception=describe(error))
        elif self.record.outcome.status == "running":
            self._outcome("finished")
        report = diagnose(self.record, ignored=self._ignored)
        self.report = report
        try:
            self._observer.ended(report)
        except Exception as failure:  # the report is there, only the view is not
            self.note_failure("ended", failure)
        # nothing of the user's is held longer than the fit
        self._arguments, self._names = {}, {}
        return report

    def note_failure(self, where: str, error: Exception) -> None:
        """Keeps a crash of our own code for the report, once per place."""
        failure = Failure(where=where, error=describe(error))
        if all(known.where != where for known in self.record.failures):
            self.record.failures.append(failure)

    # ---------------------------------------------------------------------------------------------------------------

    def _fill_facts(self) -> None:
        record, arguments = self.record, self._arguments
        record.fit = _fit_facts(arguments, self.params or {})
        # what one of them cannot read must not cost the others
        with self._noting("model"):
            record.model = model.summarize(self._model)
        with self._noting("compile"):
            record.compile = compilation.summarize(self._model, self._names)
        tap = None
        with self._noting("data"):
            record.data, tap = data.summarize(arguments, model.output_units(self._model))
        if tap is None:
            return
        for name, kind in quantities.types().items():
            with self._noting(name):
                quantity = kind.from_data(tap)
                if quantity is not None:
                    record.quantities[name] = quantity

    @contextlib.contextmanager
    def _noting(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # as in `guarded`
            self.note_failure(what, error)

    def _set_data(self, *, n_validation: int | None) -> None:
        self.record.data = replace(self.record.data, n_validation=n_validation)

    def _outcome(self, status: Status, *, epochs: int | None = None, stopped_by: str = "", exception: str = "") -> None:
        self.record.outcome = Outcome(
            status=status,
            epochs=self.record.outcome.epochs if epochs is None else epochs,
            seconds=time.perf_counter() - self._began,
            stopped_by=stopped_by,
            exception=exception,
        )

    def _stopper(self) -> str:
        callbacks = self._arguments.get("callbacks")
        flat = getattr(callbacks, "callbacks", None) or keras.tree.flatten(callbacks or [])
        for callback in flat:
            if getattr(callback, "stopped_epoch", 0) or (
                isinstance(callback, keras.callbacks.TerminateOnNaN) and self._nonfinite_seen
            ):
                return type(callback).__name__
        return ""

    def _progress(self, step: int) -> Progress:
        params = self.params or {}
        return Progress(
            epoch=self._epoch + 1,
            epochs=self.record.fit.epochs,
            step=step,
            steps=params.get("steps"),
            seconds=time.perf_counter() - self._began,
        )

    def _examine(self) -> None:
        began = time.perf_counter()
        self._observer.examined(diagnose(self.record, ignored=self._ignored))
        self._examining += time.perf_counter() - began


def _fit_facts(arguments: Mapping[str, Any], params: Mapping[str, Any]) -> Fit:
    callbacks = arguments.get("callbacks")
    flat = getattr(callbacks, "callbacks", None) or keras.tree.flatten(callbacks or [])
    given = arguments.get("batch_size")
    # Keras's default for arrays; a pipeline brings its own batches
    arrays = data.is_arrays(arguments["x"])
    return Fit(
        epochs=int(params.get("epochs") or arguments["epochs"]),
        initial_epoch=int(arguments.get("initial_epoch") or 0),
        batch_size=int(given or 32) if arrays else None,
        steps_per_epoch=params.get("steps"),
        validation_split=float(arguments.get("validation_split") or 0.0)
        if arguments.get("validation_data") is None
        else 0.0,
        validation_freq=arguments["validation_freq"] if isinstance(arguments.get("validation_freq"), int) else 1,
        shuffle=bool(arguments.get("shuffle", True)),
        callbacks=tuple(type(callback).__name__ for callback in flat),
        class_weight=arguments.get("class_weight") is not None,
        sample_weight=arguments.get("sample_weight") is not None,
    )


class _BatchLosses:
    """Turns Keras's running mean of the loss back into the loss of each batch.

    With the running mean m after N rows and b rows in the batch, the loss of the batch is
    (m N - m' (N - b)) / b (shared measurements: error 7e-5 at 1,000 batches an epoch, 8e-3 at 100,000).
    """

    def __init__(self, rows: Callable[[int], float] | None = None) -> None:
        """Args: rows: batch index in the epoch -> rows of the epoch so far; None when the logs hold batch losses."""
        self._rows = rows
        self._tracker: keras.metrics.Metric | None = None
        self.new_epoch()

    @classmethod
    def for_fit(cls, model: keras.Model, record: TrainingRecord, arguments: Mapping[str, Any]) -> _BatchLosses:
        tracker = getattr(model, "_loss_tracker", None)
        own_step = type(model).train_step is not _keras_train_step(type(model))
        if own_step:
            tracker = next((metric for metric in model.metrics if metric.name == "loss"), None)
        n, size = record.data.n_train, record.fit.batch_size
        if not own_step and n is not None and size is not None and arguments.get("steps_per_epoch") is None:
            losses = cls(lambda batch: min((batch + 1) * size, n))
        elif tracker is not None and hasattr(tracker, "count") and keras.backend.backend() == "tensorflow":
            count = tracker.count
            losses = cls(lambda _batch: float(count.numpy()))
        else:
            losses = cls(None)
        losses._tracker = tracker
        return losses

    def new_epoch(self) -> None:
        self._seen = 0.0
        self._mean = 0.0

    def rows_seen(self) -> int | None:
        """Rows that the running validation has seen, from the count of Keras's own mean."""
        count = getattr(self._tracker, "count", None)
        return None if count is None or keras.backend.backend() != "tensorflow" else int(count.numpy())

    def loss(self, batch: int, mean: float) -> float | None:
        """The loss of this batch alone; the batches of one execution together with `steps_per_execution` > 1."""
        if self._rows is None:
            return mean
        seen = self._rows(batch)
        rows = seen - self._seen
        if rows <= 0:
            # the model's own train step does not keep a running mean
            self._rows = None
            return mean
        loss = (mean * seen - self._mean * self._seen) / rows
        self._seen, self._mean = seen, mean
        return loss


def _keras_train_step(kind: type) -> Any:
    return next(base.__dict__["train_step"] for base in _trainers(kind))


def _trainers(kind: type) -> Iterator[type]:
    return (base for base in kind.__mro__ if "train_step" in base.__dict__ and base.__module__.startswith("keras."))
