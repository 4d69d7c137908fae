"""The base of every diagnosis: what it needs, how its differential is examined, and how it is found."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kerasdoctor.diagnosis import Evidence, Family, Severity, Status
from kerasdoctor.heads import heads
from kerasdoctor.record import TrainingRecord
from kerasdoctor.remedies import Remedy

Finding = Evidence | Sequence[Evidence] | None


class NotMeasured(Exception):
    """Something that a check asks for is not in the record; the text says what."""


@dataclass(frozen=True)
class Cause:
    """One candidate of a differential.

    `examine` names what it needs by its parameters (see `inject`) and returns the status with the evidence that
    decides it. A parameter with a default is optional; where another one is missing, the cause is "possible: not
    measured".
    """

    name: str
    explanation: str
    examine: Callable[..., tuple[Status, Evidence]]
    #: From the least to the most invasive.
    remedies: tuple[Remedy, ...] = ()
    #: Quantity of a probe that would decide where the run cannot: the report offers it where the cause is possible.
    probe: str = ""
    #: Names of the diagnoses that follow where this cause is confirmed, also of those that would explain this one.
    explains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unhealthy:
    """A record on which the rule fires and confirms exactly these causes."""

    record: Callable[[], TrainingRecord]
    confirms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Healthy:
    """A record on which the rule stays silent."""

    record: Callable[[], TrainingRecord]


class Rule:
    """One diagnosis; its docstring is its documentation.

    A subclass stands alone in the module of its name: `rules/nan_loss.py` holds `NanLoss`, whose name is
    "nan-loss".
    """

    family: ClassVar[Family]
    severity: ClassVar[Severity]
    #: A `str.format` template; it may use the fields of the first evidence and `fit`, `model`, `data`, `compile`.
    message: ClassVar[str]
    causes: ClassVar[tuple[Cause, ...]] = ()
    #: Names of the diagnoses that follow from this one: they are shown under it, not beside it.
    explains: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Unhealthy | Healthy, ...]] = ()

    #: Evaluates the record; its parameters name what it needs (see `inject`).
    check: Callable[..., Finding]

    def severity_in(self, record: TrainingRecord) -> Severity:
        """How bad it is in a record in which the check finds something: `severity`, unless there are milder forms."""
        return self.severity

    @property
    def explanation(self) -> str:
        """The docstring and the causes as Markdown, which `%kdoctor explain` shows."""
        written = [f"# {self.name}", inspect.cleandoc(type(self).__doc__ or "")]
        if self.causes:
            written += ["## Causes", "\n".join(f"- **{cause.name}**: {cause.explanation}" for cause in self.causes)]
        return "\n\n".join(written)

    @property
    def name(self) -> str:
        """The class name in kebab-case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()


def inject(function: Callable[..., Any], record: TrainingRecord, **more: Any) -> dict[str, Any]:
    """Arguments for `function` by the names of its parameters.

    A name is a quantity ("split_labels"), a part of the record ("model", "compile", "data", "fit", "history",
    "metrics", "outcome", "earlier"), "loss" (the metric of that name), "heads" (the outputs with their losses and
    targets, a list of `kerasdoctor.heads.Head`) or a key of `more`.

    Raises:
        NotMeasured: when a parameter without a default is not in the record.
    """
    arguments: dict[str, Any] = {}
    for name, is_needed in _parameters(function).items():
        value = _lookup(name, record, more)
        if value is not None:
            arguments[name] = value
        elif is_needed:
            raise NotMeasured(name)
    return arguments


@functools.lru_cache(maxsize=1024)
def _parameters(function: Callable[..., Any]) -> Mapping[str, bool]:
    """The names of the parameters of `function` but "self", and whether they have no default."""
    parameters = inspect.signature(function).parameters
    return {
        name: parameter.default is inspect.Parameter.empty for name, parameter in parameters.items() if name != "self"
    }


def _lookup(name: str, record: TrainingRecord, more: Mapping[str, Any]) -> Any:
    if name in more:
        return more[name]
    if name in record.quantities:
        return record.quantities[name]
    if name == "loss":
        return record.metrics.get("loss")
    if name == "heads":
        quantities = record.quantities
        return (
            heads(record.model, record.compile, quantities.get("target_form"), quantities.get("drawn_targets")) or None
        )
    if name in {"model", "compile", "data", "fit", "history", "metrics", "outcome", "earlier"}:
        return getattr(record, name)
    return None


@functools.cache
def discover() -> tuple[Rule, ...]:
    """Every rule of `kerasdoctor.rules`, in the order of their names."""
    import kerasdoctor.rules as package

    found = []
    for module_info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        for _, member in inspect.getmembers(module, inspect.isclass):
            if issubclass(member, Rule) and member.__module__ == module.__name__:
                found.append(member())
    return tuple(sorted(found, key=lambda rule: rule.name))
