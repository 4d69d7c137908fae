"""Whether the network learns a handful of rows by heart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from kerasdoctor.quantities import Quantity

#: How the rows were trained: as `fit` would, with a smaller and with a larger learning rate, with every layer in
#: inference mode, without the penalties.
Way = Literal["as compiled", "slower", "faster", "without noise", "without penalties"]
#: Why it ended: the rows are known by heart, the steps or the time were up, the loss is not finite.
Ended = Literal["learned", "steps", "seconds", "nonfinite"]
#: What the predictions of rows are compared by: classes, yes or no, or numbers.
Kind = Literal["sparse", "categorical", "binary", "binary logits", "numbers"]

#: Share learned from which on rows are known by heart.
BY_HEART = 0.9
#: Times the steps in which a loss that is worth waiting for would at least halve, at its pace in the second half.
WORTH = 10


@dataclass(frozen=True)
class Attempt:
    """The same rows, trained from the same weights in one way."""

    way: Way
    #: The learning rate of its first step.
    rate: float
    steps: int
    #: Loss of the first step and of the last ones, and the penalties beside it at the end.
    first: float
    last: float
    penalty: float
    #: Share of what a constant prediction gets wrong that is right at the end: 1 is by heart, 0 or less is no better.
    share: float
    #: Whether the loss no longer falls at a pace that leads anywhere.
    stalled: bool
    ended: Ended

    @property
    def learned(self) -> bool:
        """Whether the rows are known by heart."""
        return self.ended == "learned"


@dataclass(frozen=True)
class OverfitBatch(Quantity):
    """A few rows trained again and again, on copies of the weights and of the optimizer's state."""

    probed: ClassVar[bool] = True
    option: ClassVar[str] = "--overfit "

    rows: int
    #: The one as compiled first; the others only where it did not learn the rows.
    attempts: tuple[Attempt, ...]
    #: Trainable variables, and those whose gradient was 0 everywhere in the first step.
    variables: int
    without_gradient: int
    #: How far the outputs of the rows are from their mean at the end, in root mean squares of the outputs.
    spread: float
    #: Ways for which no time was left.
    untried: tuple[Way, ...] = ()

    @property
    def compiled(self) -> Attempt:
        """What `fit` would do."""
        return self.attempts[0]

    def attempt(self, way: Way) -> Attempt | None:
        """The last attempt of a way: the one that learned the rows where any did; None where none was made."""
        return next((attempt for attempt in reversed(self.attempts) if attempt.way == way), None)


def share_learned(kind: Kind, targets: NDArray[np.generic], outputs: NDArray[np.generic]) -> float:
    """Share of what the best constant prediction gets wrong that the outputs get right; NaN where it gets all right.

    Args:
        kind: what the outputs are.
        targets: shape (rows, ...), as the loss takes them.
        outputs: shape (rows, ..., units).
    """
    if kind in {"sparse", "categorical"}:
        predicted = outputs.argmax(axis=-1).reshape(-1)
        true = (targets.argmax(axis=-1) if kind == "categorical" else targets).reshape(-1)
        constant = len(true) - np.unique(true, return_counts=True)[1].max()
        return float(1 - (predicted != true).sum() / constant) if constant else float("nan")
    columns = np.asarray(targets, np.float64).reshape(len(targets), -1)
    values = np.asarray(outputs, np.float64).reshape(len(columns), -1)
    if kind == "numbers":
        error = ((columns - columns.mean(axis=0)) ** 2).sum()
        return float(1 - ((columns - values) ** 2).sum() / error) if error > 0 else float("nan")
    ones = columns > 0.5
    wrong = ((values > (0.5 if kind == "binary" else 0.0)) != ones).sum()
    rarer = np.minimum(ones.sum(axis=0), len(ones) - ones.sum(axis=0)).sum()
    return float(1 - wrong / rarer) if rarer else float("nan")


def stalled(losses: NDArray[np.float64]) -> bool:
    """Whether ten times as many steps would not halve the loss, at the pace of its second half."""
    tail = losses[len(losses) // 2 :]
    if len(tail) < 2:
        return False
    before, after = np.array_split(tail, 2)
    middle = float(np.median(after))
    # between the middles of two quarters lies half of a half
    pace = (float(np.median(before)) - middle) / (len(tail) / 2)
    return bool(pace * WORTH * len(losses) < 0.5 * abs(middle))
