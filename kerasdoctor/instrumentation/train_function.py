"""The train function of a watched fit: Keras's own step, with taps."""

from __future__ import annotations

import inspect
import weakref
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kerasdoctor.engine import describe
from kerasdoctor.instrumentation.flight_recorder import FlightRecorder
from kerasdoctor.instrumentation.taps import Layout, TappedStep
from kerasdoctor.locale import _

#: Model -> the weak reference to the train function that Keras made for it, and ours: a second fit traces nothing.
_known: weakref.WeakKeyDictionary[keras.Model, tuple[weakref.ref[Any], TrainFunction]] = weakref.WeakKeyDictionary()


def refusal(model: keras.Model) -> str:
    """Why this model's train step cannot be tapped; empty when it can."""
    if not _defined_by_keras(model, "make_train_function"):
        return _("the model makes a train function of its own")
    if not inspect.isfunction(model.train_function):
        return _("something else has replaced the model's train function")
    return ""


def of(model: keras.Model) -> TrainFunction:
    """The train function for a model, with what it has traced for this `compile`."""
    known = _known.get(model)
    # `compile` makes Keras build its own anew, for another optimizer perhaps
    if known is None or known[0]() is not model.train_function:
        known = weakref.ref(model.train_function), TrainFunction(model)
        _known[model] = known
    return known[1]


def _defined_by_keras(model: keras.Model, method: str) -> bool:
    return next(base for base in type(model).__mro__ if method in base.__dict__).__module__.startswith("keras.")


class TrainFunction:
    """Stands in for `model.train_function` while a fit is watched.

    With one step per execution it draws the batch itself and calls the traced step, which spares Keras's function
    around it; everywhere else it is Keras's own construction around the tapped step. Weights are those of a plain fit,
    bit for bit: the step is traced with the signature of the iterator, so that the same kernels run.

    When its traces fail, Keras's own function is put back and goes on from the same batch.
    """

    def __init__(self, model: keras.Model) -> None:
        self._step = TappedStep(model)
        self._model = weakref.ref(model)
        #: Signature of the batches -> the traced step.
        self._traced: dict[Any, Any] = {}
        self._around: Any = None
        self._iterator: weakref.ref[Any] | None = None
        self._function: Any = None
        self._original: Any = None
        #: Whether it stands in for the model's own.
        self.attached = False
        self._vector: Any = None
        #: The traced step of the batches that are drawn here; None where Keras draws them.
        self.step: Any = None
        self._flight: FlightRecorder | None = None
        #: Why the taps were given up, if they were.
        self.failure: Exception | None = None

    # life cycle ----------------------------------------------------------------------------------------------------

    def attach(self, flight: FlightRecorder) -> None:
        """Put this in the place of the model's train function.

        Args:
            flight: is told of every batch before its step.
        """
        model = self._model()
        if model is not None and model.train_function is not self:
            self._original, self._vector, self.failure = model.train_function, None, None
            self._flight = flight
            model.train_function = self
            self.attached = True

    def detach(self) -> None:
        """Put the model's own train function back, unless another has taken the place meanwhile.

        Called by that other, this goes on as the model's own.
        """
        model = self._model()
        if model is not None and model.train_function is self:
            model.train_function, self._original = self._original, None
        self._iterator = self._function = self._vector = self._flight = self.step = None
        self.attached = False

    # one call of fit's loop ----------------------------------------------------------------------------------------

    def __call__(self, iterator: Any) -> Any:
        __tracebackhide__ = True
        original = self._original
        if not self.attached:
            return original(iterator)
        if self._vector is not None:
            # nobody takes what the steps tell: the fit that was watched ended without a word
            self.detach()
            return original(iterator)
        if self._iterator is None or self._iterator() is not iterator:
            if not isinstance(iterator, tf.data.Iterator | tf.distribute.DistributedIterator):
                # not fit's loop: `train_on_batch` from a callback
                return original(iterator)
            if not self._prepare(iterator):
                self.detach()
                return original(iterator)
        outputs, self._vector = self._function(iterator)
        return outputs

    def take(self) -> tuple[Layout, NDArray[np.float32]] | None:
        """What the last step told, once; None when it was not tapped."""
        vector, self._vector = self._vector, None
        layout = self._step.layout
        if vector is None or layout is None:
            return None
        numbers: NDArray[np.float32] = vector.numpy()
        return layout, numbers

    def _prepare(self, iterator: Any) -> bool:
        """Finds or traces the function for an iterator; False when it cannot be had."""
        try:
            self._function = self._function_for(iterator)
        except Exception as error:  # a fault of the user's step comes up again in Keras's own function
            self.failure = error
            return False
        self._iterator = weakref.ref(iterator)
        self.failure = self._step.failure
        return self.failure is None

    def _function_for(self, iterator: Any) -> Any:
        model = self._model()
        if model is None:
            raise ReferenceError("the model is gone")
        self.step = None
        if not self._may_draw(model, iterator):
            if self._flight is not None:
                self._flight.give_up(_("Keras draws the batches of this fit itself"))
            if self._around is None:
                # of several batches or replicas only Keras's logs tell the loss
                self._step.tells_loss = False
                # through a proxy: what is kept here must not keep the model
                self._around = type(model)._make_function(weakref.proxy(model), self._step)
            return self._around
        spec = iterator.element_spec
        key = tuple(tf.nest.flatten(spec, expand_composites=False)), repr(tf.nest.map_structure(type, spec))
        traced = self._traced.get(key)
        if traced is None:
            traced = tf.function(
                self._step, input_signature=(spec,), jit_compile=model.jit_compile, autograph=False
            ).get_concrete_function()
            self._traced[key] = traced
        self.step = traced
        return self._draw

    def _draw(self, iterator: Any) -> Any:
        batch = next(iterator)
        if self._flight is not None:
            try:
                self._flight.before(batch)
            except Exception as error:  # the training goes on
                self._flight.give_up(describe(error))
        return self.step(batch)

    @staticmethod
    def _may_draw(model: keras.Model, iterator: Any) -> bool:
        return (
            model.steps_per_execution == 1
            and not model.run_eagerly
            and isinstance(iterator, tf.data.Iterator)
            and not tf.distribute.has_strategy()
            and type(model.distribute_strategy) is type(tf.distribute.get_strategy())
            and not any(isinstance(part, tf.OptionalSpec) for part in tf.nest.flatten(iterator.element_spec))
        )
