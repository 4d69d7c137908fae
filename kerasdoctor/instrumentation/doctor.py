"""The plain callback: `model.fit(..., callbacks=[kerasdoctor.Doctor()])`."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Mapping
from typing import Any

import keras

from kerasdoctor import store
from kerasdoctor.errors import UsageError
from kerasdoctor.instrumentation.callback import FitRecorder
from kerasdoctor.instrumentation.exception_tap import ExceptionTap
from kerasdoctor.instrumentation.observer import Observer
from kerasdoctor.instrumentation.watching import known_level, new_recorder
from kerasdoctor.record import Level
from kerasdoctor.report import Report


class Doctor(keras.callbacks.Callback):
    """Examines the fit that it is passed to, and prints the report when it ends.

    The arguments of `fit` are read from its frame. An exception or a Ctrl-C inside a training step ends with a report
    too; one that another callback raises cannot be seen from here (`kerasdoctor.watch()` sees every one).

    Example:
        doctor = kerasdoctor.Doctor()
        model.fit(x, y, validation_split=0.2, callbacks=[doctor])
        doctor.report.to_dict()
    """

    async_safe = True

    def __init__(self, *, quiet: bool = False, level: Level = "default") -> None:
        """A doctor for one or several fits, one after the other.

        Args:
            quiet: whether the report is not printed.
            level: how much is recorded, as in `kerasdoctor.watch`.

        Raises:
            UsageError: for a level that does not exist.
        """
        super().__init__()
        self._quiet = quiet
        self._level = known_level(level)
        self._recorder: FitRecorder | None = None
        self._report: Report | None = None
        self._tap: ExceptionTap | None = None

    @property
    def report(self) -> Report:
        """The report of the last fit.

        Raises:
            UsageError: before a fit has ended.
        """
        if self._report is None:
            raise UsageError("no fit has ended yet: pass this callback to model.fit(..., callbacks=[doctor])")
        return self._report

    def on_train_begin(self, logs: Any = None) -> None:
        frames = _fit_frames(self._model)
        if frames is None:
            sys.stderr.write("Keras Doctor examines nothing: this is no call of model.fit\n")
            return
        arguments, caller, during = frames
        recorder = new_recorder(
            self._model, arguments, caller, observer=Observer(), ignored=store.ignored(), level=self._level
        )
        recorder.set_params(self.params)
        recorder.set_model(self._model)
        recorder.on_train_begin(logs)
        self._recorder = recorder
        # around the recorder's own train function
        self._tap = ExceptionTap(self._model, self._finish, functools.partial(self._abandon, recorder), during)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self._recorder:
            self._recorder.on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self._tap:
            self._tap.armed = True
        if self._recorder:
            self._recorder.on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # the JAX backend calls it from other threads, also while the fit ends in this one
        recorder = self._recorder
        if recorder:
            recorder.on_train_batch_end(batch, logs)

    def on_test_begin(self, logs: Any = None) -> None:
        if self._recorder:
            self._recorder.on_test_begin(logs)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        recorder = self._recorder
        if recorder:
            recorder.on_test_batch_end(batch, logs)

    def on_test_end(self, logs: Any = None) -> None:
        if self._recorder:
            self._recorder.on_test_end(logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._recorder:
            self._recorder.on_epoch_end(epoch, logs)

    def on_train_end(self, logs: Any = None) -> None:
        if self._recorder:
            # ours is around the recorder's, which goes only when it is the outermost
            self._untap()
            self._recorder.on_train_end(logs)
            self._finish(None)

    def _untap(self) -> None:
        tap, self._tap = self._tap, None
        if tap is not None:
            tap.remove()

    def _finish(self, error: BaseException | None) -> None:
        recorder, self._recorder = self._recorder, None
        self._untap()
        if recorder is None:
            return
        self._report = recorder.end(error)
        if not self._quiet:
            sys.stdout.write(f"{self._report}\n")

    def _abandon(self, recorder: FitRecorder) -> None:
        if self._recorder is recorder:
            # and not that of a later fit, of another model
            self._recorder = None
            self._untap()
        recorder.abandon()


def _fit_frames(model: keras.Model) -> tuple[Mapping[str, Any], types.FrameType, Any] | None:
    """`fit`'s arguments as the user passed them, the frame of the user's call, and what lives no longer than the call.

    `fit` itself rebinds `x` and `validation_data` when it splits; the wrapper that Keras puts around it for
    readable tracebacks still has what was passed.
    """
    signature = inspect.signature(keras.Model.fit)
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and not (frame.f_code.co_name == "fit" and frame.f_locals.get("self") is model):
        frame = frame.f_back
    arguments: dict[str, Any] = {}
    callbacks = None if frame is None else frame.f_locals.get("callbacks")
    while frame is not None:
        own, wrapper = frame.f_locals, frame.f_back
        if frame.f_code.co_name == "fit" and own.get("self") is model:
            arguments = {name: own[name] for name in signature.parameters if name in own and name != "self"}
        elif wrapper is None or "args" not in own or model not in _identities(own.get("args")):
            # Keras makes a list for each call, where the user has not made one
            during = None if callbacks is arguments.get("callbacks") else callbacks
            return (arguments, frame, during) if arguments else None
        else:
            bound = signature.bind(*own["args"], **own["kwargs"])
            bound.apply_defaults()
            arguments = {name: value for name, value in bound.arguments.items() if name != "self"}
        frame = wrapper
    return None


def _identities(args: Any) -> list[Any]:
    return [args[0]] if isinstance(args, tuple) and args and isinstance(args[0], keras.Model) else []
