"""Watches every `fit` for a while: the one place that patches Keras, and that takes the patch away again."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import sys
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras

from kerasdoctor import store
from kerasdoctor.engine import describe, diagnose
from kerasdoctor.errors import UsageError
from kerasdoctor.instrumentation.callback import FitRecorder
from kerasdoctor.instrumentation.loops import LoopRecorder, Loops
from kerasdoctor.instrumentation.observer import Observer
from kerasdoctor.instrumentation.patching import kept_tracebacks
from kerasdoctor.instrumentation.summaries import call
from kerasdoctor.record import LEVELS, Cell, Failure, Level, Loop, TrainingRecord
from kerasdoctor.report import Report

_runs = itertools.count(1)

#: How many more fits to watch; None for all.
Left = int | None
#: What `Watch.restore` takes: whether it was on, how many fits were left, and the level.
Earlier = tuple[bool, Left, Level]


class Watch:
    """Watches the `fit` calls that are made while it is on, and the loops of the user's own.

    A call that trains the same model again from the same place (`for ...: model.fit(..., epochs=1)`) goes on with
    the record of the one before. A loop of `train_on_batch`, or one that applies the gradients of a tape by hand, has
    no end of its own: its report is made when the watch stops.

    Attributes:
        reports: run -> report of each watched fit and loop.
        watched: fits and loops that were watched.
    """

    def __init__(
        self,
        observer: Observer | None = None,
        *,
        ignored: Mapping[str, str] | None = None,
        cell_id: Callable[[], str] = str,
        cells: Callable[[], tuple[Cell, ...]] = tuple,
        verbose: Callable[[], int | None] = lambda: None,
        usage_error: type[Exception] | None = None,
    ) -> None:
        """A watch that is off.

        Args:
            observer: follows each fit.
            ignored: diagnoses not to make -> reason.
            cell_id: tells the id of the notebook cell that is running.
            cells: tells the cells that have run, the running one last.
            verbose: `verbose` for the fits where the user did not choose it; None leaves Keras's default.
            usage_error: raised for a fit that cannot be watched (an uncompiled model, legacy `tf_keras`). Without
                it such a fit is left to itself.
        """
        self.reports: dict[str, Report] = {}
        self.watched = 0
        self._observer = observer or Observer()
        self._ignored = ignored or {}
        self._cell_id = cell_id
        self._cells = cells
        self._verbose = verbose
        self._usage_error = usage_error
        self._left: Left = None
        self._level: Level = "default"
        self._patched: list[tuple[type, Any]] = []
        self._recorders: list[tuple[weakref.ref[keras.Model], types.CodeType, int, FitRecorder]] = []
        self._loops = Loops(self._begin_loop, self._end)
        #: run -> the names of its top level, and what those of its call stood for.
        self._seen: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}

    @property
    def report(self) -> Report:
        """The report of the last fit or loop.

        Raises:
            UsageError: when none was watched, or when its loop is still running.
        """
        if not self.reports:
            reason = self.unseen or "call model.fit(...) inside `with kerasdoctor.watch() as w:`"
            raise UsageError(f"no fit was watched: {reason}")
        return list(self.reports.values())[-1]

    @property
    def unseen(self) -> str:
        """What loops did of which nothing could be seen; empty when there was none."""
        return self._loops.unseen

    def start(self, most: Left = None, *, level: Level = "default", names: Mapping[str, Any] | None = None) -> Earlier:
        """Watch from now on, `most` fits or all; returns what `restore` takes.

        Args:
            most: how many fits and loops.
            level: how much is recorded.
            names: the user's names, to find optimizers that train without a word.

        Raises:
            UsageError: for a level that does not exist.
        """
        level = known_level(level)
        earlier = (bool(self._patched), self._left, self._level)
        self._left, self._level = most, level
        if not self._patched:
            self._patch(keras.Model, self._fit_wrapper)
            self._loops.start(names or {})
            legacy = sys.modules.get("tf_keras")
            if legacy is not None and self._usage_error is not None:
                self._patch(legacy.Model, self._legacy_wrapper)
        return earlier

    def restore(self, earlier: Earlier, error: BaseException | None = None) -> None:
        """Back to how it was before `start`; `error` has ended what was watched."""
        on, self._left, self._level = earlier
        if not on:
            self.stop(error)

    def stop(self, error: BaseException | None = None) -> None:
        """Watch no longer; Keras is as it was. The loops end here, with the exception that ended them."""
        if self._patched:
            self._loops.stop(error)
        while self._patched:
            owner, original = self._patched.pop()
            owner.fit = original  # type: ignore[attr-defined] # every model class has it

    def restated(self) -> list[Report]:
        """Reports made anew, with the code of their fixes, where names in it have gone or stand for something else."""
        found = []
        while self._seen:
            run, (names, seen) = self._seen.popitem()
            report = self.reports.get(run)
            source = None if report is None else report.record.source
            if report is None or source is None:
                continue
            now = call.restated(source, seen, names)
            if now is not source:
                report.record.source = now
                found.append(diagnose(report.record, ignored=self._ignored))
        self.reports.update({report.record.run: report for report in found})
        return found

    def _patch(self, model_class: type, wrapper: Callable[[Any], Any]) -> None:
        owner = next(base for base in model_class.__mro__ if "fit" in base.__dict__)
        original = owner.__dict__["fit"]
        self._patched.append((owner, original))
        owner.fit = wrapper(original)  # type: ignore[attr-defined] # as above

    def _fit_wrapper(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def fit(model: keras.Model, *args: Any, **kwargs: Any) -> Any:
            # IPython leaves this frame out of tracebacks
            __tracebackhide__ = True
            frame = sys._getframe(1)
            with self._loops.aside(model):
                if self._left == 0:
                    return original(model, *args, **kwargs)
                return self._watched_fit(original, model, args, kwargs, frame)

        return fit

    def _legacy_wrapper(self, original: Callable[..., Any]) -> Callable[..., Any]:
        return refusing_legacy(original, self._usage_error or UsageError)

    def _watched_fit(
        self,
        original: Callable[..., Any],
        model: keras.Model,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        frame: types.FrameType,
    ) -> Any:
        __tracebackhide__ = True
        if self._usage_error is not None and uncompiled(model):
            raise self._usage_error(uncompiled(model))
        try:
            bound = inspect.signature(original).bind(model, *args, **kwargs)
        except TypeError:
            # Keras's own error tells what is wrong with the call
            return original(model, *args, **kwargs)
        if self._left is not None:
            self._left -= 1
        self.watched += 1
        chose_verbose = "verbose" in bound.arguments
        bound.apply_defaults()
        arguments = {name: value for name, value in bound.arguments.items() if name != "self"}
        recorder = self._recorder(model, arguments, frame)
        if recorder.record.source is not None:
            names = call.top_level(frame)
            self._seen[recorder.record.run] = names, call.objects(recorder.record.source, names)
        del frame
        with _added(arguments, recorder, model):
            verbose = None if chose_verbose else self._verbose()
            if verbose is not None:
                arguments["verbose"] = verbose
            try:
                with kept_tracebacks():
                    result = original(model, **arguments)
            except BaseException as error:
                self._end(recorder, error)
                raise
        self._end(recorder, None)
        return result

    def _recorder(self, model: keras.Model, arguments: dict[str, Any], frame: types.FrameType) -> FitRecorder:
        caller = users_frame(frame, model)
        place = (caller.f_code, caller.f_lasti)
        for known, code, instruction, recorder in self._recorders:
            if known() is model and (code, instruction) == place and recorder.can_continue:
                recorder.go_on(dict(arguments), call.top_level(caller))
                return recorder
        recorder = new_recorder(
            model,
            dict(arguments),
            caller,
            observer=self._observer,
            ignored=self._ignored,
            level=self._level,
            cell_id=self._cell_id(),
            cells=self._cells(),
        )
        # Keras tells it only after it has looked at the data, which may raise
        recorder.set_model(model)
        self._recorders.append((weakref.ref(model), *place, recorder))
        return recorder

    def _begin_loop(self, loop: Loop, caller: types.FrameType) -> LoopRecorder | None:
        if self._left == 0:
            return None
        if self._left is not None:
            self._left -= 1
        self.watched += 1
        return LoopRecorder(
            _new_record(caller, self._cell_id(), self._cells()),
            loop=loop,
            names=call.top_level(caller),
            observer=self._observer,
            ignored=self._ignored,
            level=self._level,
        )

    def _end(self, recorder: FitRecorder, error: BaseException | None) -> None:
        try:
            self.reports[recorder.record.run] = recorder.end(error)
        except Exception as failure:  # the user's fit is done, and stays done
            recorder.note_failure("report", failure)
            sys.stderr.write(f"Keras Doctor could not make its report: {describe(failure)}\n")


def users_frame(frame: types.FrameType, model: keras.Model) -> types.FrameType:
    """The frame of the user's call: a model's own `fit` that calls `super().fit` is not it."""
    while frame.f_back is not None and frame.f_locals.get("self") is model:
        frame = frame.f_back
    return frame


def refusing_legacy(original: Callable[..., Any], usage_error: type[Exception]) -> Callable[..., Any]:
    """The `fit` of the legacy tf_keras, which says that it cannot be examined."""

    @functools.wraps(original)
    def fit(*_args: Any, **_kwargs: Any) -> Any:
        raise usage_error(
            "this is a model of the legacy tf_keras; Keras Doctor examines Keras 3: build it with `import keras`"
        )

    return fit


def uncompiled(model: keras.Model) -> str:
    """What is wrong with a model that is not compiled; empty for one that is."""
    if getattr(model, "compiled", False):
        return ""
    return f"the model {model.name!r} is not compiled: write model.compile(optimizer=..., loss=...) before fit"


def new_recorder(
    model: keras.Model,
    arguments: Mapping[str, Any],
    caller: types.FrameType,
    *,
    observer: Observer,
    ignored: Mapping[str, str],
    level: Level = "default",
    cell_id: str = "",
    cells: tuple[Cell, ...] = (),
) -> FitRecorder:
    """A recorder for the fit of a model that `caller` is calling with `arguments`."""
    record, names = _new_record(caller, cell_id, cells, model), call.top_level(caller)
    return FitRecorder(record, arguments, names=names, observer=observer, ignored=ignored, level=level)


def _new_record(
    caller: types.FrameType, cell_id: str, cells: tuple[Cell, ...], model: keras.Model | None = None
) -> TrainingRecord:
    record = TrainingRecord(run=str(next(_runs)))
    try:
        record.source = call.summarize(caller, model=model, cell_id=cell_id, cells=cells)
    except Exception as error:  # no source is a lesser report, not a failed fit
        record.failures.append(Failure(where="source", error=describe(error)))
    return record


def known_level(level: str) -> Level:
    """The level of that name.

    Raises:
        UsageError: when there is none.
    """
    for known in LEVELS:
        if level == known:
            return known
    raise UsageError(f"there is no level {level!r}: write one of {', '.join(LEVELS)}")


@contextlib.contextmanager
def _added(arguments: dict[str, Any], recorder: FitRecorder, model: keras.Model) -> Iterator[None]:
    """`arguments["callbacks"]` with the recorder at its end; the user's own list is not touched."""
    callbacks = arguments["callbacks"]
    if isinstance(callbacks, keras.callbacks.CallbackList):
        # Keras takes such a list as it is: ours goes in, and out again
        recorder.set_params(callbacks.params)
        recorder.set_model(model)
        callbacks.append(recorder)
        try:
            yield
        finally:
            callbacks.callbacks.remove(recorder)
        return
    arguments["callbacks"] = [*keras.tree.flatten(callbacks or []), recorder]
    yield


@contextlib.contextmanager
def watch(*, quiet: bool = False, level: Level = "default") -> Iterator[Watch]:
    """Watches every `fit` in the block, and every loop, and prints the report of each when the block ends.

    Example:
        with kerasdoctor.watch() as w:
            model.fit(x, y, validation_split=0.2)
        w.report.to_dict()

    Args:
        quiet: whether nothing is printed.
        level: how much is recorded: "light" reads the data and Keras's logs; "default" also taps the train step
            for the norms of gradients, updates and weights at every step.

    Raises:
        UsageError: for a level that does not exist.
    """
    watching = Watch(ignored=store.ignored())
    # through contextlib's own frame
    user = sys._getframe(2)
    watching.start(level=level, names={**user.f_globals, **user.f_locals})
    del user
    try:
        yield watching
    except BaseException as error:
        watching.stop(error)
        raise
    finally:
        watching.stop()
        with contextlib.suppress(Exception):
            # nothing of ours stands between the user's block and what follows it
            watching.restated()
        if not quiet:
            for report in watching.reports.values():
                sys.stdout.write(f"{report}\n")
            if watching.unseen:
                sys.stderr.write(f"Keras Doctor: {watching.unseen}\n")
