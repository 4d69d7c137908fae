"""The callback that records one fit."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec

import keras
import numpy as np
from numpy.typing import NDArray

from kerasdoctor import quantities
from kerasdoctor.engine import describe, diagnose
from kerasdoctor.instrumentation import lineage, probes, rehearsal
from kerasdoctor.instrumentation.batches import DrawnBatches
from kerasdoctor.instrumentation.evaluations import Evaluations
from kerasdoctor.instrumentation.exception_tap import ExceptionTap
from kerasdoctor.instrumentation.observer import Observer, Progress
from kerasdoctor.instrumentation.patching import kept_random_numbers
from kerasdoctor.instrumentation.steps import Steps
from kerasdoctor.instrumentation.summaries import compilation, data, exception, model, weights
from kerasdoctor.locale import _
from kerasdoctor.quantities import DataTap, EpochTap, Quantity, WeightsTap
from kerasdoctor.record import Compile, Failure, Fit, Instrument, Level, Outcome, Status, TrainingRecord, plain
from kerasdoctor.report import Report

P = ParamSpec("P")

#: Share of the elapsed time that looking at the record may take while the model trains.
LIVE_SHARE = 0.0025
#: Seconds in which the rows of further calls of one fit are compared, however short they are.
LEAST_COMPARED = 0.2


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
        level: Level = "default",
    ) -> None:
        """A recorder for one fit.

        Args:
            record: an empty record but for `run` and `source`; it is filled in place.
            arguments: `fit`'s parameters by name, as the user passed them or their defaults.
            names: the user's top-level names.
            observer: is told what happens.
            ignored: diagnoses not to make -> reason.
            level: how much is recorded.
        """
        super().__init__()
        self.record = record
        record.instrument = Instrument(level=level)
        self.report: Report | None = None
        self._arguments = arguments
        self._names = names
        #: Whether this call goes on with the record of an earlier one.
        self._continues = False
        #: What Keras may change when `fit` begins: see `lineage`.
        self._fitted: bool | None = None
        self._changed_layers: tuple[str, ...] = ()
        #: Whether Keras has no train step yet, so that it compiles one for what is trainable now.
        self._stepless = False
        #: How this call found the model; None while that is not known.
        self._found: lineage.Begin | None = None
        #: Seconds that comparing rows took.
        self._comparing = 0.0
        #: Whether model, compile, data and call are in the record.
        self._facts = False
        self._observer = observer
        self._ignored = ignored
        #: Quantities that grow with the run; they are in the record as soon as they hold something.
        self._growing: dict[str, Quantity] = {}
        self._began = time.perf_counter()
        self._examining = 0.0
        self._steps = Steps()
        self._evaluations = Evaluations(lambda tap: self._grow(lambda quantity: quantity.on_evaluation(tap)))
        self._batches = DrawnBatches(lambda tap: self._grow(lambda quantity: quantity.on_batch(tap)))
        self._epoch = 0
        self._steps_before = 0
        self._nonfinite_seen = False
        #: The thread that trains.
        self._thread = threading.get_ident()
        #: Batches that ended in other threads and were not taken in yet: index -> logs.
        self._ended: dict[int, Mapping[str, float] | None] = {}
        self._next_batch = 0

    # Keras's hooks -------------------------------------------------------------------------------------------------

    def set_model(self, model: keras.Model) -> None:
        first = self._model is None
        super().set_model(model)
        if first:
            with self.noting("lineage"):
                self._fitted, self._changed_layers = lineage.fitted(model), lineage.changed_layers(model)
                self._stepless = model.train_function is None

    @guarded
    def on_train_begin(self, logs: Any = None) -> None:
        self._thread = threading.get_ident()
        ExceptionTap.clear(self._model)
        if self._continues:
            self._began = time.perf_counter() - self.record.outcome.seconds
            epochs = int((self.params or {}).get("epochs") or 0) - int(self._arguments.get("initial_epoch") or 0)
            self.record.fit = replace(self.record.fit, epochs=self.record.fit.epochs + epochs)
            with self.noting("lineage"):
                self._find(weights.trainable(self._model), self._rows_again())
        else:
            self._began = time.perf_counter()
            self._fill_facts()
            for name, kind in quantities.types().items():
                if kind.grows:
                    self._growing[name] = kind()
        self._batches.begin(self.record)
        self._follow_steps()
        self._observer.began(self.record)
        self._examine()
        # before the first step nothing is held up
        self._examining = 0.0

    @guarded
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        # a fit that goes on with an earlier one counts on
        self._epoch = self.record.fit.initial_epoch + self.record.outcome.epochs
        self._steps_before = self._steps.last
        self._steps.new_epoch()
        self._batches.new_epoch("train")
        self._ended.clear()
        self._next_batch = self._model.steps_per_execution - 1
        rate = None
        if not self._steps.tapped:
            rate = float(keras.ops.convert_to_numpy(self._model.optimizer.learning_rate))
        penalty = None
        with self.noting("weight_penalty"):
            penalty = weights.penalty(self._model)
        tap = EpochTap(step=self._steps_before, learning_rate=rate, weight_penalty=penalty)
        self._grow(lambda quantity: quantity.on_epoch(tap))

    @guarded
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        while self._next_batch in self._ended:
            self._made(self._next_batch, self._ended.pop(self._next_batch))

    @guarded
    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        if threading.get_ident() == self._thread:
            self._made(batch, logs)
        else:
            # the JAX backend tells it from a pool of threads, in any order: the training thread takes it from here
            self._ended[batch] = logs

    def _made(self, batch: int, logs: Mapping[str, float] | None) -> None:
        began = time.perf_counter()
        self._next_batch = batch + self._model.steps_per_execution
        finite = self._steps.made(self._steps_before, batch, logs)
        now = time.perf_counter()
        self._steps.budget.spend(now - began)
        if not finite and not self._nonfinite_seen:
            self._nonfinite_seen = True
            self._take_in()
            self._examine()
        elif self._steps.due(now):
            self._take_in()
            self._keep_to_budget(batch, logs)
        self._observer.stepped(self.record, self._progress(batch + 1))

    def _take_the_rest(self) -> None:
        """Takes in every batch that has ended; by now a gap is a batch that was not told."""
        for batch in sorted(self._ended.copy()):
            self._made(batch, self._ended.pop(batch))

    @guarded
    def _first_step(self, spec: Any, tracing: float) -> None:
        self._evaluations.first_step(spec, tracing)

    @guarded
    def _drawn_to_train(self, batch: Any) -> None:
        self._batches.drawn("train", batch)

    @guarded
    def _drawn_to_validate(self, batch: Any) -> None:
        self._batches.drawn("validation", batch)

    @guarded
    def on_test_begin(self, logs: Any = None) -> None:
        self._batches.new_epoch("validation")
        self._evaluations.test_begin()

    @guarded
    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        began = time.perf_counter()
        self._evaluations.batch_end()
        self._steps.budget.spend(time.perf_counter() - began)

    @guarded
    def on_test_end(self, logs: Any = None) -> None:
        began = time.perf_counter()
        self._evaluations.test_end(self._steps.last)
        self._steps.budget.spend(time.perf_counter() - began)
        if self.record.data.n_validation is None:
            self._set_data(n_validation=self._steps.rows_seen())

    @guarded
    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        with self.noting("steps"):
            self._take_the_rest()
        for key, value in (logs or {}).items():
            self.record.history.setdefault(key, []).append(float(value))
        if not self.record.metric_facts:
            # Keras builds the metrics in the first step
            self.record.metric_facts = compilation.metric_facts(self._model)
            self.record.compile = replace(self.record.compile, metrics=compilation.compiled_metrics(self._model))
        self._outcome("running", epochs=self.record.outcome.epochs + 1)
        self._take_in()
        self._keep_to_budget()
        with self.noting("evaluations"):
            self._evaluations.epoch_end(self._steps.last)
        elapsed = time.perf_counter() - self._began
        if self._examining <= elapsed * LIVE_SHARE:
            self._examine()

    @guarded
    def on_train_end(self, logs: Any = None) -> None:
        self._take_in()
        with self.noting("evaluations"):
            self._evaluations.fit_end(self._steps.last)
        self._steps.end()
        self._evaluations.end()
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
        if error is not None and not self._facts:
            with self.noting("facts"):
                self._fill_facts()
        with self.noting("steps"):
            self._take_the_rest()
            self._take_in()
        self._steps.end()
        self._evaluations.end()
        if error is None or keras.backend.backend() == "tensorflow":
            # of a fit that was broken off others have no weights to read
            with self.noting("lineage"):
                self._leave()
        with self.noting("first_nonfinite"):
            self._investigate()
        if isinstance(error, KeyboardInterrupt):
            self._outcome("interrupted")
        elif error is not None:
            self._outcome("raised")
            self._raised(error)
            with self.noting("logged"):
                self.record.outcome = replace(self.record.outcome, logged=self._logged())
        elif self.record.outcome.status == "running":
            self._outcome("finished")
        return self._report()

    def check(self, asked: Sequence[str] = ()) -> Report:
        """The report of what can be told without training, with the probes that run only where they are asked for."""
        error = None
        with kept_random_numbers():
            with self.noting("facts"):
                self._fill_facts()
            with self.noting("rehearsal"):
                error = rehearsal.first_error(self._model, self._arguments)
            with self.noting("probes"):
                measured, reason = (
                    probes.measure(self._model, self.record, self._arguments, self.noting, asked)
                    if error is None
                    else ({}, _("fit raises {error}").format(error=type(error).__name__))
                )
                self.record.quantities |= measured
                self.record.instrument = replace(self.record.instrument, unprobed=reason)
        self._outcome("checked")
        with self.noting("logged"):
            self.record.outcome = replace(
                self.record.outcome, logged=self._with_validation(compilation.names_of_logs(self._model))
            )
        if error is not None:
            self._raised(error)
        return self._report()

    def _report(self) -> Report:
        report = diagnose(self.record, ignored=self._ignored)
        self.report = report
        try:
            self._observer.ended(report)
        except Exception as failure:  # the report is there, only the view is not
            self.note_failure("ended", failure)
        # nothing of the user's is held longer than the fit
        self._arguments, self._names = {}, {}
        return report

    def abandon(self) -> None:
        """The fit ended, and nobody told how: its model is left as it was."""
        self._steps.end()
        self._evaluations.end()
        self._arguments, self._names = {}, {}

    def note_failure(self, where: str, error: Exception) -> None:
        """Keeps a crash of our own code for the report, once per place."""
        failure = Failure(where=where, error=describe(error))
        if all(known.where != where for known in self.record.failures):
            self.record.failures.append(failure)

    # ---------------------------------------------------------------------------------------------------------------

    def _follow_steps(self) -> None:
        stale = not self._stepless and lineage.trains_others(self._model, self._changed_layers)
        self._steps.begin(
            self._model, self.record, self._arguments, self._first_step, self._drawn_to_train, stale=stale
        )
        if self._steps.attached:
            self._evaluations.begin(self._model, self.record, self._arguments, self._drawn_to_validate)
            if not self._steps.tapped:
                self._evaluations.read_nothing()

    def _fill_facts(self) -> None:
        """What is known before the first step; also of a fit that raises before Keras calls any callback."""
        self._facts = True
        record, arguments = self.record, self._arguments
        record.fit = _fit_facts(arguments, self.params or {})
        # what one of them cannot read must not cost the others
        with self.noting("model"):
            record.model = replace(
                model.summarize(self._model), fitted=self._fitted, changed_layers=self._changed_layers
            )
        with self.noting("compile"):
            record.compile = self.compile_facts(self._model)
        tap = None
        with self.noting("data"):
            record.data, tap = data.summarize(arguments, model.output_units(self._model))
        if tap is not None:
            self._measure(lambda kind: kind.from_data(tap))
        with self.noting("weights"):
            before = WeightsTap(trainable=weights.trainable(self._model), iterations=record.model.iterations)
            self._measure(lambda kind: kind.from_weights(before))
            with self.noting("lineage"):
                self._find(before.trainable, None if tap is None else self._rows(tap))

    def _rows(self, tap: DataTap) -> lineage.Rows | None:
        began = time.perf_counter()
        rows = lineage.Rows.of(tap)
        self._comparing += time.perf_counter() - began
        return rows

    def _rows_again(self) -> lineage.Rows | None:
        """The rows of a further call of the same fit, as long as that is no burden: there may be many calls."""
        if self._comparing > max(LEAST_COMPARED, LIVE_SHARE * self.record.outcome.seconds):
            return None
        tap = data.summarize(self._arguments, {})[1]
        return None if tap is None else self._rows(tap)

    def _find(self, trainable: Mapping[str, NDArray[np.generic]], rows: lineage.Rows | None) -> None:
        """Notes how this call finds the model, and what the fit before it did with it."""
        record = self.record
        self._found = lineage.Begin.of(self._model, trainable, rows, self._names)
        resumed_at = int(self._arguments.get("initial_epoch") or 0)
        earlier = lineage.earlier(self._model, self._found, record.run, record.source, resumed_at)
        # of many calls the one that tells most
        if earlier and (record.earlier is None or (earlier.moved_rows or 0) >= (record.earlier.moved_rows or 0)):
            record.earlier = earlier

    def _leave(self) -> None:
        """Notes how this call leaves the model, for the next fit."""
        found, self._found = self._found, None
        if found is None:
            return
        resumed_at = int(self._arguments.get("initial_epoch") or 0)
        lineage.ended(
            self._model,
            found,
            weights.trainable(self._model),
            run=self.record.run,
            source=self.record.source,
            asked=int(self._arguments["epochs"]) - resumed_at,
            epochs=self.record.outcome.epochs,
        )

    def _measure(self, measured: Callable[[type[Quantity]], Quantity | None]) -> None:
        for name, kind in quantities.types().items():
            with self.noting(name):
                quantity = measured(kind)
                if quantity is not None:
                    self.record.quantities[name] = quantity

    def compile_facts(self, trained: keras.Model) -> Compile:
        """The arguments of `compile`."""
        return compilation.summarize(trained, self._names)

    @contextlib.contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """A crash of our own in here is noted, and stays in here."""
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

    def _raised(self, error: BaseException) -> None:
        self.record.outcome = replace(self.record.outcome, exception=describe(error))
        with self.noting("raised_by"):
            origin = exception.summarize(error, self._model, self._arguments)
            self.record.outcome = replace(self.record.outcome, raised_by=origin)

    def _logged(self) -> tuple[str, ...]:
        """Keys of the logs, also where a callback raised before they were told."""
        if self.record.history or not self._steps.last:
            return tuple(self.record.history)
        return self._with_validation(tuple(self._model.get_metrics_result()))

    def _with_validation(self, trained: tuple[str, ...]) -> tuple[str, ...]:
        validates = self._arguments.get("validation_data") is not None or self.record.fit.validation_split
        return (*trained, *(f"val_{name}" for name in trained if validates))

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

    def _take_in(self) -> None:
        """Hands the steps that were made to the quantities; each one's crash is its own."""
        began = time.perf_counter()
        tap = self._steps.taken()
        if tap is not None:
            self._grow(lambda quantity: quantity.on_steps(tap))
        self._steps.budget.spend(time.perf_counter() - began)

    def _keep_to_budget(self, batch: int = 0, logs: Mapping[str, float] | None = None) -> None:
        if self._steps.keep_to_budget(time.perf_counter(), batch, logs):
            self._evaluations.read_nothing()

    def _grow(self, take_in: Callable[[Quantity], None]) -> None:
        for name, quantity in self._growing.items():
            with self.noting(name):
                take_in(quantity)
                if len(quantity):
                    self.record.quantities[name] = quantity

    def _investigate(self) -> None:
        found = self._steps.first_nonfinite(self._arguments)
        if found is not None:
            self.record.quantities.setdefault("first_nonfinite", found)

    def _examine(self) -> None:
        began = time.perf_counter()
        self._observer.examined(diagnose(self.record, ignored=self._ignored))
        self._examining += time.perf_counter() - began


def _fit_facts(arguments: Mapping[str, Any], params: Mapping[str, Any]) -> Fit:
    callbacks = arguments.get("callbacks")
    flat = getattr(callbacks, "callbacks", None) or keras.tree.flatten(callbacks or [])
    given = arguments.get("batch_size")
    # Keras's default for arrays; a pipeline brings its own batches
    arrays = data.is_cut(arguments["x"])
    return Fit(
        epochs=int(params.get("epochs") or arguments["epochs"]),
        initial_epoch=int(arguments.get("initial_epoch") or 0),
        batch_size=int(given or 32) if arrays else None,
        steps_per_epoch=params.get("steps") or arguments.get("steps_per_epoch"),
        validation_split=float(arguments.get("validation_split") or 0.0)
        if arguments.get("validation_data") is None
        else 0.0,
        validation_freq=arguments["validation_freq"] if isinstance(arguments.get("validation_freq"), int) else 1,
        shuffle=bool(arguments.get("shuffle", True)),
        callbacks=tuple(type(callback).__name__ for callback in flat),
        callback_settings=tuple(_settings(callback) for callback in flat),
        class_weight=arguments.get("class_weight") is not None,
        class_weights=_class_weights(arguments.get("class_weight")),
        validation_steps=arguments.get("validation_steps"),
        sample_weight=arguments.get("sample_weight") is not None,
        validation_weighted=_validation_weighted(arguments),
        seed=keras.src.utils.rng_utils.get_random_seed(),
        backend=keras.config.backend(),
    )


def _validation_weighted(arguments: Mapping[str, Any]) -> bool | None:
    held_out = arguments.get("validation_data")
    if held_out is None:
        return arguments.get("sample_weight") is not None
    if not isinstance(held_out, tuple | list):
        return None
    return len(held_out) > 2 and held_out[2] is not None


def _settings(callback: Any) -> dict[str, Any]:
    """What a callback was given, as far as it is plain."""
    simple = (bool, int, float, str, type(None), np.generic)
    return {
        name: plain(value)
        for name, value in vars(callback).items()
        if not name.startswith("_") and name != "params" and isinstance(value, simple)
    }


def _class_weights(weights: Any) -> dict[str, float]:
    return {str(label): float(weight) for label, weight in weights.items()} if isinstance(weights, Mapping) else {}
