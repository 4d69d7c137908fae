"""The rows of each batch on the JAX backend, where Keras's own count of them is on the device until an epoch ends."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import keras


class RowCount:
    """Stands in for a train function of the JAX backend, and counts the rows of the batches that pass through it."""

    def __init__(self, model: keras.Model, drawn: Callable[[Any], None]) -> None:
        """Args: drawn: is shown every batch; it never raises."""
        self._model = model
        self._show = drawn
        self._original: Any = None
        self._attached = False
        self._iterator: Any = None
        self._drawn = 0
        self._rows = 0
        #: Batches that were drawn and rows that were in them, after each call that was not asked for yet.
        self._counts: collections.deque[tuple[int, int]] = collections.deque()

    def attach(self) -> None:
        """Put this in the place of the model's own."""
        self._original, self._attached = self._model.train_function, True
        self._model.train_function = self

    def detach(self) -> None:
        """Put the model's own back, unless another has taken the place: called by that one, this only passes on."""
        if self._model.train_function is self:
            self._model.train_function = self._original
        self._attached = False
        self.new_epoch()

    def new_epoch(self) -> None:
        """Keras counts from 0."""
        self._iterator, self._drawn, self._rows = None, 0, 0
        self._counts.clear()

    def __call__(self, state: Any, iterator: Any) -> Any:
        __tracebackhide__ = True
        if self._iterator is None and self._attached:
            self._iterator = iterator
        if self._iterator is not iterator:
            # no longer watched, or not fit's loop: `train_on_batch` from a callback
            return self._original(state, iterator)
        outputs = self._original(state, _Passing(iterator, self))
        self._counts.append((self._drawn, self._rows))
        return outputs

    def passes(self, batch: Any) -> None:
        """A batch is drawn by Keras."""
        self._drawn += 1
        first = next((part for part in keras.tree.flatten(batch) if part is not None), None)
        self._rows += int(getattr(first, "shape", (0,))[0])
        self._show(batch)

    def rows(self, batch: int) -> float:
        """Rows of the epoch up to and including the batch with that index; ask for them in their order."""
        rows = 0
        # the last execution of several steps may draw fewer than its index tells
        while self._counts and self._counts[0][0] <= batch + 1:
            rows = self._counts.popleft()[1]
        return float(rows)


class _Passing:
    """An iterator whose batches are counted as they are drawn."""

    def __init__(self, iterator: Any, count: RowCount) -> None:
        self._iterator, self._count = iterator, count

    def __iter__(self) -> _Passing:
        return self

    def __next__(self) -> Any:
        batch = next(self._iterator)
        self._count.passes(batch)
        return batch
