"""What would be changed to treat a cause: one file per remedy, value objects that serve many rules."""

from __future__ import annotations

import abc
import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from kerasdoctor.diagnosis import Applicability
from kerasdoctor.record import TrainingRecord


class Change:
    """One change to the user's program; a closed set, below. Cell, diff and trial derive from it."""


@dataclass(frozen=True)
class ShuffleRows(Change):
    """Permute inputs, targets and weights together, by a seed."""

    seed: int


@dataclass(frozen=True)
class SplitStratified(Change):
    """Replace `validation_split` by a split of the same size with the same label shares in both parts."""

    fraction: float
    seed: int


@dataclass(frozen=True)
class SplitForward(Change):
    """Keep the rows in order and validate on several later parts, each behind all of its training rows."""

    folds: int


@dataclass(frozen=True)
class ScaleInputs(Change):
    """Min-max normalization of every input feature, fitted on the training rows."""


@dataclass(frozen=True)
class ScaleTargets(Change):
    """Targets brought into [0, 1]: by `-low` and `/(high - low)` of the values that they may take."""

    low: float
    high: float


@dataclass(frozen=True)
class DropNonfinite(Change):
    """Leave out the rows that hold a NaN or an infinity, in inputs or targets."""


@dataclass(frozen=True)
class ReplaceTargets(Change):
    """Targets, of both parts, replaced by an expression of themselves: `source` with `{y}` in their place."""

    source: str
    #: What the new ones are called behind the name of the old.
    suffix: str


@dataclass(frozen=True)
class BalanceClasses(Change):
    """Class weights by the inverse of the class shares."""


@dataclass(frozen=True)
class NormalizeFirst(Change):
    """A Normalization layer in front of the model, adapted to the training rows."""


@dataclass(frozen=True)
class ShiftSentences(Change):
    """Further training rows: every sequence of tokens with its words shifted cyclically, the padding in its place."""

    seed: int


@dataclass(frozen=True)
class PrependLayer(Change):
    """A new layer in front of the model; `source` constructs it with `keras` as the module's name."""

    source: str


@dataclass(frozen=True)
class InsertLayer(Change):
    """A new layer behind the layer named `after`; `source` constructs it with `keras` as the module's name."""

    after: str
    source: str


@dataclass(frozen=True)
class SetLayerArgument(Change):
    """Another constructor argument for the layer named `layer`."""

    layer: str
    argument: str
    source: str


@dataclass(frozen=True)
class ReplaceLayer(Change):
    """Another layer in the place of the one named `layer`; `source` constructs it with `keras` as the module's name."""

    layer: str
    source: str


@dataclass(frozen=True)
class AddCallback(Change):
    """One more callback in the `fit` call."""

    source: str


@dataclass(frozen=True)
class SetFitArgument(Change):
    """Another value for an argument of `fit`."""

    argument: str
    source: str


@dataclass(frozen=True)
class SetLearningRate(Change):
    """The same optimizer with another learning rate."""

    value: float


@dataclass(frozen=True)
class SetOptimizerArgument(Change):
    """Another value for an argument of the optimizer."""

    argument: str
    source: str


@dataclass(frozen=True)
class SetCompileArgument(Change):
    """Another value for an argument of `compile`."""

    argument: str
    source: str


@dataclass(frozen=True)
class RemoveFitArgument(Change):
    """An argument of `fit` left out."""

    argument: str


@dataclass(frozen=True)
class KeepWeights(Change):
    """The model trains on as it stands, with the weights and the optimizer that it has: no fresh one is built."""

    #: File whose weights are put into it first; empty for those that are there, None for one that the user must name.
    file: str | None = ""
    #: Whether the file may hold layers of other shapes, which are left out.
    skip_mismatch: bool = False


@dataclass(frozen=True)
class TrainOnly(Change):
    """One layer of the model trainable, all others not; takes effect with `compile`."""

    layer: str


@dataclass(frozen=True)
class FreezeBatchNorm(Change):
    """`trainable=False` for every BatchNormalization of the model, or of the nested models named."""

    nested: tuple[str, ...] = ()


@dataclass(frozen=True)
class FineTune(Change):
    """Two fits: of what stands behind the pretrained layers alone, then of all layers, with a smaller rate."""

    #: Name of the nested pretrained model; empty where all layers but the last with weights are pretrained.
    nested: str
    #: The last layer with weights.
    head: str
    #: Epochs of the first fit, and learning rates of both.
    epochs: int
    rate: float
    smaller: float


@dataclass(frozen=True)
class DrawBatches(Change):
    """Batches of a generator drawn once, and joined to arrays: `count` of them, or all where it ends."""

    part: Literal["training", "validation"]
    count: int | None


@dataclass(frozen=True)
class ReplaceInputs(Change):
    """Inputs of one part replaced by an expression of themselves: `source` with `{x}` in their place."""

    part: Literal["training", "validation"]
    source: str


@dataclass(frozen=True)
class DropRepeats(Change):
    """Rows whose inputs repeat an earlier row's left out, and the rest in a random order by a seed."""

    seed: int


@dataclass(frozen=True)
class SetMonitor(Change):
    """Another metric for the callbacks that watch `old`."""

    old: str
    new: str


@dataclass(frozen=True)
class Plan:
    """The changes of a remedy for one run, with the reason that stands above them in the cell."""

    changes: tuple[Change, ...]
    #: One line that says why here, with the number that showed it where there is one.
    reason: str
    applicability: Applicability = Applicability.UNSAFE
    #: The reasons of other plans that were merged into this one, a line each.
    further: tuple[str, ...] = ()


class Remedy(abc.ABC):
    """One treatment. Its subclass stands in the module of its name."""

    title: ClassVar[str]

    @property
    def name(self) -> str:
        """The class name in kebab-case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()

    @abc.abstractmethod
    def plan(self, record: TrainingRecord) -> Plan | None:
        """What to change in this run; None where the remedy has no place to act."""
