"""Looks at the model in inference mode: Keras's own validation, and now and then some training rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from kerasdoctor.engine import describe
from kerasdoctor.instrumentation.patching import RefusedError, kept_random_numbers
from kerasdoctor.instrumentation.summaries import data
from kerasdoctor.locale import _
from kerasdoctor.quantities import EvaluationTap
from kerasdoctor.record import Compile, TrainingRecord

if TYPE_CHECKING:
    from kerasdoctor.instrumentation.evaluation_taps import Task
    from kerasdoctor.instrumentation.step_function import TestFunction

#: Training rows of an extra look: as many as counting dead units takes (shared measurements of false alarms).
ROWS = 512
#: Fewer rows, of a run that is too short for more, tell nothing.
LEAST_ROWS = 64
#: Share of the elapsed time that extra looks may take.
SHARE = 0.01
#: What a row costs in inference mode, in the time of its training.
INFERENCE = 1 / 3
#: A run that trains fewer rows has no time for a look before its first step.
LEAST_TRAINED = int(ROWS * INFERENCE / SHARE)
#: Rows of which every prediction is kept during an evaluation; 8 MB.
MOST_PREDICTIONS = 10**6
#: Outputs for single classes that are kept after it; 256 kB.
MOST_OUTPUTS = 2**16

Numbers = dict[str, NDArray[Any]]


class Evaluations:
    """Collects what the test step told during each validation, and looks at training rows itself."""

    def __init__(self, take_in: Callable[[EvaluationTap], None]) -> None:
        self._take_in = take_in
        self._model: keras.Model | None = None
        self._function: TestFunction | None = None
        self._record: TrainingRecord | None = None
        self._arguments: Mapping[str, Any] = {}
        self._batches: list[Numbers] = []
        self._before: NDArray[np.int32] | None = None
        self._drawn: Callable[[Any], None] | None = None
        self._spec: Any = None
        self._sample: list[Any] | None = None
        self._began = 0.0
        self._spent = 0.0
        #: Seconds that a row took in the slowest look; 0 before the first.
        self._per_row = 0.0
        #: Steps made before the last look.
        self._looked = -1
        #: Seconds that tracing the train step took: the test step takes no longer.
        self._tracing = 0.0
        self._reading = True

    def begin(
        self,
        model: keras.Model,
        record: TrainingRecord,
        arguments: Mapping[str, Any],
        drawn: Callable[[Any], None] | None = None,
    ) -> None:
        """Before the first step of a fit whose train step is tapped; `drawn` is shown what Keras validates with."""
        from kerasdoctor.instrumentation.step_function import test_function_of

        self._model, self._record, self._arguments, self._drawn = model, record, arguments, drawn
        self._function = test_function_of(model, _task(record.compile))
        self._began, self._spent, self._looked = time.perf_counter(), 0.0, -1
        self._spec = self._sample = self._before = None

    def first_step(self, spec: Any, tracing: float) -> None:
        """Before the first update: how the layers are at initialization.

        Args:
            spec: signature of the batches.
            tracing: seconds that tracing the train step took.
        """
        record, model, function = self._record, self._model, self._function
        if record is None or model is None or function is None or not self._reading:
            return
        self._spec, self._tracing = spec, tracing
        if not self._validates() and not _keeps_to_keras(model):
            # nobody has ever called its test step
            self._spec = None
        rows = record.fit.epochs * (record.data.n_train or 0)
        if self._validates() and rows >= LEAST_TRAINED and not record.model.iterations:
            self._look(step=0, rows=ROWS)

    # Keras's own validation ----------------------------------------------------------------------------------------

    def test_begin(self) -> None:
        """Keras begins to validate."""
        function, model = self._function, self._model
        if function is None or model is None:
            return
        reason = "" if function.in_place else function.refusal(model)
        if reason:
            self._give_up(reason)
            return
        function.attach()
        function.drawn = self._drawn
        function.validating, function.reading = True, self._reading
        self._batches = []

    def batch_end(self) -> None:
        """It has validated a batch."""
        if self._function is None:
            return
        told = self._function.take()
        if told:
            from kerasdoctor.instrumentation.evaluation_taps import as_numpy

            self._batches.append(as_numpy(told))
        elif self._function.failure is not None:
            failure = self._function.failure
            self._give_up(str(failure) if isinstance(failure, RefusedError) else describe(failure))

    def test_end(self, step: int) -> None:
        """It has validated every batch; `step` updates were made before."""
        if self._function is None:
            return
        self._function.validating = False
        tap = self._tap(self._batches, step, "validation")
        self._batches = []
        if tap is not None:
            self._take_in(replace(tap, predicted_before=self._before))
            self._before = tap.predicted

    # training rows -------------------------------------------------------------------------------------------------

    def epoch_end(self, step: int) -> None:
        """Looks at training rows where that is within the time that looks may take."""
        if self._affordable() >= ROWS:
            self._look(step=step, rows=ROWS)

    def fit_end(self, step: int) -> None:
        """Looks once more, at as many rows as a short run has time for."""
        rows = self._affordable()
        if rows >= LEAST_ROWS and step > self._looked:
            self._look(step=step, rows=rows)

    def _affordable(self) -> float:
        """Training rows that may be looked at now."""
        record = self._record
        if self._spec is None or record is None:
            return 0.0
        elapsed = time.perf_counter() - self._began
        left = SHARE * elapsed - self._spent
        if not self._per_row and not self._validates():
            # Keras does not trace a test step
            left -= self._tracing
        trained = max(1, record.outcome.epochs) * (record.data.n_train or 1)
        return left / (self._per_row or INFERENCE * elapsed / trained)

    def read_nothing(self) -> None:
        """The validations of this fit tell nothing any longer, and there are no more looks; their functions stay."""
        self._reading, self._spec, self._batches = False, None, []
        if self._function is not None:
            self._function.reading = False

    def end(self) -> None:
        """After the fit: Keras's own test function is back, and nothing of the user's is held."""
        if self._function is not None:
            self._function.validating = False
            self._function.detach()
        self._function = self._model = self._record = self._sample = self._spec = self._drawn = None
        self._arguments = {}

    def _validates(self) -> bool:
        given = self._arguments
        return bool(given.get("validation_split")) or given.get("validation_data") is not None

    def _look(self, *, step: int, rows: float) -> None:
        model, function = self._model, self._function
        if model is None or function is None or (function.attached and not function.in_place):
            return
        from kerasdoctor.instrumentation.evaluation_taps import as_numpy
        from kerasdoctor.instrumentation.flight_recorder import State
        from kerasdoctor.instrumentation.side_effects import lasting

        began = time.perf_counter()
        if self._sample is None:
            self._sample = self._sampled()
        traced = None
        if self._sample:
            traced = function.traced(self._spec) if self._validates() else self._untold_trace(function)
        reason = "" if traced is None else lasting(traced)
        if traced is None or reason or function.tapped.failure is not None:
            self._spec = None
            if reason and self._record is not None:
                self._record.instrument = replace(self._record.instrument, unlooked=reason)
            return
        tracing = time.perf_counter()
        state = State.of(model, trainable=False, step=traced)
        with kept_random_numbers():
            try:
                model.reset_metrics()
                batches = [as_numpy(traced(batch)[1]) for batch in self._first(rows)]
                metrics = {name: float(value) for name, value in model.get_metrics_result().items()}
            finally:
                state.restore()
        tap = self._tap(batches, step, "train")
        if tap is not None:
            self._take_in(replace(tap, metrics=metrics))
        now = time.perf_counter()
        if batches:
            self._per_row = max(self._per_row, (now - tracing) / sum(int(batch["rows"]) for batch in batches))
        self._looked = step
        # before the first step Keras would have traced it as well
        self._spent += now - (tracing if step == 0 else began)

    def _first(self, rows: float) -> Iterator[Any]:
        """The first batches of the sample, of at most so many rows but for the first."""
        seen = 0
        for batch in self._sample or ():
            size = len(keras.tree.flatten(batch)[0])
            if seen and seen + size > rows:
                return
            seen += size
            yield batch

    def _untold_trace(self, function: TestFunction) -> Any:
        """The test step where Keras traces none; None for a model that does not know how to be evaluated."""
        try:
            with kept_random_numbers():
                return function.traced(self._spec)
        except Exception:  # the user never asked for it
            return None

    def _sampled(self) -> list[Any]:
        """Batches of training rows at random; empty where the rows cannot be had without drawing from a pipeline."""
        record, arguments = self._record, self._arguments
        n = record.data.n_train if record is not None else None
        if record is None or n is None or not data.is_arrays(arguments.get("x")) or arguments.get("y") is None:
            return []
        parts = keras.utils.unpack_x_y_sample_weight(self._spec)
        if parts[2] is not None:
            return []
        rows = np.random.default_rng(0).choice(n, min(n, ROWS), replace=False)
        # read in their order, looked at in a random one, so that the first of them are a sample too
        order = np.argsort(rows)
        back = np.argsort(order)
        given = keras.tree.flatten((arguments["x"], arguments["y"]))
        wanted = keras.tree.flatten(parts[:2])
        columns = [
            _as_drawn(data.rows_of(part, rows[order])[back], spec) for part, spec in zip(given, wanted, strict=True)
        ]
        size = record.fit.batch_size or 32
        batches = []
        for begin in range(0, len(rows), size):
            flat = [keras.ops.convert_to_tensor(column[begin : begin + size]) for column in columns]
            packed = keras.tree.pack_sequence_as(parts[:2], flat)
            batches.append(keras.utils.pack_x_y_sample_weight(*packed))
        return batches

    # -----------------------------------------------------------------------------------------------------------------

    def _give_up(self, reason: str) -> None:
        if self._record is not None:
            unwatched = _("the validation is not tapped: {reason}").format(reason=reason)
            self._record.instrument = replace(self._record.instrument, unwatched=unwatched)
        self.end()

    def _tap(self, batches: list[Numbers], step: int, part: Any) -> EvaluationTap | None:
        watched = self._function.tapped.watched if self._function is not None else None
        if not batches or watched is None:
            return None
        rows = int(sum(batch["rows"] for batch in batches))
        task = _task(self._record.compile) if self._record else ""
        tap = EvaluationTap(step=step, part=part, rows=rows, task=task)
        if "counts" in batches[0]:
            values, zeros, saturated, nonfinite = np.sum([batch["counts"] for batch in batches], axis=0).T
            ends = np.array([place.has_ends for place in watched.activations])
            active = np.any([batch["active"] for batch in batches], axis=0)
            units = np.array([place.units for place in watched.activations])
            dead = np.add.reduceat(~active, np.concatenate(([0], np.cumsum(units)[:-1])))
            tap = replace(
                tap,
                layers=tuple(place.name for place in watched.activations),
                units=units,
                dead_units=dead.astype(np.float64),
                zero_share=zeros / np.maximum(values, 1),
                saturated_share=np.where(ends, saturated / np.maximum(values, 1), np.nan),
                nonfinite=nonfinite.astype(np.float64),
            )
        if "sums" in batches[0]:
            tap = replace(
                tap,
                normalizations=tuple(place.name for place in watched.normalizations),
                **_moments(batches, [place.units for place in watched.normalizations]),
            )
        if "predicted" in batches[0] and rows <= MOST_PREDICTIONS:
            tap = replace(
                tap,
                predicted=np.concatenate([batch["predicted"] for batch in batches]),
                true=np.concatenate([batch["true"] for batch in batches]),
            )
            if "outputs" in batches[0]:
                # as many rows as numbers of this size are kept of
                outputs = np.concatenate([batch["outputs"] for batch in batches])
                tap = replace(tap, outputs=outputs[: MOST_OUTPUTS // outputs.shape[1]])
        return tap


def _keeps_to_keras(model: keras.Model) -> bool:
    """Whether what its train step computes is what Keras's test step does."""
    return all(
        next(base for base in type(model).__mro__ if name in base.__dict__).__module__.startswith("keras.")
        for name in ("train_step", "test_step")
    )


def _as_drawn(rows: NDArray[np.generic], spec: Any) -> NDArray[Any]:
    """Rows in the form in which Keras draws them: it makes a column of a Series, for one."""
    rows = rows.astype(spec.dtype.as_numpy_dtype)
    return rows[:, None] if spec.shape.rank == rows.ndim + 1 and spec.shape[-1] == 1 else rows


def _moments(batches: list[Numbers], units: list[int]) -> dict[str, Any]:
    """How far what is normalized is from the moving statistics, one number per layer."""
    owner = np.repeat(np.arange(len(units)), units)
    count = np.maximum(np.sum([batch["values"] for batch in batches], axis=0), 1)[owner]
    mean = np.sum([batch["sums"] for batch in batches], axis=0, dtype=np.float64) / count
    square = np.sum([batch["squares"] for batch in batches], axis=0, dtype=np.float64) / count
    moving_mean, moving_variance = batches[-1]["mean"], batches[-1]["variance"]
    begins = np.concatenate(([0], np.cumsum(units)[:-1])).astype(int)
    with np.errstate(all="ignore"):  # a run that diverged
        variance = np.maximum(square - mean**2, 0.0)
        # Keras's own epsilon keeps a constant channel finite
        shift = (mean - moving_mean) ** 2 / (moving_variance + 1e-3)
        ratio = np.log((variance + 1e-3) / (moving_variance + 1e-3))
        return {
            "mean_shift": np.sqrt(np.add.reduceat(shift, begins) / units),
            "variance_ratio": np.exp(np.add.reduceat(ratio, begins) / units),
        }


def _task(compile: Compile) -> Task:  # noqa: A002 (the part of the record)
    if len(compile.losses) != 1:
        return ""
    loss = compile.losses[0]
    name = loss.name.replace("_", "")
    known: dict[str, Task] = {
        "sparsecategoricalcrossentropy": "sparse",
        "categoricalcrossentropy": "categorical",
        "categoricalfocalcrossentropy": "categorical",
        "binarycrossentropy": "binary logits" if loss.from_logits else "binary",
        "meansquarederror": "numbers",
        "meanabsoluteerror": "numbers",
        "huber": "numbers",
        "logcosh": "numbers",
        "meanabsolutepercentageerror": "numbers",
        "meansquaredlogarithmicerror": "numbers",
    }
    return known.get(name, "")
