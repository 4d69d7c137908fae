"""What the lines of the campaign say: shares with intervals, by the definitions that RESULTS.md prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from scipy import stats

from tests.accuracy.programs.program import Program
from tests.accuracy.programs.truths import ALSO, TRUTHS

Line = dict[str, Any]
ALARMS = ("warning", "error")


@dataclass(frozen=True)
class Share:
    """How many of how many, with Wilson's 95 % interval."""

    count: int
    total: int

    @property
    def value(self) -> float:
        return self.count / self.total if self.total else float("nan")

    def __str__(self) -> str:
        if not self.total:
            return "none"
        interval = stats.binomtest(self.count, self.total).proportion_ci(method="wilson")
        bounds = f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"
        return f"{100 * self.value:.1f} % ({self.count} of {self.total}; {bounds})"


def share(truths: Iterable[bool]) -> Share:
    values = list(truths)
    return Share(sum(values), len(values))


def answers(program: Program) -> list[set[str]]:
    """For each fault of the program the answers "diagnosis: cause" that are right."""
    return [{*TRUTHS[condition], *program.truth} for condition in program.conditions]


def judged(line: Line) -> list[Line]:
    """The diagnoses of the fit that the program is about: its last."""
    return line["fits"][-1]["diagnoses"] if line.get("fits") else []


def alarms(line: Line) -> list[str]:
    """Names of the diagnoses of WARNING or ERROR in any fit of the run."""
    return sorted({d["name"] for fit in line.get("fits", []) for d in fit["diagnoses"] if d["severity"] in ALARMS})


def named(diagnoses: list[Line], right: set[str]) -> bool:
    """Whether a right cause is confirmed, or is the first possible one of a diagnosis that confirms none."""
    for diagnosis in diagnoses:
        causes = {
            status: [name for name, of in diagnosis["causes"] if of == status] for status in ("confirmed", "possible")
        }
        leading = causes["confirmed"] or causes["possible"][:1]
        if any(f"{diagnosis['name']}: {cause}" in right for cause in leading):
            return True
    return False


def confirmed(line: Line) -> list[str]:
    """The causes that are confirmed in diagnoses of WARNING or ERROR."""
    return [
        f"{diagnosis['name']}: {name}"
        for diagnosis in judged(line)
        if diagnosis["severity"] in ALARMS
        for name, status in diagnosis["causes"]
        if status == "confirmed"
    ]


def true_statements(program: Program) -> set[str]:
    """Every "diagnosis: cause" that is right or otherwise true of the program."""
    also = {statement for condition in program.conditions for statement in ALSO.get(condition, ())}
    return set().union(*answers(program), also, program.also)


@dataclass(frozen=True)
class Score:
    """The figures of a set of runs."""

    false_alarms: Share
    #: Faulty runs whose cause is named.
    recall: Share
    #: Confirmed causes that are true, over all that are confirmed in faulty runs.
    precision: Share
    #: Runs with two faults of which both are named.
    both: Share
    #: Rule -> healthy runs that it alarmed.
    rules: Counter[str]
    #: Runs in which the doctor itself failed, or that crashed or hung.
    failed: int


def score(lines: list[Line], programs: dict[str, Program]) -> Score:
    by_kind: dict[str, list[Line]] = {"healthy": [], "faulty": [], "two faults": []}
    for line in lines:
        by_kind[line["kind"]].append(line)
    faulty = by_kind["faulty"] + by_kind["two faults"]
    said = [(statement, programs[line["program"]]) for line in faulty for statement in confirmed(line)]

    def found(line: Line) -> list[bool]:
        return [named(judged(line), right) for right in answers(programs[line["program"]])]

    return Score(
        false_alarms=share(bool(alarms(line)) for line in by_kind["healthy"]),
        recall=share(all(found(line)) for line in by_kind["faulty"]),
        precision=share(statement in true_statements(program) for statement, program in said),
        both=share(all(found(line)) for line in by_kind["two faults"]),
        rules=Counter(rule for line in by_kind["healthy"] for rule in alarms(line)),
        failed=sum(bad(line) for line in lines),
    )


def bad(line: Line) -> bool:
    """Whether something of ours failed in the run, or the run was lost."""
    lost = line["status"] in ("crashed", "timed out") or "unreported" in line
    return lost or any(fit["failures"] for fit in line.get("fits", []))


def missed(line: Line, programs: dict[str, Program]) -> str:
    """What a run should have said and did not, or said and should not have; empty when it is right."""
    program = programs[line["program"]]
    if bad(line):
        failures = [failure for fit in line.get("fits", []) for failure in fit["failures"]]
        return f"failed: {line['status']}; {'; '.join(failures)[:200]}"
    if program.kind == "healthy":
        return f"false alarm: {', '.join(alarms(line))}" if alarms(line) else ""
    parts = [
        f"not found: {condition}"
        for condition, right in zip(program.conditions, answers(program), strict=True)
        if not named(judged(line), right)
    ]
    false = [statement for statement in confirmed(line) if statement not in true_statements(program)]
    if false:
        parts.append(f"confirmed and not true: {', '.join(false)}")
    return "; ".join(parts)


def grouped(lines: list[Line], key: Callable[[Line], str]) -> dict[str, list[Line]]:
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(key(line), []).append(line)
    return dict(sorted(groups.items()))
