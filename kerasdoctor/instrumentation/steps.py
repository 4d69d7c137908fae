"""The steps of one fit, on their way from Keras to the quantities."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from kerasdoctor.engine import describe
from kerasdoctor.instrumentation.patching import RefusedError, is_kerass
from kerasdoctor.instrumentation.row_count import RowCount
from kerasdoctor.instrumentation.time_budget import SHARES, TimeBudget
from kerasdoctor.locale import _
from kerasdoctor.quantities import StepTap
from kerasdoctor.quantities.first_nonfinite import FirstNonfinite
from kerasdoctor.record import Level, TrainingRecord

if TYPE_CHECKING:
    from kerasdoctor.instrumentation.flight_recorder import FlightRecorder
    from kerasdoctor.instrumentation.loops import Told
    from kerasdoctor.instrumentation.step_function import TrainFunction
    from kerasdoctor.instrumentation.taps import Layout

#: Steps that are handed on together, and seconds after which fewer are: what it costs is shared by all of them.
STRETCH = 256
INTERVAL = 0.25


class Steps:
    """Collects what every step told: the train function's vector, and the loss of the batch.

    Where the train step is not tapped, the losses come from Keras's logs alone.
    """

    def __init__(self) -> None:
        #: Steps made in this call of `fit`.
        self.last = 0
        self._mean = _RunningMean()
        self._function: TrainFunction | Told | None = None
        self._record: TrainingRecord | None = None
        self._layout: Layout | None = None
        self._step: list[int] = []
        self._loss: list[float] = []
        self._vectors: list[NDArray[np.float32]] = []
        self._due = 0.0
        #: The first step that was seen not to be finite, and the first one of its execution.
        self.nonfinite: int | None = None
        self._earliest = 1
        #: Why the first NaN cannot be replayed; empty where it can.
        self.unreplayed = ""
        self._model: keras.Model | None = None
        self._flight: FlightRecorder | None = None
        self._replay: Any = None
        #: The level that the recording was lowered to because it took too long; None while it was not.
        self._lowered: Level | None = None
        #: What recording takes.
        self.budget = TimeBudget()

    @property
    def attached(self) -> bool:
        """Whether the train function is ours."""
        return self._function is not None and self._function.attached

    @property
    def tapped(self) -> bool:
        """Whether what it tells is read."""
        return self._function is not None and self._function.attached and self._function.reading

    def due(self, now: float) -> bool:
        """Whether it is time to hand the steps on, at `time.perf_counter()` of `now`."""
        return len(self._step) >= STRETCH or now >= self._due

    def begin(
        self,
        model: keras.Model,
        record: TrainingRecord,
        arguments: Mapping[str, Any],
        first_step: Callable[[Any, float], None],
        drawn: Callable[[Any], None],
        *,
        stale: bool = False,
    ) -> None:
        """Before the first step of a fit: taps the train step where that can be done.

        Args:
            model: what is trained.
            record: whose instrument tells why it is not tapped.
            arguments: `fit`'s own.
            first_step: is called before the first update, with the signature of the batches and the seconds that
                tracing the step took.
            drawn: is shown every batch that is drawn outside of Keras's loop.
            stale: whether Keras may have compiled its step for other variables than are trainable now, and go on so.
        """
        self._mean = _RunningMean.for_fit(model, record, arguments, drawn)
        self._record, self._model, reason = record, model, ""
        self._flight = self._replay = None
        untold, level = self._lowered == "light", record.instrument.level
        if level == "light":
            reason = _("the level is light")
        if keras.backend.backend() != "tensorflow":
            refused = _("the backend is {backend}: gradients, activations and the replay of a NaN take TensorFlow")
            reason = reason or refused.format(backend=keras.backend.backend())
        else:
            # TensorFlow is loaded already, it is the backend
            from kerasdoctor.instrumentation import step_function

            refused = step_function.TrainFunction.refusal(model)
            traced = step_function.traced_level(model) if stale and not refused else None
            if stale and not refused and traced is None:
                refused = _("`trainable` was changed, and Keras goes on with the step that it compiled before")
            if traced is not None:
                # the step that would go on without us is ours
                self._attach(model, first_step, drawn, full=traced)
                untold |= level == "light"
            elif not (reason or refused):
                full = level == "full"
                lesser = step_function.not_full(model) if full else ""
                if lesser and not record.instrument.lowered:
                    lowered = _("to the default level: {reason}").format(reason=lesser)
                    record.instrument = replace(record.instrument, lowered=lowered)
                self._attach(model, first_step, drawn, full=full and not lesser)
            reason = reason or refused
        self.unreplayed = reason
        record.instrument = replace(record.instrument, untapped=reason)
        self.budget.begin(time.perf_counter())
        if untold:
            self._read_nothing()

    def follow(self, record: TrainingRecord, told: Told | None) -> None:
        """Before the first step of a loop of the user's own, which knows the loss of each batch.

        Args:
            record: whose instrument tells what was given up.
            told: where the loop puts what its steps tell; None where only Keras's logs do.
        """
        self._record, self._function = record, told
        self.unreplayed = _("the batches of a loop of your own are not kept")
        self.budget.begin(time.perf_counter())

    def _attach(
        self,
        model: keras.Model,
        first_step: Callable[[Any, float], None] | None,
        drawn: Callable[[Any], None] | None,
        *,
        full: bool,
    ) -> None:
        from kerasdoctor.instrumentation import flight_recorder, step_function

        self._function = step_function.train_function_of(model, full=full)
        self._flight = flight_recorder.FlightRecorder(model, spend=self.budget.spend)
        self._function.attach()
        self._function.record(self._flight, first_step)
        self._function.drawn = drawn

    def new_epoch(self) -> None:
        """Keras's means begin anew."""
        self._mean.new_epoch()
        self._attach_again()
        if self._flight is not None and self._record is not None and self._record.fit.callbacks:
            # one of the user's callbacks may have changed what a step does, between two epochs
            self._flight.restart()

    def _attach_again(self) -> None:
        """A callback may have Keras build its train function anew: other trainable variables, another optimizer."""
        function, model, flight = self._function, self._model, self._flight
        if function is None or model is None:
            return
        from kerasdoctor.instrumentation.step_function import TrainFunction

        if not isinstance(function, TrainFunction) or function.in_place or function.refusal(model):
            return
        if flight is None or flight.landed() is None:
            drawn = function.drawn
            function.detach()
            self._attach(model, None, drawn, full=function.full)

    def made(self, before: int, batch: int, logs: Mapping[str, float] | None) -> bool:
        """Takes in one call of the train function; returns whether its loss is finite.

        Args:
            before: steps made before the epoch.
            batch: index of the (last) batch in the epoch.
            logs: Keras's logs of the step.
        """
        if self.nonfinite is None:
            self._earliest = self.last + 1
        self.last = before + batch + 1
        told = self._told()
        loss: float | None = None
        if told is not None and told[0].loss:
            loss = float(told[1][0])
        elif logs and "loss" in logs:
            mean = self._mean.loss(batch, float(logs["loss"]))
            if mean is None and told is None:
                return self._note(float(logs["loss"]))
            loss = mean
        elif told is None:
            return True
        self._step.append(self.last)
        if loss is not None:
            self._loss.append(loss)
        if told is not None:
            self._layout = told[0]
            self._vectors.append(told[1])
            if self._flight is not None:
                self._flight.after(self.last, *told)
        return loss is None or self._note(loss)

    def _note(self, loss: float) -> bool:
        if math.isfinite(loss):
            return True
        self.nonfinite = self.nonfinite or self.last
        return False

    def _told(self) -> tuple[Layout, NDArray[np.float32]] | None:
        if self._function is None:
            return None
        failure = self._function.failure
        if failure is not None and self._record is not None:
            # what Keras's own function does without a word was ours to blame
            reason = str(failure)
            if not isinstance(failure, RefusedError):
                reason = _("tapping the train step failed: {error}").format(error=describe(failure))
            self._record.instrument = replace(self._record.instrument, untapped=reason)
            self._function = None
            return None
        told: tuple[Layout, NDArray[np.float32]] | None = self._function.take()
        return told

    def rows_seen(self) -> int | None:
        """Rows that the running validation has seen."""
        return self._mean.rows_seen()

    def taken(self) -> StepTap | None:
        """The steps since the last time, None when there are none."""
        self._due = time.perf_counter() + INTERVAL
        if not self._step:
            return None
        steps, losses = np.array(self._step, dtype=np.int64), np.array(self._loss, dtype=np.float64)
        if len(losses) != len(steps):
            losses = np.empty(0)
        vectors, layout = self._vectors, self._layout
        self._step, self._loss, self._vectors = [], [], []
        if layout is None or len(vectors) != len(steps):
            # not tapped, or not from the first of them on
            return StepTap(step=steps, loss=losses)
        tap = layout.tap(steps, np.stack(vectors), losses)
        return tap if self._lowered is None else replace(tap, gradient_cosine=None, nonfinite_gradients=None)

    def keep_to_budget(self, now: float, batch: int, logs: Mapping[str, float] | None) -> bool:
        """Records less from the next step on where recording took too long; whether it now reads Keras's logs alone.

        The train function stays as it is, so that the training goes on as it did; only nothing is read of it. To be
        called when the steps are handed on, with the arguments of `made`; at the end of an epoch without logs.
        """
        record = self._record
        if record is None or not self.tapped:
            return False
        full = self._layout is not None and self._layout.full and self._lowered is None
        level: Level = "full" if full else "default"
        share = self.budget.excess(now, level)
        if share is None:
            return False
        self._lowered = "default" if full else "light"
        told = _(
            "to the {level} level from step {step} on: recording took {share:.0%} of the time, more than {most:.0%}"
        ).format(level=self._lowered, step=self.last + 1, share=share, most=SHARES[level])
        lowered = "; ".join(filter(None, (record.instrument.lowered, told)))
        record.instrument = replace(record.instrument, lowered=lowered)
        if self._lowered != "light":
            return False
        if logs and "loss" in logs:
            # the mean up to here
            self._mean.loss(batch, float(logs["loss"]))
        self._read_nothing()
        return True

    def _read_nothing(self) -> None:
        """From now on the losses come from Keras's logs, although the step is tapped."""
        if self._function is not None:
            self._function.reading = False
        if self._flight is not None:
            self._flight.give_up(_("recording was lowered to the light level"))

    def end(self) -> None:
        """After the fit, however it ended: Keras's own train function is back."""
        self._mean.end()
        if self._function is not None:
            self._replay = self._function.step
            self._function.detach()
            self._function = None

    def first_nonfinite(self, arguments: Mapping[str, Any]) -> FirstNonfinite | None:
        """Where the first number that is not finite came from, after the fit; None while all are finite.

        Args:
            arguments: `fit`'s own arguments, to find the rows in.
        """
        flight, step, model = self._flight, self._replay, self._model
        self._flight = self._replay = self._model = None
        landed = flight.landed() if flight is not None else None
        if landed is not None and step is not None and model is not None:
            from kerasdoctor.instrumentation import forensics

            return forensics.investigate(landed, model, step, arguments)
        if self.nonfinite is None:
            return None
        reason = self.unreplayed or (flight.refusal if flight is not None else "")
        if not reason and landed is None:
            reason = _("the weights and the learning rate stayed finite, only the loss in Keras's logs did not")
        remark = _("not replayed: {reason}").format(reason=reason or _("the step was not kept"))
        earliest = self._earliest if self._earliest < self.nonfinite else None
        return FirstNonfinite(step=self.nonfinite, earliest=earliest, remark=remark)


class _RunningMean:
    """Turns Keras's running mean of the loss back into the loss of each batch.

    With the running mean m after N rows and b rows in the batch, the loss of the batch is
    (m N - m' (N - b)) / b (shared measurements: error 7e-5 at 1,000 batches an epoch, 8e-3 at 100,000).
    """

    def __init__(self, rows: Callable[[int], float] | None = None, *, told: bool = True) -> None:
        """A mean of no batches.

        Args:
            rows: batch index in the epoch -> rows of the epoch so far; None when the logs hold batch losses.
            told: whether the loss of a batch can be had at all.
        """
        self._rows = rows
        self._is_told = told
        self._tracker: keras.metrics.Metric | None = None
        self._count: RowCount | None = None
        self.new_epoch()

    @classmethod
    def for_fit(
        cls,
        model: keras.Model,
        record: TrainingRecord,
        arguments: Mapping[str, Any],
        drawn: Callable[[Any], None],
    ) -> _RunningMean:
        tracker = getattr(model, "_loss_tracker", None)
        own_step = type(model).train_step is not _keras_train_step(type(model))
        if own_step:
            tracker = next((metric for metric in model.metrics if metric.name == "loss"), None)
        backend = keras.backend.backend()
        n, size = record.data.n_train, record.fit.batch_size
        if not own_step and n is not None and size is not None and arguments.get("steps_per_epoch") is None:
            losses = cls(lambda batch: min((batch + 1) * size, n))
        elif tracker is not None and hasattr(tracker, "count") and backend == "tensorflow":
            count = tracker.count
            losses = cls(lambda _batch: float(count.numpy()))
        elif tracker is not None and backend == "jax":
            losses = (
                cls._counting(model, drawn) if not own_step and is_kerass(model.train_function) else cls(told=False)
            )
        else:
            losses = cls(None)
        losses._tracker = tracker
        return losses

    @classmethod
    def _counting(cls, model: keras.Model, drawn: Callable[[Any], None]) -> _RunningMean:
        count = RowCount(model, drawn)
        losses = cls(count.rows)
        losses._count = count
        count.attach()
        return losses

    def end(self) -> None:
        """Nothing stands in for a function of the model's any longer."""
        if self._count is not None:
            self._count.detach()
            self._count = None

    def new_epoch(self) -> None:
        self._seen = 0.0
        self._mean = 0.0
        if self._count is not None:
            self._count.new_epoch()

    def rows_seen(self) -> int | None:
        """Rows that the running validation has seen, from the count of Keras's own mean."""
        count = getattr(self._tracker, "count", None)
        return None if count is None or keras.backend.backend() != "tensorflow" else int(count.numpy())

    def loss(self, batch: int, mean: float) -> float | None:
        """The loss of this batch alone; the batches of one execution together with `steps_per_execution` > 1.

        None where it cannot be told.
        """
        if not self._is_told:
            return None
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
