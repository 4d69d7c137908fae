"""Follows the training loops of the user's own while a watch is on: `train_on_batch`, and gradients applied by hand."""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
import time
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from kerasdoctor.instrumentation.callback import FitRecorder, guarded
from kerasdoctor.instrumentation.observer import Observer, Progress
from kerasdoctor.instrumentation.patching import replaced
from kerasdoctor.instrumentation.summaries import compilation, data, model
from kerasdoctor.locale import _
from kerasdoctor.record import Compile, Data, Fit, Level, Loop, MetricFacts, Model, Status, TrainingRecord

if TYPE_CHECKING:
    from kerasdoctor.instrumentation.step_function import BatchFunction
    from kerasdoctor.instrumentation.taps import Layout, Seen, TappedStep


#: Modules that stand between the user's line and the update.
_LIBRARIES = ("keras.", "kerasdoctor.", "tensorflow.", "__autograph_generated_file")


class Told:
    """What the last step of a loop told; stands where a fit has its train function."""

    attached: ClassVar[bool] = True
    #: A step that could be replayed: the batches are the user's, and not kept.
    step: ClassVar[None] = None

    def __init__(self) -> None:
        #: Whether anybody reads it.
        self.reading = True
        #: Why the taps were given up, if they were.
        self.failure: Exception | None = None
        #: What the numbers are; the variables of a loop may change from step to step.
        self.layout: Layout | None = None
        self._vector: NDArray[np.float32] | None = None

    def put(self, layout: Layout, vector: NDArray[np.float32]) -> None:
        """The numbers of a step, and what they are."""
        self.layout, self._vector = layout, vector

    def take(self) -> tuple[Layout, NDArray[np.float32]] | None:
        """What the last step told, once."""
        vector, self._vector = self._vector, None
        return None if vector is None or self.layout is None else (self.layout, vector)

    def detach(self) -> None:
        """The loop is over."""
        self._vector = None


class LoopRecorder(FitRecorder):
    """Records a loop of the user's own, which has steps, but no epochs and no validation that could be seen."""

    def __init__(
        self,
        record: TrainingRecord,
        *,
        loop: Loop,
        names: Mapping[str, Any],
        observer: Observer,
        ignored: Mapping[str, str],
        level: Level,
    ) -> None:
        """Args: loop: what the user calls; for the others see `FitRecorder`."""
        super().__init__(record, {}, names=names, observer=observer, ignored=ignored, level=level)
        record.fit = Fit(loop=loop)
        record.data = Data(not_examined=_("a loop of your own draws it, batch by batch"))
        self.told = Told()
        self._unseen = 0
        self._known: tuple[Model, Compile] = (Model(), Compile())
        self._layout: Layout | None = None
        self._first = self._last = time.perf_counter()

    def begin(self, facts: tuple[Model, Compile], *, tapped: bool = True) -> None:
        """After the first step, when the model is built."""
        self._known = facts
        self._steps.follow(self.record, self.told if tapped else None)
        self.on_train_begin()
        self._batches.new_epoch("train")
        # since before the first step
        self._began = self._first

    @guarded
    def stepped(self, logs: Mapping[str, float] | None = None) -> None:
        """A step was made; with what Keras logs of it."""
        if self.told.layout is not self._layout:
            if self.told.layout != self._layout:
                self._take_in()
            self._layout = self.told.layout
        self._last = time.perf_counter()
        self.on_train_batch_end(self._steps.last, logs)

    def unseen_until_now(self, updates: int) -> None:
        """So many updates were made without a word."""
        self._unseen, self._last = max(0, updates), time.perf_counter()

    def drawn(self, batch: Any) -> None:
        """The user has drawn a batch."""
        self._drawn_to_train(batch)

    def spend(self, seconds: float) -> None:
        """Recording took so long, beside what this class does."""
        self._steps.budget.spend(seconds)

    def _follow_steps(self) -> None:
        """They come by `stepped`."""

    def _fill_facts(self) -> None:
        self._facts = True
        self.record.model, self.record.compile = self._known
        self.record.metric_facts = {"loss": MetricFacts(direction="down")}

    def _progress(self, step: int) -> Progress:
        return replace(super()._progress(step), epochs=0)

    def _outcome(self, status: Status, *, epochs: int | None = None, stopped_by: str = "", exception: str = "") -> None:
        super()._outcome(status, epochs=epochs, stopped_by=stopped_by, exception=exception)
        self.record.outcome = replace(
            self.record.outcome, steps=self._steps.last + self._unseen, seconds=self._last - self._began
        )


class Begin(Protocol):
    """Begins the record of a loop; None where it is not to be watched."""

    def __call__(self, loop: Loop, caller: types.FrameType) -> LoopRecorder | None: ...


class Loops:
    """Sees the steps of loops while it is on, and changes nothing of them."""

    def __init__(self, begin: Begin, end: Callable[[LoopRecorder, BaseException | None], None]) -> None:
        """Args: begin, end: called at the first step of a loop, and for each when this stops."""
        self._begin = begin
        self._end = end
        self._patches = contextlib.ExitStack()
        self._thread = 0
        #: How deep the running code is inside of what is no loop: a fit, or Keras's own part of a step.
        self._aside = 0
        #: Model and place of the call -> its loop; None for one that is not watched.
        self._batches: dict[tuple[int, int, int], _BatchLoop | None] = {}
        #: Optimizer -> the loop that calls it.
        self._tapes: dict[int, _TapeLoop | None] = {}
        #: id of a variable -> the loss whose gradient was taken last; a tape's own loop has no other place for it.
        self._losses: dict[int, Any] = {}
        #: Optimizers that the user has a name for, with the updates that they had made.
        self._known: list[tuple[weakref.ref[Any], int]] = []
        self._trained: set[int] = set()
        #: What a loop that was traced before did; empty when there was none.
        self.unseen = ""

    def start(self, names: Mapping[str, Any]) -> None:
        """Follow loops from now on; `names` are the user's."""
        self._thread, self.unseen = threading.get_ident(), ""
        self._known = []
        with contextlib.suppress(Exception):  # a counter of the user's own kind is not worth an error
            self._known = [(weakref.ref(optimizer), _iterations(optimizer)) for optimizer in _optimizers(names)]
        self._trained = set()
        patch = self._patches.enter_context
        patch(replaced(_owner(keras.Model, "train_on_batch"), "train_on_batch", self._train_on_batch))
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            patch(replaced(_owner(keras.optimizers.Optimizer, "apply"), "apply", self._apply))
            patch(replaced(keras.optimizers.LossScaleOptimizer, "apply", self._apply_scaled))
            patch(replaced(tf.GradientTape, "gradient", self._gradient))

    def stop(self, error: BaseException | None = None) -> None:
        """Follow none any longer; Keras and TensorFlow are as they were. `error` has ended them all."""
        self._patches.close()
        with self.aside():
            for batches in self._batches.values():
                if batches is not None and batches.begun:
                    self._end(batches.recorder, error)
            for tapes in self._tapes.values():
                if tapes is not None:
                    tapes.close()
                    self._end(tapes.recorder, error)
        counts = [
            (type(optimizer).__name__, _iterations(optimizer) - before)
            for reference, before in self._known
            if (optimizer := reference()) is not None and id(optimizer) not in {*self._trained, *self._tapes}
        ]
        for name, count in counts:
            if count > 0 and not self.unseen:
                self.unseen = _(
                    "{optimizer} counted {count:,} updates of which nothing can be seen: a tf.function that was traced "
                    "before the watch began calls nobody; train with model.fit and a train_step of your own instead"
                ).format(optimizer=name, count=count)
        self._batches, self._tapes, self._losses, self._known = {}, {}, {}, []

    @contextlib.contextmanager
    def aside(self, trained: keras.Model | None = None) -> Iterator[None]:
        """What happens here belongs to no loop; a fit of the model that is `trained`."""
        self._aside += 1
        if trained is not None:
            self._note(trained)
        try:
            yield
        finally:
            self._aside -= 1
            if trained is not None:
                self._note(trained)

    def _note(self, trained: keras.Model) -> None:
        optimizer = getattr(trained, "optimizer", None)
        self._trained |= {id(optimizer), id(getattr(optimizer, "inner_optimizer", None))}

    def _is_ours(self) -> bool:
        return not self._aside and threading.get_ident() == self._thread

    # train_on_batch ------------------------------------------------------------------------------------------------

    def _train_on_batch(self, original: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(original)

        @functools.wraps(original)
        def train_on_batch(model: keras.Model, *args: Any, **kwargs: Any) -> Any:
            # IPython leaves this frame out of tracebacks
            __tracebackhide__ = True
            if not self._is_ours():
                return original(model, *args, **kwargs)
            loop = self._batch_loop(model, inspect.currentframe())
            with self.aside(model):
                if loop is None:
                    return original(model, *args, **kwargs)
                try:
                    arguments = signature.bind(model, *args, **kwargs).arguments
                except TypeError:
                    # Keras's own error tells what is wrong with the call
                    return original(model, *args, **kwargs)
                as_dict = arguments.pop("return_dict", False)
                with loop.tapping(model):
                    logs = original(**{**arguments, "return_dict": True})
                loop.stepped(model, arguments, logs)
                return logs if as_dict else model._flatten_metrics_in_order(logs)

        return train_on_batch

    def _batch_loop(self, model: keras.Model, frame: types.FrameType | None) -> _BatchLoop | None:
        caller = frame and frame.f_back
        # a model's own method that calls `super()` is not the user's call
        while caller is not None and caller.f_back is not None and caller.f_locals.get("self") is model:
            caller = caller.f_back
        if caller is None or not getattr(model, "compiled", False):
            return None
        place = (id(model), id(caller.f_code), caller.f_lasti)
        if place not in self._batches:
            recorder = self._begin("train_on_batch", caller)
            self._batches[place] = None if recorder is None else _BatchLoop(recorder, model, caller.f_code)
        return self._batches[place]

    # GradientTape --------------------------------------------------------------------------------------------------

    def _gradient(self, original: Callable[..., Any]) -> Callable[..., Any]:
        import tensorflow as tf

        @functools.wraps(original)
        def gradient(tape: Any, target: Any, sources: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            result = original(tape, target, sources, *args, **kwargs)
            if self._is_ours() and tf.executing_eagerly() and isinstance(target, tf.Tensor) and not target.shape.rank:
                self._losses.update({id(_native(source)): target for source in tf.nest.flatten(sources)})
            return result

        return gradient

    def _apply_scaled(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def apply(optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            # of a scaled loss; what is inside gets the gradients without the scale
            self._losses.clear()
            return original(optimizer, *args, **kwargs)

        return apply

    def _apply(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def apply(optimizer: Any, grads: Any, trainable_variables: Any = None) -> Any:
            __tracebackhide__ = True
            if not self._is_ours():
                return original(optimizer, grads, trainable_variables)
            loop = self._tape_loop(optimizer, inspect.currentframe())
            if loop is None:
                return original(optimizer, grads, trainable_variables)
            variables = trainable_variables
            if variables is None:
                variables = getattr(optimizer, "_trainable_variables", ())
            else:
                # it may be read once only
                variables = trainable_variables = list(variables)
            seen = loop.before(grads, variables, self._losses)
            with self.aside():
                result = original(optimizer, grads, trainable_variables)
            if seen is not None:
                loop.after(seen)
            return result

        return apply

    def _tape_loop(self, optimizer: Any, frame: types.FrameType | None) -> _TapeLoop | None:
        import tensorflow as tf

        if id(optimizer) not in self._tapes:
            frames = []
            while frame is not None and str(frame.f_globals.get("__name__")).startswith(_LIBRARIES):
                frames.append(frame)
                frame = frame.f_back
            within = any(map(_is_fit, frames))
            if within:
                self.unseen = _(
                    "fit was called by a name that it had before the watch began, such as train = model.fit or "
                    "functools.partial(model.fit): write model.fit(...) where it is called"
                )
            recorder = None if frame is None or within else self._begin("GradientTape", frame)
            loop = None
            if recorder is not None and frame is not None:
                # out of a function that is traced just now
                with tf.init_scope():
                    loop = _TapeLoop(recorder, optimizer, _models([*frames, frame]))
            self._tapes[id(optimizer)] = loop
        return self._tapes[id(optimizer)]


def _is_fit(frame: types.FrameType) -> bool:
    """Whether it is Keras's own `fit` that runs."""
    return frame.f_code.co_name == "fit" and isinstance(frame.f_locals.get("self"), keras.Model)


class _BatchLoop:
    """The calls of `train_on_batch` for one model from one place."""

    def __init__(self, recorder: LoopRecorder, trained: keras.Model, code: types.CodeType) -> None:
        self.recorder = recorder
        self.begun = False
        # its id stands for it
        self._code = code
        self._function: BatchFunction | None = None
        self._iterations = 0
        recorder.set_model(trained)
        with recorder.noting("model"):
            self._iterations = _iterations(trained.optimizer)

    @contextlib.contextmanager
    def tapping(self, trained: keras.Model) -> Iterator[None]:
        """The model's train function tells what its step does."""
        function = None
        with self.recorder.noting("tap"):
            function = self._tapped(trained)
        self._function = function
        if function is None:
            yield
            return
        with function.in_place(trained):
            yield

    def _tapped(self, trained: keras.Model) -> BatchFunction | None:
        record, told = self.recorder.record, self.recorder.told
        if told.failure is not None or record.instrument.untapped:
            return None
        reason = refused = ""
        if record.instrument.level == "light":
            reason = _("the level is light")
        elif keras.backend.backend() != "tensorflow":
            reason = _("the backend is {backend}, not TensorFlow").format(backend=keras.backend.backend())
        else:
            from kerasdoctor.instrumentation import step_function

            # as `train_on_batch` does it; `compile` takes it away
            trained.make_train_function()
            reason = step_function.TrainFunction.refusal(trained)
            if not reason:
                full = record.instrument.level == "full"
                refused = step_function.not_full(trained) if full else ""
                function = step_function.batch_function_of(trained, full=full and not refused)
                if function is not self._function and full:
                    function.forget()
        if refused and not record.instrument.lowered:
            lowered = _("to the default level: {reason}").format(reason=refused)
            record.instrument = replace(record.instrument, lowered=lowered)
        if reason:
            record.instrument = replace(record.instrument, untapped=reason)
            return None
        return function

    def stepped(self, trained: keras.Model, arguments: Mapping[str, Any], logs: Mapping[str, float]) -> None:
        """A batch was trained."""
        recorder, function = self.recorder, self._function
        began = time.perf_counter()
        if not self.begun:
            self.begun = True
            self._fill(trained, arguments)
        batch = tuple(arguments.get(name) for name in ("x", "y", "sample_weight"))
        if all(part is None or data.is_arrays(part) for part in batch):
            recorder.drawn(batch)
        with recorder.noting("tap"):
            told = None if function is None else function.take(read=recorder.told.reading)
            if told is not None:
                recorder.told.put(*told)
            if function is not None:
                recorder.told.failure = function.failure
        recorder.spend(time.perf_counter() - began)
        recorder.stepped(logs)

    def _fill(self, trained: keras.Model, arguments: Mapping[str, Any]) -> None:
        recorder = self.recorder
        record = recorder.record
        facts = (Model(), Compile())
        with recorder.noting("model"):
            facts = (replace(model.summarize(trained), iterations=self._iterations), facts[1])
        with recorder.noting("compile"):
            facts = (facts[0], recorder.compile_facts(trained))
        with recorder.noting("data"):
            x = arguments.get("x")
            record.fit = replace(
                record.fit,
                batch_size=int(keras.tree.flatten(x)[0].shape[0]),
                class_weight=arguments.get("class_weight") is not None,
                sample_weight=arguments.get("sample_weight") is not None,
            )
            containers = {name: data.container(arguments.get(name)) for name in ("x", "y", "sample_weight")}
            record.data = replace(record.data, containers=containers)
        recorder.begin(facts, tapped=not record.instrument.untapped)


class _TapeLoop:
    """The updates that one optimizer is told to make by hand."""

    def __init__(self, recorder: LoopRecorder, optimizer: Any, models: list[keras.Model]) -> None:
        self.recorder = recorder
        self._optimizer = optimizer
        self._models = models
        self._begun = False
        #: Whether a tf.function was traced that applies gradients.
        self._traced = False
        self._iterations = 0
        self._updates = 0
        #: Knows how to measure an update.
        self._step: TappedStep | None = None
        with recorder.noting("optimizer"):
            self._iterations = _iterations(optimizer)

    def before(self, grads: Any, variables: Any, losses: dict[int, Any]) -> Seen | None:
        """Before an update; None when nothing is to be told of it."""
        import tensorflow as tf

        from kerasdoctor.instrumentation.taps import Seen, value_of

        if not self._begun:
            self._begun = True
            with tf.init_scope():
                self._fill(variables)
        if not tf.executing_eagerly():
            self._traced = True
            return None
        self._updates += 1
        seen = Seen()
        if not self.recorder.told.reading or not isinstance(grads, list | tuple):
            return seen
        began = time.perf_counter()
        with self.recorder.noting("tap"):
            for variable, gradient in zip(variables, grads, strict=False):
                if gradient is not None:
                    seen.updated[id(variable)] = (variable, gradient, value_of(variable))
                    loss = losses.pop(id(_native(variable)), None)
                    seen.loss = loss if seen.loss is None else seen.loss
            scale = getattr(self._optimizer, "loss_scale_factor", None)
            if scale is not None:
                seen.loss, seen.loss_scale = None, tf.convert_to_tensor(scale)
            seen.learning_rate = tf.convert_to_tensor(self._optimizer.learning_rate)
        self.recorder.spend(time.perf_counter() - began)
        return seen

    def after(self, seen: Seen) -> None:
        """After it."""
        from kerasdoctor.instrumentation.taps import TappedStep

        began = time.perf_counter()
        if seen.updated:
            with self.recorder.noting("tap"):
                if self._step is None:
                    self._step = TappedStep(self._optimizer, full=self.recorder.record.instrument.level == "full")
                layout, vector = self._step.told(seen)
                self.recorder.told.put(layout, vector.numpy())
        self.recorder.spend(time.perf_counter() - began)
        self.recorder.stepped()

    def close(self) -> None:
        """At the end: counts what was not seen."""
        if not self._traced:
            return
        recorder = self.recorder
        with recorder.noting("optimizer"):
            recorder.unseen_until_now(_iterations(self._optimizer) - self._iterations - self._updates)
        untapped = _(
            "the loop runs in a tf.function, where its updates can be counted, and nothing else is seen; "
            "model.fit with a train_step of your own shows the rest"
        )
        recorder.record.instrument = replace(recorder.record.instrument, untapped=untapped)

    def _fill(self, variables: Any) -> None:
        recorder = self.recorder
        trained = _owner_of(variables, self._models)
        facts = (Model(), Compile())
        if trained is not None:
            recorder.set_model(trained)
            with recorder.noting("model"):
                facts = (model.summarize(trained), facts[1])
        with recorder.noting("compile"):
            facts = (replace(facts[0], iterations=self._iterations), compilation.of_optimizer(self._optimizer))
        self._models = []
        if recorder.record.instrument.level == "light":
            recorder.told.reading = False
            untapped = _("the level is light")
            recorder.record.instrument = replace(recorder.record.instrument, untapped=untapped)
        recorder.begin(facts)


def _owner(kind: type, name: str) -> type:
    return next(base for base in kind.__mro__ if name in base.__dict__)


def _native(variable: Any) -> Any:
    return variable.value if isinstance(variable, keras.Variable) else variable


def _iterations(optimizer: Any) -> int:
    return 0 if optimizer is None else int(keras.ops.convert_to_numpy(optimizer.iterations))


def _optimizers(names: Mapping[str, Any]) -> Iterator[Any]:
    """The optimizers that have a name, or whose model has one."""
    found = {}
    for value in list(names.values()):
        if issubclass(type(value), keras.Model):
            value = getattr(value, "optimizer", None)  # noqa: PLW2901 (its optimizer stands for it)
        if issubclass(type(value), keras.optimizers.Optimizer):
            value = getattr(value, "inner_optimizer", value)  # noqa: PLW2901 (the one that makes the updates)
            found[id(value)] = value
    yield from found.values()


def _models(frames: list[types.FrameType]) -> list[keras.Model]:
    """The models that functions can name, themselves or as an attribute of their `self`."""
    names: list[Any] = []
    for frame in frames:
        names += [*frame.f_locals.values(), *frame.f_globals.values()]
        names += getattr(frame.f_locals.get("self"), "__dict__", {}).values()
    return list({id(value): value for value in names if issubclass(type(value), keras.Model)}.values())


def _owner_of(variables: Any, models: list[keras.Model]) -> keras.Model | None:
    """The smallest model that has all the variables."""
    wanted = {id(_native(variable)) for variable in variables}
    having = [
        known for known in models if wanted and wanted <= {id(_native(weight)) for weight in known.trainable_variables}
    ]
    return min(having, key=lambda known: len(known.trainable_variables), default=None)
