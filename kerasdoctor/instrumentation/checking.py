"""Examines the fit that a call makes, without training."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from kerasdoctor.instrumentation.observer import Observer
from kerasdoctor.instrumentation.patching import replaced
from kerasdoctor.instrumentation.watching import new_recorder, refusing_legacy, uncompiled, users_frame
from kerasdoctor.record import Cell
from kerasdoctor.report import Report


class _Checked(BaseException):
    """Ends the call, past the user's `except Exception`: what it would do with a trained model must not happen."""

    def __init__(self, report: Report) -> None:
        super().__init__("checked, nothing was trained")
        self.report = report


def check(
    call: Callable[[], Any],
    *,
    observer: Observer,
    ignored: Mapping[str, str],
    cell_id: str,
    cells: tuple[Cell, ...] = (),
    usage_error: type[Exception],
    unseen: str,
    probes: Sequence[str] = (),
) -> Report:
    """The report of the first fit that `call` makes; the call ends there, and nothing is trained.

    Args:
        call: the user's call.
        observer: is given the report.
        ignored: diagnoses not to make -> reason.
        cell_id: id of the notebook cell that is running.
        cells: those that have run, the running one last.
        usage_error: raised for what cannot be examined.
        unseen: what it says where `call` ran no fit.
        probes: names of those that run only where they are asked for.
    """
    __tracebackhide__ = True

    def wrapper(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def fit(model: keras.Model, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if uncompiled(model):
                raise usage_error(uncompiled(model))
            try:
                bound = inspect.signature(original).bind(model, *args, **kwargs)
            except TypeError as problem:
                raise usage_error(f"fit cannot be called so: {problem}") from None
            bound.apply_defaults()
            arguments = {name: value for name, value in bound.arguments.items() if name != "self"}
            caller = users_frame(sys._getframe(1), model)
            recorder = new_recorder(
                model, arguments, caller, observer=observer, ignored=ignored, cell_id=cell_id, cells=cells
            )
            recorder.set_model(model)
            raise _Checked(recorder.check(probes))

        return fit

    def refusing(original: Callable[..., Any]) -> Callable[..., Any]:
        return refusing_legacy(original, usage_error)

    with contextlib.ExitStack() as stack:
        owner = next(base for base in keras.Model.__mro__ if "fit" in base.__dict__)
        stack.enter_context(replaced(owner, "fit", wrapper))
        legacy = sys.modules.get("tf_keras")
        if legacy is not None:
            stack.enter_context(replaced(legacy.Model, "fit", refusing))
        try:
            call()
        except _Checked as checked:
            return checked.report
    raise usage_error(unseen)
