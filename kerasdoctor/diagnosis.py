"""What an examination concludes: evidence, causes with their status, diagnoses and the verdict."""

from __future__ import annotations

import difflib
import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from kerasdoctor.locale import _

if TYPE_CHECKING:
    from kerasdoctor.remedies import Plan

Family = Literal["data", "model", "optimization", "generalization", "loop"]
Trend = Literal["down", "flat", "up", "unclear"]


class Severity(enum.IntEnum):
    """How much a diagnosis matters, in order."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        """The name in lower case, as JSON and styles write it."""
        return self.name.lower()


class Status(enum.Enum):
    """What the examination of a cause ended with, the most telling first."""

    CONFIRMED = "confirmed"
    POSSIBLE = "possible"
    RULED_OUT = "ruled_out"


class Applicability(enum.IntEnum):
    """What a prescription's code does to the user's, from the least to the most demanding."""

    #: Keeps the meaning of the code.
    SAFE = 1
    #: Valid, and changes the training.
    UNSAFE = 2
    #: The user must fill in a value; the cell says where.
    HAS_PLACEHOLDERS = 3

    @property
    def label(self) -> str:
        """The name in lower case, as JSON writes it."""
        return self.name.lower()


@dataclass(frozen=True)
class When:
    """A moment of the run: epoch from 1 on, step counted from 1 over the whole call."""

    epoch: int | None = None
    step: int | None = None
    #: The first step that it may be, where that is not `step`: several are executed at once.
    earliest: int | None = None

    @property
    def steps(self) -> str:
        """The step in words, or those that it may be; empty without one."""
        if self.step is None:
            return ""
        said = _("step {last:,}")
        if self.earliest is not None:
            said = _("step {first:,} or {last:,}")
            if self.earliest < self.step - 1:
                said = _("one of the steps {first:,} to {last:,}")
        return said.format(first=self.earliest, last=self.step)


@dataclass(frozen=True)
class Evidence:
    """One observation that a chart can point at."""

    statement: str
    #: The quantity or metric that shows it.
    quantity: str | None = None
    #: Layer, input, output or metric.
    where: str | None = None
    when: When | None = None
    value: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class CellEdit:
    """A cell of the user's with a change made in its text."""

    old: str
    new: str
    #: The number in the cell's brackets.
    number: int = 0
    #: Its id, where the front end tells it.
    cell_id: str = ""
    #: Whether the user must fill in something; the text says where.
    placeholders: bool = False

    @property
    def diff(self) -> tuple[tuple[str, str], ...]:
        """Every line of both texts with " ", "-" or "+" in front: either text can be read from it."""
        old, new = self.old.split("\n"), self.new.split("\n")
        lines: list[tuple[str, str]] = []
        for tag, first, last, start, end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if tag == "equal":
                lines += [(" ", line) for line in old[first:last]]
            else:
                lines += [("-", line) for line in old[first:last]]
                lines += [("+", line) for line in new[start:end]]
        return tuple(lines)

    @property
    def unified(self) -> str:
        """The diff with three lines around each change."""
        lines = difflib.unified_diff(
            self.old.split("\n"), self.new.split("\n"), f"cell [{self.number}]", f"cell [{self.number}]", lineterm=""
        )
        return "\n".join(lines)


@dataclass(frozen=True)
class Prescription:
    """Code that treats one cause, ready to be inserted as a cell."""

    #: Position in the report, from 1; equal code has one number. `%kdoctor fix NUMBER` writes it.
    number: int
    #: Kebab-case name of the remedy.
    name: str
    title: str
    source: str
    applicability: Applicability
    #: What it changes, from which the code was written; by it several become one cell. None where it is not known.
    plan: Plan | None = field(default=None, compare=False, repr=False)
    #: The same change made in the cells that the user has, where their source is known.
    edits: tuple[CellEdit, ...] = ()


@dataclass(frozen=True)
class CauseFinding:
    """One candidate of a differential, examined."""

    name: str
    explanation: str
    status: Status
    evidence: Evidence
    prescriptions: tuple[Prescription, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """A rule that fired, with its differential: confirmed causes first, ruled-out ones last."""

    name: str
    family: Family
    severity: Severity
    message: str
    evidence: tuple[Evidence, ...]
    causes: tuple[CauseFinding, ...]
    #: What follows from it and needs no treatment of its own; without prescriptions.
    explained: tuple[Diagnosis, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The two loss curves read together."""

    train: Trend
    validation: Trend
    #: Short name of the reading, e.g. "overfitting".
    reading: str
    sentence: str


@dataclass(frozen=True)
class Skipped:
    """A rule that could not look, with its reason; not looking is a result too."""

    name: str
    reason: str
    #: Whether the user does not want to be told.
    ignored: bool = False
