"""What stands in for a model's train or test function while a fit is watched: Keras's own step, with taps."""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kerasdoctor.engine import describe
from kerasdoctor.instrumentation import assignments, retracing
from kerasdoctor.instrumentation.evaluation_taps import TappedTestStep
from kerasdoctor.instrumentation.flight_recorder import FlightRecorder
from kerasdoctor.instrumentation.patching import RefusedError, is_kerass
from kerasdoctor.instrumentation.taps import Layout, TappedStep
from kerasdoctor.locale import _


class Step(Protocol):
    """A step that also returns what it tells."""

    failure: Exception | None
    #: Names of the operations of the last trace that are not the step's.
    added: set[str]

    def __call__(self, data: Any) -> tuple[Any, Any]: ...


class StepFunction:
    """Stands in for a function of the model that fit calls with an iterator.

    With one step per execution it draws the batch itself and calls the traced step, which spares Keras's function
    around it. Results are those of Keras's own, bit for bit: the step is traced with the signature of the iterator,
    so that the same kernels run.

    When its traces fail, Keras's own function is put back and goes on from the same batch.
    """

    #: The model's attribute that holds the function.
    attribute: ClassVar[str]

    def __init__(self, model: keras.Model, step: Step) -> None:
        self._step = step
        self._model = weakref.ref(model)
        #: Signature of the batches -> the traced step.
        self._traced: dict[Any, Any] = {}
        #: Their signatures, in the order in which they were traced.
        self._specs: list[Any] = []
        self._iterator: weakref.ref[Any] | None = None
        self._function: Any = None
        self._original: Any = None
        #: The function of Keras's that the traces stand in for.
        self._origin: weakref.ref[Any] | None = None
        #: Whether it stands in for the model's own.
        self.attached = False
        #: Whether anybody reads what the steps tell.
        self.reading = True
        self._told: Any = None
        #: The traced step of the batches that are drawn here; None where Keras draws them.
        self.step: Any = None
        #: Signature of the last iterator, and the step for its batches, as long as Keras has traced nothing since.
        self._latest: tuple[Any, Any] | None = None
        #: Why the taps were given up, if they were.
        self.failure: Exception | None = None
        #: Is shown every batch that is drawn here; it never raises.
        self.drawn: Callable[[Any], None] | None = None
        #: Seconds that the longest of its traces took.
        self.tracing = 0.0

    @classmethod
    def refusal(cls, model: keras.Model) -> str:
        """Why this model's step cannot be tapped; empty when it can."""
        if not _defined_by_keras(model, f"make_{cls.attribute}"):
            return _("the model makes a {function} of its own").format(function=cls.attribute.replace("_", " "))
        left = getattr(model, cls.attribute)
        if isinstance(left, StepFunction) and not left.attached:
            left.detach()
        if not is_kerass(getattr(model, cls.attribute)):
            return _("something else has replaced the model's {function}").format(
                function=cls.attribute.replace("_", " ")
            )
        return ""

    # life cycle ----------------------------------------------------------------------------------------------------

    def attach(self) -> None:
        """Put this in the place of the model's own."""
        model = self._model()
        if model is not None and getattr(model, self.attribute) is not self:
            self._original, self._told, self.failure = getattr(model, self.attribute), None, None
            if self._origin is not None and self._origin() is not self._original:
                # a callback has called `compile`: other losses and metrics
                self._traced.clear()
                self._specs.clear()
                self._iterator = self._latest = None
            self._origin = weakref.ref(self._original)
            setattr(model, self.attribute, self)
            self.attached = self.reading = True

    @property
    def in_place(self) -> bool:
        """Whether fit calls this, and not another function that has taken the place."""
        model = self._model()
        return model is not None and getattr(model, self.attribute) is self

    def detach(self) -> None:
        """Put the model's own function back, unless another has taken the place meanwhile.

        Called by that other, this goes on as the model's own.
        """
        model = self._model()
        if model is not None and getattr(model, self.attribute) is self:
            setattr(model, self.attribute, self._original)
            self._original = None
        self._iterator = self._function = self._told = self.step = self.drawn = self._latest = None
        self.attached = False

    # one call of fit's loop ----------------------------------------------------------------------------------------

    def __call__(self, iterator: Any) -> Any:
        __tracebackhide__ = True
        original = self._original
        if not self.attached:
            # called by another function around it, or put back by that one
            self.detach()
            return original(iterator)
        if self._told is not None:
            # nobody takes what the steps tell: the fit that was watched ended without a word
            self.detach()
            return original(iterator)
        if self._iterator is None or self._iterator() is not iterator:
            if not isinstance(iterator, tf.data.Iterator | tf.distribute.DistributedIterator):
                # not fit's loop: `train_on_batch` from a callback
                return self._keras(iterator)
            if not self._prepare(iterator):
                self.detach()
                return original(iterator)
        outputs, told = self._function(iterator)
        self._told = told if self.reading else None
        return outputs

    def _at_the_end(self, iterator: Any) -> tuple[Any, None]:
        """Keras finds the end of a pipeline of unknown length inside of a step, which is counted nevertheless.

        The optimizer's iterations, the random states and weight decay go on by one: what needs no batch is done.
        """
        return self._keras(iterator), None

    def _keras(self, iterator: Any) -> Any:
        """Keras's own function, which may be traced by that."""
        self._latest = None
        return self._original(iterator)

    def take(self) -> Any:
        """What the last step told, once; None when it was not tapped."""
        told, self._told = self._told, None
        return told

    def _prepare(self, iterator: Any) -> bool:
        """Finds or traces the function for an iterator; False when it cannot be had."""
        try:
            self._function = self._function_for(iterator)
        except Exception as error:  # a fault of the user's step comes up again in Keras's own function
            if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError) or "initialize_variables" in str(
                error
            ):
                # weights that this trace has made have no values: Keras's own function would raise something else
                raise
            self.failure = error
            return False
        self._iterator = weakref.ref(iterator)
        self.failure = self.failure or self._step.failure
        return self.failure is None

    def _function_for(self, iterator: Any) -> Callable[[Any], Any]:
        raise NotImplementedError

    def traced(self, spec: Any) -> Any:
        """The step for batches of a signature, traced where it is not yet.

        Raises:
            RefusedError: Keras would go on with a step of its own that computes something else.
        """
        model = self._model()
        if model is None:
            raise ReferenceError("the model is gone")
        given = _key(spec)
        if self._latest is not None and self._latest[0] == given:
            return self._latest[1]
        own = retracing.traces_of(self._original if self.attached else getattr(model, self.attribute))
        spec = retracing.signature(spec, [*map(retracing.spec_of, own), *self._specs])
        key = _key(spec)
        traced = self._traced.get(key)
        if traced is None:
            began = time.perf_counter()
            traced = tf.function(
                self._step, input_signature=(spec,), jit_compile=model.jit_compile, autograph=False
            ).get_concrete_function()
            for other in own:
                if tf.nest.flatten(retracing.spec_of(other)) == tf.nest.flatten(spec) and not (
                    retracing.computes_the_same(traced.graph, self._step.added, other.graph)
                ):
                    raise RefusedError(
                        _(
                            "Keras goes on with the step that it compiled before, and the model computes something "
                            "else by now"
                        )
                    )
            self._traced[key] = traced
            self._specs.append(spec)
            self.tracing = max(self.tracing, time.perf_counter() - began)
        self._latest = given, traced
        return traced

    def _may_draw(self, iterator: Any) -> bool:
        model = self._model()
        return (
            model is not None
            and model.steps_per_execution == 1
            and not model.run_eagerly
            and isinstance(iterator, tf.data.Iterator)
            and not _is_distributed(model)
            and not any(isinstance(part, tf.OptionalSpec) for part in tf.nest.flatten(iterator.element_spec))
        )


class TrainFunction(StepFunction):
    """The train function; where it may not draw the batches itself, Keras's own construction around the tapped step.

    Every batch is shown to a flight recorder before its step.
    """

    attribute: ClassVar[str] = "train_function"
    _step: TappedStep

    def __init__(self, model: keras.Model, *, full: bool = False) -> None:
        super().__init__(model, TappedStep(model, full=full))
        self._around: Any = None
        self._flight: FlightRecorder | None = None
        self._first: Callable[[Any, float], None] | None = None

    @property
    def full(self) -> bool:
        """Whether it tells what belongs to level "full"."""
        return self._step.full

    @property
    def is_traced(self) -> bool:
        """Whether it has a step of its own for some batches."""
        return bool(self._traced) or self._around is not None

    def record(self, flight: FlightRecorder, first: Callable[[Any, float], None] | None) -> None:
        """Show every batch to `flight` from now on, and to `first` before the first step what its trace is like.

        `first` is called with the signature of the batches and the seconds that tracing took.
        """
        if self._flight is not None:
            assignments.leave(self._flight)
        self._flight, self._first = flight, first
        assignments.listen(flight)
        self._step.forget()

    def detach(self) -> None:
        super().detach()
        if self._flight is not None:
            assignments.leave(self._flight)
        self._flight = self._first = None

    def take(self) -> Any:
        """The layout and the numbers of the vector that the last step told, once; None when it was not tapped."""
        vector, layout = super().take(), self._step.layout
        return None if vector is None or layout is None else (layout, vector.numpy())

    def _function_for(self, iterator: Any) -> Callable[[Any], Any]:
        self.step = None
        if self._may_draw(iterator):
            self.step = self.traced(iterator.element_spec)
            return self._draw
        model = self._model()
        if model is None:
            raise ReferenceError("the model is gone")
        eagerly = model.run_eagerly and model.steps_per_execution == 1 and not _is_distributed(model)
        if eagerly:
            # one call for each batch
            self.step = self._step
        elif self._flight is not None:
            self._flight.give_up(_("Keras draws the batches of this fit itself"))
        if self._around is None:
            # of several batches or replicas only Keras's logs tell the loss
            self._step.tells_loss = eagerly
            # through a proxy: what is kept here must not keep the model
            step = self._eagerly if eagerly else self._step
            self._around = type(model)._make_function(weakref.proxy(model), step)
        function: Callable[[Any], Any] = self._around
        return function

    def _draw(self, iterator: Any) -> Any:
        batch = next(iterator, None)
        if batch is None:
            if self._flight is not None:
                self._flight.restart()
            return self._at_the_end(iterator)
        if self._first is not None:
            first, self._first = self._first, None
            first(iterator.element_spec, self.tracing)
        self._show(batch)
        return self.step(batch)

    def _eagerly(self, batch: Any) -> Any:
        self._show(batch)
        return self._step(batch)

    def _show(self, batch: Any) -> None:
        if self.drawn is not None:
            self.drawn(batch)
        if self._flight is not None:
            try:
                self._flight.before(batch, self.step)
            except Exception as error:  # the training goes on
                self._flight.give_up(describe(error))


class BatchFunction:
    """The train function while `train_on_batch` runs: Keras's own construction around the tapped step."""

    def __init__(self, model: keras.Model, *, full: bool = False) -> None:
        """Args: full: as for `TappedStep`."""
        self._step = TappedStep(model, full=full)
        # Keras's logs have it
        self._step.tells_loss = False
        # through a proxy: what is kept here must not keep the model
        self._around = type(model)._make_function(weakref.proxy(model), self._step)
        self._vector: Any = None

    def __call__(self, iterator: Any) -> Any:
        __tracebackhide__ = True
        outputs, self._vector = self._around(iterator)
        return outputs

    @property
    def failure(self) -> Exception | None:
        """Why the taps are to be given up, if they are."""
        return self._step.failure

    @contextlib.contextmanager
    def in_place(self, model: keras.Model) -> Iterator[None]:
        """This is the model's train function."""
        original = model.train_function
        model.train_function = self
        try:
            yield
        finally:
            if model.train_function is self:
                model.train_function = original

    def take(self, *, read: bool) -> tuple[Layout, NDArray[np.float32]] | None:
        """The layout and the numbers of the vector that the last step told, once, if it is to be read."""
        vector, self._vector = self._vector, None
        return None if not read or vector is None or self._step.layout is None else (self._step.layout, vector.numpy())

    def forget(self) -> None:
        """The next step is the first of a loop."""
        self._step.forget()


class TestFunction(StepFunction):
    """The test function, while fit validates; anybody else's evaluation is left to Keras."""

    attribute: ClassVar[str] = "test_function"
    # pytest collects what is named like this
    __test__ = False
    _step: TappedTestStep

    def __init__(self, model: keras.Model, task: str) -> None:
        """Args: task: what the predictions are, see `TappedTestStep`."""
        super().__init__(model, TappedTestStep(model, task))
        #: Whether fit validates right now.
        self.validating = False

    def __call__(self, iterator: Any) -> Any:
        __tracebackhide__ = True
        if self.attached and not self.validating:
            return self._keras(iterator)
        return super().__call__(iterator)

    @property
    def tapped(self) -> TappedTestStep:
        """The step, which knows what its numbers are."""
        return self._step

    def _function_for(self, iterator: Any) -> Callable[[Any], Any]:
        if not self._may_draw(iterator):
            raise RefusedError(_("Keras draws the batches of the validation itself"))
        self.step = self.traced(iterator.element_spec)
        return self._draw

    def _draw(self, iterator: Any) -> Any:
        batch = next(iterator, None)
        if batch is None:
            return self._at_the_end(iterator)
        if self.drawn is not None:
            self.drawn(batch)
        return self.step(batch)


class _Known:
    """The functions for a model, with what they have traced for this `compile`: a second fit traces nothing."""

    def __init__(self, model: keras.Model) -> None:
        self.origin = weakref.ref(model.train_function)
        #: Whether at level "full" -> its function.
        self.train: dict[bool, TrainFunction] = {}
        self.batch: dict[bool, BatchFunction] = {}
        self.test: dict[str, TestFunction] = {}


_known: weakref.WeakKeyDictionary[keras.Model, _Known] = weakref.WeakKeyDictionary()


def train_function_of(model: keras.Model, *, full: bool) -> TrainFunction:
    """The train function for a model, when fit has made Keras's own."""
    functions = _known_of(model).train
    if full not in functions:
        functions[full] = TrainFunction(model, full=full)
    return functions[full]


def traced_level(model: keras.Model) -> bool | None:
    """Whether the step that was traced for this `compile` tells what belongs to level "full"; None where none was."""
    known = _known.get(model)
    if known is None or known.origin() is not model.train_function:
        return None
    return next((full for full, function in known.train.items() if function.is_traced), None)


def batch_function_of(model: keras.Model, *, full: bool) -> BatchFunction:
    """The train function for the batches of a model, when Keras has made its own."""
    functions = _known_of(model).batch
    if full not in functions:
        functions[full] = BatchFunction(model, full=full)
    return functions[full]


def _known_of(model: keras.Model) -> _Known:
    known = _known.get(model)
    # `compile` makes Keras build its own anew, for another optimizer perhaps
    if known is None or known.origin() is not model.train_function:
        known = _known[model] = _Known(model)
    return known


def not_full(model: keras.Model) -> str:
    """Why gradients of this model cannot be kept until the next step; empty when they can."""
    if model.jit_compile:
        return _("jit_compile=True: to keep a gradient changes how the compiled step rounds")
    if _is_distributed(model):
        return _("the replicas of {strategy} have no step before in common").format(
            strategy=type(model.distribute_strategy).__name__
        )
    return ""


def test_function_of(model: keras.Model, task: str) -> TestFunction:
    """The test function for a model whose train function is known."""
    functions = _known[model].test
    if task not in functions:
        functions[task] = TestFunction(model, task)
    return functions[task]


def _key(spec: Any) -> Any:
    """What two signatures of batches have in common exactly where they are the same."""
    return tuple(tf.nest.flatten(spec, expand_composites=False)), repr(tf.nest.map_structure(type, spec))


def _is_distributed(model: keras.Model) -> bool:
    default = type(model.distribute_strategy) is type(tf.distribute.get_strategy())
    return tf.distribute.has_strategy() or not default


def _defined_by_keras(model: keras.Model, method: str) -> bool:
    return next(base for base in type(model).__mro__ if method in base.__dict__).__module__.startswith("keras.")
