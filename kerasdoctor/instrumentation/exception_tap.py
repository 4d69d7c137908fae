"""Hears of an exception that ends a fit, which Keras tells no callback of."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

import keras


class ExceptionTap:
    """Stands in for a model's train function: Keras calls no callback when a step raises, but the exception passes by.

    An exception between two steps does not. Then the tap goes with the fit's own frame: as soon as nobody keeps the
    traceback of the exception. The next fit of the model takes away what is still there.
    """

    def __init__(
        self,
        model: keras.Model,
        raised: Callable[[BaseException], None],
        abandoned: Callable[[], None],
        during: Any = None,
    ) -> None:
        """A tap in its place.

        Args:
            model: the model that is about to be trained.
            raised: is called with the exception of a step.
            abandoned: is called when the fit turns out to have ended.
            during: an object that is gone when the fit has ended.
        """
        self._model = model
        self._raised, self._abandoned = raised, abandoned
        self._original = model.train_function
        #: Whether fit is about to make a step; None before the first.
        self.armed: bool | None = None
        self._removed = False
        model.train_function = self
        self._gone = None if during is None else weakref.finalize(during, self._leave)
        if self._gone is not None:
            self._gone.atexit = False

    @staticmethod
    def clear(model: keras.Model) -> None:
        """Take away what a fit has left that ended without a word."""
        while isinstance(left := model.train_function, ExceptionTap) and left.armed is not None:
            left._leave()

    def remove(self) -> None:
        """Put the model's own function back, unless another has taken the place: called by that one, this passes on."""
        self._removed = True
        if self._gone is not None:
            self._gone.detach()
        if self._model.train_function is self:
            self._model.train_function = self._original

    def _leave(self) -> None:
        self.remove()
        self._abandoned()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if self._removed:
            # who had taken the place has put this back
            self.remove()
            return self._original(*args, **kwargs)
        if sys._getframe(1).f_code.co_name == "train_on_batch":
            # a callback's own, no step of fit
            return self._original(*args, **kwargs)
        if not self.armed:
            # the step of a later fit
            in_place = self._model.train_function is self
            self._leave()
            # by now the recorder's own function may have left as well
            function = self._model.train_function if in_place else self._original
            return function(*args, **kwargs)
        self.armed = False
        try:
            return self._original(*args, **kwargs)
        except BaseException as error:
            # a pipeline that does not tell its length ends an epoch like this
            if not isinstance(error, StopIteration) and type(error).__name__ != "OutOfRangeError":
                self._raised(error)
            raise
