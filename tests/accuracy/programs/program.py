"""What a program of the accuracy campaign is, and the register of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["healthy", "faulty", "two faults"]
Task = Literal[
    "binary",
    "multi-class",
    "multi-label",
    "regression",
    "autoencoder",
    "text",
    "images",
    "imbalanced",
    "small data",
    "transfer learning",
    "time series",
]
#: Builds everything from the seed and calls `fit`; returns the History of the fit that is judged.
Run = Callable[[int], Any]


@dataclass(frozen=True)
class Program:
    """One training program with the truth about it."""

    name: str
    kind: Kind
    task: Task
    run: Run = field(repr=False)
    #: Conditions planted into it, by the names of `truths.py`; none in a healthy program.
    conditions: tuple[str, ...] = ()
    #: "diagnosis: cause" that are right for this program beyond those of its conditions.
    truth: tuple[str, ...] = ()
    #: "diagnosis: cause" that are true of it too, and not what it was made for.
    also: tuple[str, ...] = ()
    #: A public thread whose failure it re-creates, as "owner/repo#number", and what solved it there.
    thread: str = ""
    accepted_fix: str = ""
    #: Whether `fit` raises.
    raises: bool = False
    #: A healthy program: log key and the value that its best epoch reaches; a loss must fall to it.
    reaches: tuple[str, float] | None = None
    seeds: int = 1


REGISTER: dict[str, Program] = {}


def _add(program: Program) -> None:
    if program.name in REGISTER:
        raise ValueError(f"two programs are called {program.name!r}")
    REGISTER[program.name] = program


def healthy(name: str, task: Task, key: str, value: float) -> Callable[[Run], Run]:
    """Registers a healthy program that reaches `value` of the log `key`."""

    def register(run: Run) -> Run:
        _add(Program(name, "healthy", task, run, reaches=(key, value), seeds=3))
        return run

    return register


def faulty(name: str, task: Task, condition: str, **options: Any) -> Callable[[Run], Run]:
    """Registers a program with one fault; `options`: the other fields of `Program`."""

    def register(run: Run) -> Run:
        _add(Program(name, "faulty", task, run, (condition,), **options))
        return run

    return register


def two_faults(name: str, task: Task, first: str, second: str, **options: Any) -> Callable[[Run], Run]:
    """Registers a program with two faults."""

    def register(run: Run) -> Run:
        _add(Program(name, "two faults", task, run, (first, second), **options))
        return run

    return register
