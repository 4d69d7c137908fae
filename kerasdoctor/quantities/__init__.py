"""What is measured while a model trains: one file per quantity, numpy on what the taps delivered.

A quantity is a dataclass of plain data, named as its module ("batch_loss" holds `BatchLoss`). It is found by
walking this package; there is no list to keep.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class DataTap:
    """The arrays that `fit` was given, before the first step.

    Rows may be a sample of a large array: `rows` are their positions, in order, and `n` is the whole size.
    """

    #: Input name -> array of shape (rows, ...).
    inputs: Mapping[str, NDArray[np.generic]]
    #: Output name -> array of shape (rows, ...); empty without targets.
    targets: Mapping[str, NDArray[np.generic]]
    sample_weight: NDArray[np.generic] | None = None
    #: Arrays of `validation_data`; empty when it was not passed as arrays.
    validation_inputs: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    validation_targets: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    rows: NDArray[np.int64]
    n: int
    #: First row of the tail that Keras will validate with; equal to `n` without `validation_split`.
    split_at: int
    #: Values of a datetime-like index of `x` or `y`, as int64; None where there is none.
    time_index: NDArray[np.int64] | None = None
    #: Output name -> number of values that the model predicts per row.
    output_units: Mapping[str, int] = field(default_factory=dict)

    @property
    def sampled(self) -> bool:
        """Whether not every row was looked at."""
        return len(self.rows) < self.n


@dataclass(frozen=True, kw_only=True)
class WeightsTap:
    """The weights before the first step of a fit."""

    #: Path of each trainable variable -> its value; of one above 64 MB a stretch of the first axis.
    trainable: Mapping[str, NDArray[np.generic]]
    #: Updates that the optimizer had made before; 0 for fresh weights.
    iterations: int


@dataclass(frozen=True, kw_only=True)
class BatchTap:
    """A batch that Keras drew from a pipeline, before its step: the first ones of the first two epochs.

    Arrays that `fit` cuts into batches itself are in the `DataTap` instead.
    """

    part: Literal["train", "validation"]
    #: Epoch (or validation) from 1 on, and position of the batch in it from 0 on.
    epoch: int
    index: int
    #: Input or output name -> array of shape (rows, ...).
    inputs: Mapping[str, NDArray[np.generic]]
    targets: Mapping[str, NDArray[np.generic]]
    sample_weight: NDArray[np.generic] | None = None


@dataclass(frozen=True, kw_only=True)
class StepTap:
    """A stretch of consecutive calls of the train function, after them.

    What only the traced train step can tell is None where it was not tapped.
    """

    #: Shape (n,): steps made in this call of `fit`, rising; with `steps_per_execution` > 1 the last of each execution.
    step: NDArray[np.int64]
    #: Shape (n,): mean loss over each batch alone (or the batches of one execution), regularization included; NaN and
    #: infinite as Keras computed it. Empty when the train step reports no loss.
    loss: NDArray[np.float64]
    #: Shape (n,): the learning rate that the optimizer used.
    learning_rate: NDArray[np.float64] | None = None
    #: Shape (n,): the factor of the loss under mixed precision; None without loss scaling.
    loss_scale: NDArray[np.float64] | None = None
    #: Paths of the variables that had a gradient: the columns of what follows.
    variables: tuple[str, ...] = ()
    #: Shape (n, variables): L2 norm of the gradient before clipping, without the loss scale.
    gradient_norm: NDArray[np.float64] | None = None
    #: Shape (n, variables): L2 norm of what the step added to the variable; 0 while gradients accumulate.
    update_norm: NDArray[np.float64] | None = None
    #: Shape (n, variables): L2 norm of the variable after the step.
    weight_norm: NDArray[np.float64] | None = None
    #: Shape (n, variables), at level "full" alone: cosine of the angle between the gradient and that of the step
    #: before; NaN in the first step, and where one of them is 0 or not finite.
    gradient_cosine: NDArray[np.float64] | None = None
    #: Shape (n, variables), at level "full" alone: elements of the gradient that are NaN or infinite.
    nonfinite_gradients: NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True)
class EpochTap:
    """The begin of an epoch."""

    #: Steps made before it.
    step: int
    #: The rate that the optimizer holds; None where the traced train step tells it.
    learning_rate: float | None = None
    #: Sum of the penalties of the weight regularizers on the weights as they are; None where there are none.
    weight_penalty: float | None = None


@dataclass(frozen=True, kw_only=True)
class EvaluationTap:
    """One pass in inference mode: a validation of Keras's own, or a look at fixed training rows."""

    #: Steps made before it; 0 is the initialization.
    step: int
    part: Literal["validation", "train"]
    #: Rows that were shown to the model.
    rows: int
    #: Paths of the layers with an activation: what the next five arrays, of shape (layers,), belong to.
    layers: tuple[str, ...] = ()
    units: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    #: Units whose output was 0 for every row and position.
    dead_units: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    #: Share of the outputs that are exactly 0.
    zero_share: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    #: Share of the outputs at an end of a sigmoid or tanh; NaN for other activations.
    saturated_share: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    #: Outputs that are NaN or infinite.
    nonfinite: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    #: Paths of the batch normalizations: what the next two arrays, of shape (normalizations,), belong to.
    normalizations: tuple[str, ...] = ()
    #: Root mean square over the channels of (mean of the pass - moving mean) in moving standard deviations.
    mean_shift: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    #: Geometric mean over the channels of the variance of the pass over the moving variance.
    variance_ratio: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    #: "sparse", "categorical", "binary", "binary logits", "numbers" or empty: what the predictions are.
    task: str = ""
    #: Classes, shape (rows,), or numbers, shape (rows, numbers); None where they cannot be had row by row.
    predicted: NDArray[Any] | None = None
    true: NDArray[Any] | None = None
    #: Shape (rows, outputs): what the model put out for each class, probabilities or logits; None where it has many.
    outputs: NDArray[np.float32] | None = None
    #: What the validation before predicted.
    predicted_before: NDArray[Any] | None = None
    #: Keras's own loss and metrics of the pass; for training rows only.
    metrics: Mapping[str, float] = field(default_factory=dict)


class Quantity:
    """Base of every quantity; a subclass overrides the methods for the taps that it reads."""

    #: Whether the quantity starts empty and grows with the run; the others are measured once, from data or weights.
    grows: ClassVar[bool] = False
    #: Whether only a probe of a check measures it.
    probed: ClassVar[bool] = False
    #: What a check must be told to measure it, with a blank behind it; empty where every check does.
    option: ClassVar[str] = ""

    @classmethod
    def from_data(cls, data: DataTap) -> Self | None:
        """The quantity measured on the arrays; None where they do not have it."""
        return None

    @classmethod
    def from_weights(cls, weights: WeightsTap) -> Self | None:
        """The quantity measured on the weights before the first step; None where they do not have it."""
        return None

    def __len__(self) -> int:
        """What a growing quantity holds: samples or buckets."""
        return 0

    def __bool__(self) -> bool:
        # one that was measured is there, also where it holds no series
        return True

    def on_batch(self, batch: BatchTap) -> None:
        """Takes in a batch that Keras drew."""

    def on_steps(self, steps: StepTap) -> None:
        """Takes in further steps."""

    def on_evaluation(self, evaluation: EvaluationTap) -> None:
        """Takes in a pass in inference mode."""

    def on_epoch(self, epoch: EpochTap) -> None:
        """Takes in the begin of an epoch."""


def snake_case(name: str) -> str:
    """A class name as a module is named: "split_labels" for "SplitLabels"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@functools.cache
def types() -> Mapping[str, type[Quantity]]:
    """Name -> class of every quantity in this package."""
    found: dict[str, type[Quantity]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for _, member in inspect.getmembers(module, inspect.isclass):
            if issubclass(member, Quantity) and member.__module__ == module.__name__:
                found[snake_case(member.__name__)] = member
    return found
