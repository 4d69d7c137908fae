"""Values that are not finite and that other code than the train step gives to variables, between two steps."""

from __future__ import annotations

import contextlib
import sys
import types
import weakref
from collections.abc import Iterator
from typing import Any, Protocol

import keras
import tensorflow as tf

from kerasdoctor.instrumentation.taps import TappedStep
from kerasdoctor.instrumentation.witness import all_finite, users_line


class Listener(Protocol):
    """What wants to know of them."""

    def assigned(self, variable: keras.Variable, line: str) -> None:
        """A variable was given what is not finite, by this line of the user's."""
        ...


_listeners: weakref.WeakSet[Any] = weakref.WeakSet()
#: Keras's own method, while this module's is in its place.
_original: list[Any] = []
#: The class that defines it for all variables.
_OWNER: Any = next(base for base in keras.Variable.__mro__ if "assign" in base.__dict__)


def listen(listener: Listener) -> None:
    """Tell it of every such assignment until `leave`."""
    _listeners.add(listener)
    if not _original:
        _original.append(_OWNER.assign)
        _OWNER.assign = _assign


def leave(listener: Listener) -> None:
    """Tell it nothing more; after the last one Keras's own method is back, unless another has taken the place."""
    _listeners.discard(listener)
    if not _listeners and _OWNER.assign is _assign:
        _OWNER.assign = _original.pop()


def _assign(self: keras.Variable, value: Any) -> Any:
    result = _original[0](self, value)
    # the training goes on, whatever becomes of this
    with contextlib.suppress(Exception):
        for listener in _told(result):
            listener.assigned(self, users_line())
    return result


def _told(value: Any) -> Iterator[Listener]:
    if tf.is_tensor(value) and not tf.is_symbolic_tensor(value) and not all_finite([value]) and not _in_a_step():
        yield from list(_listeners)


def _in_a_step() -> bool:
    """Whether a train step that runs eagerly is under way."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is TappedStep.__call__.__code__:
            return True
        frame = frame.f_back
    return False
