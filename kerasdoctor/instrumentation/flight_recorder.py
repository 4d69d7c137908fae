"""The last finite state of a training and the batches since: what replaying the first NaN needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kerasdoctor.instrumentation.side_effects import captured, handles
from kerasdoctor.instrumentation.taps import Layout, value_of
from kerasdoctor.locale import _

#: Bytes that one state and the batches since may take.
BUDGET = 256 * 2**20
#: Batches between two states: to read one costs 1 to 5 ms, so with steps of 1 ms it takes half a percent of the time.
MOST_BATCHES = 256


@dataclass(frozen=True)
class State:
    """Every variable that a train step may change, with its value; reading one copies nothing until it changes."""

    variables: tuple[Any, ...]
    values: tuple[Any, ...]

    @classmethod
    def of(cls, model: keras.Model, *, trainable: bool = True, step: Any = None) -> State:
        """The state of a model, its optimizers, its metrics and Keras's random numbers.

        Without what is `trainable`, it is what a step in inference mode may change. A traced `step` may use variables
        that Keras does not know of: a counter of the user's, the state of a `tf.random.Generator`.
        """
        if not trainable:
            own = [*model.non_trainable_variables, *model.metrics_variables]
            return cls._of(own, step, handles(model.trainable_variables))
        # a step of the user's own may have further optimizers
        optimizers = {id(part): part for part in vars(model).values() if isinstance(part, keras.optimizers.Optimizer)}
        if model.optimizer is not None:
            optimizers[id(model.optimizer)] = model.optimizer
        variables = [*model.variables, *model.metrics_variables]
        for optimizer in optimizers.values():
            variables += optimizer.variables
        return cls._of(variables, step, set())

    @classmethod
    def _of(cls, variables: list[Any], step: Any, constant: set[int]) -> State:
        shared = keras.src.backend.common.global_state.get_global_attribute("global_seed_generator")
        if shared is not None:
            variables.append(shared.state)
        known = handles(variables) | constant
        variables += [variable for variable in captured(step) if id(variable.handle) not in known]
        distinct = tuple({id(variable): variable for variable in variables}.values())
        return cls(distinct, tuple(value_of(variable) for variable in distinct))

    def restore(self) -> None:
        """Give every variable its value back."""
        for variable, value in zip(self.variables, self.values, strict=True):
            # past what listens for assignments of other code
            native = variable.value if isinstance(variable, keras.Variable) else variable
            native.assign(value)

    @property
    def size(self) -> int:
        """Bytes."""
        return _bytes(self.values)


@dataclass(frozen=True)
class Flight:
    """The steps from the last finite state to the one in which something stopped being finite, that one included."""

    before: State
    batches: Sequence[Any]
    #: The learning rate that each step used; None where it was not told.
    learning_rates: Sequence[float | None]
    #: Steps made in this call of `fit`, the last one included.
    step: int
    #: Path of each weight that other code set to what is not finite right before the last step -> the user's line.
    outside: Mapping[str, str] = field(default_factory=dict)


class FlightRecorder:
    """Keeps the last finite state and the batches since, within `BUDGET`; stands still at the first NaN."""

    def __init__(
        self, model: keras.Model, *, budget: int | None = None, spend: Callable[[float], None] = lambda _: None
    ) -> None:
        """A recorder that holds nothing yet.

        Args:
            model: what is trained.
            budget: bytes that may be kept; None for `BUDGET`.
            spend: is told the seconds that a new state took.
        """
        #: Why nothing is kept; empty while something is.
        self.refusal = ""
        self._model = model
        self._budget = BUDGET if budget is None else budget
        self._spend = spend
        self._most = 0
        self._state: State | None = None
        self._batches: list[Any] = []
        self._steps: list[int] = []
        self._vectors: list[NDArray[np.float32]] = []
        self._layout: Layout | None = None
        self._flight: Flight | None = None
        self._still = False
        #: The last step that was told, and whether another one has begun since.
        self._last = 0
        self._under_way = False
        #: (step after which it was set, path of the weight) -> line of the user's.
        self._outside: dict[tuple[int, str], str] = {}
        self._weights: set[int] = set()

    def before(self, batch: Any, step: Any = None) -> None:
        """Before a step with this batch."""
        if self._still:
            return
        if self._state is None or len(self._batches) >= self._most:
            began = time.perf_counter()
            if self._find() is not None:
                return
            self._begin(batch, step)
            self._spend(time.perf_counter() - began)
        if self._state is not None:
            self._batches.append(batch)
            self._under_way = True

    def after(self, step: int, layout: Layout, vector: NDArray[np.float32]) -> None:
        """After that step, with what it told."""
        self._last, self._under_way = step, False
        if not self._still and self._state is not None:
            self._steps.append(step)
            self._vectors.append(vector)
            self._layout = layout

    def assigned(self, variable: keras.Variable, line: str) -> None:
        """A variable was given what is not finite between two steps, by this line of the user's."""
        if not self._still and id(variable) in self._weights:
            self._outside[self._last + self._under_way, variable.path] = line

    def restart(self) -> None:
        """Take the state anew with the next batch: a callback may have changed it between two steps."""
        if not self._still and self._find() is None:
            self._state = None

    def give_up(self, reason: str) -> None:
        """Keep nothing any longer."""
        self.refusal = reason
        self._still = True
        self._state, self._batches, self._vectors = None, [], []

    def landed(self) -> Flight | None:
        """The flight to the first step that was not finite; None while all are."""
        return self._flight or self._find()

    def _begin(self, batch: Any, step: Any) -> None:
        self._state, self._batches, self._steps, self._vectors = None, [], [], []
        self._outside = {place: line for place, line in self._outside.items() if place[0] == self._last}
        self._weights = {id(variable) for variable in self._model.variables}
        state = State.of(self._model, step=step)
        left = self._budget - state.size
        self._most = min(MOST_BATCHES, left // max(1, _bytes(tf.nest.flatten(batch))))
        if self._most < 1:
            reason = _("the weights and a batch take more than the {budget} MB that are kept for it")
            self.give_up(reason.format(budget=self._budget // 2**20))
            return
        self._state = state

    def _find(self) -> Flight | None:
        """Looks at the steps since the state was taken."""
        if self._still or self._state is None or self._layout is None or not self._vectors:
            return None
        vectors = np.stack(self._vectors)
        sound = self._layout.is_sound(vectors)
        if sound.all():
            return None
        index = int(sound.argmin())
        count = index + 1
        self._still = True
        step = self._steps[index]
        told = self._layout.learning_rate
        self._flight = Flight(
            self._state,
            self._batches[:count],
            self._layout.learning_rates(vectors[:count]) if told else [None] * count,
            step,
            {path: line for (after, path), line in self._outside.items() if after == step - 1},
        )
        self._state, self._batches, self._vectors = None, [], []
        return self._flight


def _bytes(tensors: Sequence[Any]) -> int:
    return sum(
        int(np.prod(tensor.shape)) * tensor.dtype.size
        for tensor in tensors
        if isinstance(tensor, tf.Tensor) and tensor.dtype.size
    )
