"""Runs every prescription that a notebook is offered, exactly as it is written, as the next cell, and looks again."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tests.accuracy import campaign
from tests.fixes.programs import NOTEBOOKS, Notebook

Line = dict[str, Any]


@dataclass(frozen=True, order=True)
class Pair:
    """A remedy that a rule has for one of its causes."""

    rule: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.cause}: {self.remedy}"


def pairs() -> list[Pair]:
    """Every prescription of every rule, as the rules list them."""
    from kerasdoctor.rule import discover

    return sorted(
        Pair(rule.name, cause.name, remedy.name)
        for rule in discover()
        for cause in rule.causes
        for remedy in cause.remedies
    )


@functools.cache
def _package() -> str:
    # what a process has imported stays what it was
    return campaign.state("kerasdoctor")


def state(name: str) -> str:
    """A digest of package and notebook: a result of the same state need not be made again."""
    cells = "\n".join([_package(), *NOTEBOOKS[name].cells])
    return hashlib.sha256(cells.encode()).hexdigest()[:12]


def read(path: Path) -> dict[tuple[str, str], Line]:
    """State and notebook -> the last line about it; a line that was cut off is left out."""
    lines: dict[tuple[str, str], Line] = {}
    if path.exists():
        for text in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                line = json.loads(text)
                lines[line["state"], line["notebook"]] = line
    return lines


def run(todo: list[str], workers: int, results: Path, show: Callable[[Line], None]) -> None:
    """Runs the notebooks that are to be done and appends a line of each to `results` as soon as it ends."""
    campaign.spread(todo, Worker, workers, results, show, {"commit": campaign.commit()})


class Worker(campaign.Worker):
    """A process that runs notebooks one after another."""

    def __init__(self) -> None:
        super().__init__()
        self._examine, self._about = examine, _about


def _about(name: str) -> Line:
    return {"notebook": name, "state": state(name), "pairs": []}


def examine(name: str) -> Line:
    """What the prescriptions of one notebook do: a line with an entry per pair that it is offered."""
    notebook = NOTEBOOKS[name]
    began = perf_counter()
    line = {**_about(name), "status": "finished"}
    with campaign.fresh(0), _shell() as shell:
        try:
            first = shell.faulty(notebook)
        except Exception as error:  # a notebook that does not run shows nothing, which the table then says
            return {**line, "status": _told(error), "seconds": round(perf_counter() - began, 1)}
        found = offered(first)
        line["diagnoses"] = sorted(names(first))
        line["examined"] = {rule: _causes(first, rule) for rule in line["diagnoses"]}
        left = dict(shell.ip.user_ns)
        results: dict[str, Line] = {}
        for source in dict.fromkeys(one.source for one in found):
            if results and not _builds(source):
                # it goes on with the objects of the notebook, which the cells before have used
                shell.restart()
                shell.faulty(notebook)
            else:
                # every cell is the next one behind those of the notebook
                shell.ip.user_ns.clear()
                shell.ip.user_ns.update(left)
            results[source] = shell.treat(source, notebook)
        line["pairs"] = [
            {
                "pair": [one.pair.rule, one.pair.cause, one.pair.remedy],
                "status": one.status,
                "placeholders": one.placeholders,
                "source": one.source,
                **judged(one.pair, first, results[one.source]),
            }
            for one in found
        ]
    line["seconds"] = round(perf_counter() - began, 1)
    return line


@dataclass(frozen=True)
class Offer:
    """A pair that a report offers, with its cell."""

    pair: Pair
    #: Of the cause.
    status: str
    source: str
    #: Whether the cell hands a part to the user.
    placeholders: bool


def offered(report: Any) -> list[Offer]:
    """Every pair that a report offers, with its cell."""
    return [
        Offer(
            Pair(diagnosis.name, cause.name, fix.name),
            cause.status.value,
            fix.source,
            fix.applicability.label == "has_placeholders",
        )
        for diagnosis in report.diagnoses
        for cause in diagnosis.causes
        for fix in cause.prescriptions
    ]


def names(report: Any) -> set[str]:
    """Names of all diagnoses, also of those that follow from others."""
    return {other.name for diagnosis in report.diagnoses for other in (diagnosis, *diagnosis.explained)}


def _causes(report: Any, rule: str) -> list[str]:
    return [
        f"{cause.name} {cause.status.value}"
        for diagnosis in report.diagnoses
        for other in (diagnosis, *diagnosis.explained)
        if other.name == rule
        for cause in other.causes
    ]


def _builds(source: str) -> bool:
    """Whether the cell trains a model of its own, so that it leaves those of the notebook as they were."""
    return "clone_model(" in source or "keras.Sequential(" in source


def _told(error: BaseException) -> str:
    return f"raised {type(error).__name__}: {' '.join(str(error).split())}"[:300]


def judged(pair: Pair, first: Any, result: Line) -> Line:
    """Whether the cell ran and what became of the diagnosis."""
    reports = result["reports"]
    raised = result["raised"] or ("fit raised" if any(_raised(report) for report in reports) else "")
    if raised or not reports:
        why = raised or "the cell trained nothing that was watched"
        return {"runs": not raised, "clears": False, "why": why}
    again = [one.message for report in reports for one in _all(report) if one.name == pair.rule]
    skipped = [skip.reason for report in reports for skip in report.skipped if skip.name == pair.rule]
    gain = improved(first, reports[-1]) if _promises(pair.rule) else ""
    why = "gone"
    if again or skipped:
        why = gain or (f"still there: {again[-1]}" if again else f"not examined: {skipped[0]}")
    new = sorted(names(reports[-1]) - names(first))
    clears = bool(gain) or not (again or skipped)
    return {"runs": True, "clears": clears, "why": why, **({"new": new} if new else {})}


def _raised(report: Any) -> bool:
    return bool(report.record.outcome.status == "raised")


def _promises(rule: str) -> bool:
    """Whether the remedies of a rule promise a better validation, not only an end of what the rule saw."""
    from kerasdoctor.rule import discover

    return next(known.family for known in discover() if known.name == rule) == "generalization"


def _all(report: Any) -> Iterator[Any]:
    for diagnosis in report.diagnoses:
        yield diagnosis
        yield from diagnosis.explained


def improved(first: Any, second: Any) -> str:
    """How the weights that are kept validate better, beyond chance, in the same metric; empty where they do not.

    A share of right rows is better by two standard errors of its rows; a loss, where the second run has the same one
    and no other penalty, by a tenth of its level. A run that ended in NaN, or had no validation, has none.
    """
    before, after = first.record, second.record
    share = next((name for name, of in before.metrics.items() if of.proportion and of.direction == "up"), "")
    old, new = kept(before, share), kept(after, share)
    rows = after.data.n_validation
    if share and old is not None and new is not None and rows:
        error = 2 * float(np.sqrt(max(old * (1 - old), 1 / rows) / rows))
        if new > old + error:
            return f"val_{share} {old:.3g} -> {new:.3g}"
    same = before.compile.source.get("loss") == after.compile.source.get("loss") and _penalties(before) == _penalties(
        after
    )
    old, new = kept(before, "loss"), kept(after, "loss")
    if same and before.data.n_validation == rows and old is not None and new is not None and 0 <= new < 0.9 * old:
        return f"val_loss {old:.3g} -> {new:.3g}"
    return ""


def kept(record: Any, name: str) -> float | None:
    """The validation of the weights that a run leaves: of the best epoch where it is restored or saved."""
    metric = record.metrics.get(name)
    if metric is None or not np.isfinite(metric.validation[-1:]).any():
        return None
    series = np.asarray(metric.validation, dtype=float)
    for settings in record.fit.callback_settings:
        watched = str(settings.get("monitor", "")).removeprefix("val_")
        if (settings.get("restore_best_weights") or settings.get("save_best_only")) and watched in record.metrics:
            judge = record.metrics[watched]
            best = np.nanargmax if judge.direction == "up" else np.nanargmin
            return float(series[int(best(judge.validation))])
    return float(series[-1])


def _penalties(record: Any) -> list[str]:
    names = ("kernel_regularizer", "activity_regularizer", "bias_regularizer")
    return sorted(str(layer.config[name]) for layer in record.model.layers for name in names if layer.config.get(name))


class Shell:
    """An IPython shell with the extension, in this process."""

    def __init__(self) -> None:
        from IPython.core.displaypub import CapturingDisplayPublisher
        from IPython.core.interactiveshell import InteractiveShell

        InteractiveShell.clear_instance()
        self.ip: Any = InteractiveShell.instance()
        self.ip.display_pub = CapturingDisplayPublisher()
        # the report is read as it is, nobody sees its figure
        self.ip.display_formatter.mimebundle_formatter.enabled = False
        self.ip.showtraceback = lambda *_arguments, **_keywords: None
        self.run("%load_ext kerasdoctor")

    def run(self, cell: str) -> None:
        self.ip.run_cell(cell, store_history=True).raise_error()

    def restart(self) -> None:
        """As a kernel that was started again."""
        import keras

        self.run("%unload_ext kerasdoctor")
        self.ip.reset(new_session=True)
        keras.backend.clear_session()
        self.run("%load_ext kerasdoctor")

    def faulty(self, notebook: Notebook) -> Any:
        """Runs the cells of a notebook; the report of the last one."""
        import keras

        # another notebook may have set it
        keras.config.set_dtype_policy("float32")
        keras.utils.set_random_seed(0)
        *before, last = notebook.cells
        for cell in before:
            self.run(cell)
        known = set(self.ip.kdoctor.runs)
        result = self.ip.run_cell(last, store_history=True)
        reports = [report for run, report in self.ip.kdoctor.runs.items() if run not in known]
        if not reports:
            result.raise_error()
            raise LookupError("the last cell made no report")
        # that `fit` raises is a diagnosis, too
        return reports[-1]

    def treat(self, source: str, notebook: Notebook) -> Line:
        """Runs the cell of a prescription as it is; what it raised, and the reports of its fits."""
        import keras

        keras.utils.set_random_seed(0)
        known = set(self.ip.kdoctor.runs)
        try:
            self.run(source)
            if notebook.command != "fit":
                # `fit` does not measure what this rule needs: the call is examined as it was before
                for line in _calls(source):
                    self.run(line.replace("%kdoctor fit", f"%kdoctor {notebook.command}"))
        except Exception as error:
            return {"raised": _told(error), "reports": []}
        reports = [report for run, report in self.ip.kdoctor.runs.items() if run not in known]
        return {"raised": "", "reports": reports[-1:] if notebook.command != "fit" else reports}


def _calls(source: str) -> list[str]:
    """The watched calls of a cell, each to the end of the cell where it is broken into lines."""
    at = source.find("%kdoctor fit")
    start = source.rfind("\n", 0, at) + 1
    return [source[start:]] if at >= 0 else []


@contextlib.contextmanager
def _shell() -> Iterator[Shell]:
    from IPython.core.interactiveshell import InteractiveShell

    shell = Shell()
    try:
        yield shell
    finally:
        if hasattr(shell.ip, "kdoctor"):
            shell.run("%unload_ext kerasdoctor")
        shell.ip.reset(new_session=False)
        InteractiveShell.clear_instance()
