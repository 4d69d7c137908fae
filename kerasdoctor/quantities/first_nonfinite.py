"""Where the first number that is not finite came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kerasdoctor.quantities import Quantity

#: What the first number that is not finite belonged to: an input, a target or a sample weight of the batch; the
#: output of a layer whose inputs were finite; the loss of finite predictions; what the optimizer made of finite
#: gradients; a variable that was not finite before the step; or "unknown" where the step could not be replayed, or
#: where replaying did not show it again.
Origin = Literal["input", "target", "sample_weight", "layer", "loss", "update", "variable", "unknown"]


@dataclass(frozen=True, kw_only=True)
class FirstNonfinite(Quantity):
    """The step in which a loss, a gradient or a weight stopped being finite, replayed from the last finite state."""

    #: Steps made in this call of `fit`, this one included.
    step: int
    #: The first step that it may be: with `steps_per_execution` > 1 that of the execution, which ends with `step`.
    earliest: int | None = None
    origin: Origin = "unknown"
    #: Whether the forward pass was finite and the gradient of `origin` is what was not.
    backward: bool = False
    #: Path of the layer; for an input that of the first layer whose output was not finite.
    layer: str = ""
    #: Class of that layer.
    kind: str = ""
    #: TensorFlow's name of the operation that made it from finite numbers ("Log", "RealDiv").
    operation: str = ""
    #: The line of the user's code that called the operation, where one did.
    line: str = ""
    #: Paths of the trainable variables whose gradient or value was no longer finite in this step; of a weight whose
    #: regularizer made it; of variables that were not finite before it.
    variables: tuple[str, ...] = ()
    #: Positions in the batch of the rows that are concerned; empty where it is no matter of single rows.
    rows: tuple[int, ...] = ()
    #: Positions of these rows in the arrays that `fit` was given; empty where they were not found there.
    samples: tuple[int, ...] = ()
    #: Largest absolute value that entered the origin; NaN where that is not known.
    largest: float = float("nan")
    #: Largest absolute value of a weight before the step; NaN where that is not known.
    largest_weight: float = float("nan")
    #: Whether the layer's output is finite when it computes in float32 instead of float16.
    half_precision: bool = False
    #: What could not be told, and why.
    remark: str = ""
