"""Runs the programs in worker processes, each run in a fresh seeded state, and keeps one line of JSON per run."""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import io
import json
import multiprocessing
import os
import pickle
import queue
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import psutil

from tests.accuracy.split import load

ROOT = Path(__file__).parents[2]
#: A run takes seconds of the processor; one that takes two minutes hangs. What else the machine does is not counted.
LIMIT = 120.0
#: Seconds by the clock, for a run that waits and computes nothing.
LONGEST = 900.0
#: What one run was and what was found in it: JSON types.
Line = dict[str, Any]
Task = tuple[str, int]


def state(*folders: str) -> str:
    """A digest of the package and the programs: a result of the same state need not be made again.

    Args:
        folders: of other files, by their place in the project.
    """
    digest = hashlib.sha256()
    for folder in folders or ("kerasdoctor", "tests/accuracy/programs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(f"{path.relative_to(ROOT)}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def commit() -> str:
    """The commit that runs, with a + when files differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    return git("rev-parse", "--short=10", "HEAD") + (
        "+" if git("status", "--porcelain", "kerasdoctor", "tests") else ""
    )


def tasks() -> list[Task]:
    """Every program with each of its seeds."""
    from tests.accuracy.programs import PROGRAMS

    return [(program.name, seed) for program in PROGRAMS.values() for seed in range(program.seeds)]


def sample() -> list[Task]:
    """A fixed tenth of the programs, by their place in the list; only of those that thresholds may be chosen on."""
    from tests.accuracy.programs import PROGRAMS

    parts = load()
    names: list[str] = []
    for kind in ("healthy", "faulty", "two faults"):
        of_kind = sorted(name for name, part in parts.items() if part == "development" and PROGRAMS[name].kind == kind)
        names += of_kind[::5]
    return [(name, 0) for name in names]


def read(path: Path) -> dict[tuple[str, str, int], Line]:
    """State, program and seed -> the last line about it; a line that was cut off is left out."""
    lines: dict[tuple[str, str, int], Line] = {}
    if path.exists():
        for text in path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                line = json.loads(text)
                lines[line["state"], line["program"], line["seed"]] = line
    return lines


def run(
    todo: list[Task],
    workers: int,
    results: Path,
    show: Callable[[Line], None],
    *,
    plain: bool = False,
    keep: Path | None = None,
) -> None:
    """Runs what is to be done and appends a line of each to `results` as soon as it ends.

    Args:
        todo: programs with their seeds.
        workers: processes.
        results: a file of lines of JSON.
        show: is called with every line.
        plain: whether nothing is watched.
        keep: folder for the records of development runs, so that `again` can diagnose them by other rules.
    """
    spread(todo, lambda: Worker(plain, keep), workers, results, show, {"commit": commit(), "state": state()})


def spread(
    todo: Sequence[Any],
    new: Callable[[], Worker],
    workers: int,
    results: Path,
    show: Callable[[Line], None],
    common: Line,
) -> None:
    """Hands the tasks to worker processes and appends a line of each, with what is `common` to all, as it ends."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for task in todo:
        waiting.put(task)
    lock = threading.Lock()
    results.parent.mkdir(parents=True, exist_ok=True)

    def serve() -> None:
        worker = new()
        try:
            while True:
                try:
                    task = waiting.get_nowait()
                except queue.Empty:
                    return
                line = {**common, **worker.run(task)}
                with lock:
                    with results.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(line, ensure_ascii=False) + "\n")
                    show(line)
        finally:
            worker.end()

    threads = [threading.Thread(target=serve) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Worker:
    """A process that runs programs one after another, and is replaced when one of them takes it down."""

    def __init__(self, plain: bool = False, keep: Path | None = None) -> None:
        self._examine: Callable[[Any], Line] = functools.partial(examine, plain=plain, keep=keep)
        self._about: Callable[[Any], Line] = _about
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None

    def run(self, task: Any) -> Line:
        if self._process is None or self._connection is None:
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs, self._examine), daemon=True)
            self._process.start()
            theirs.close()
        began = time.perf_counter()
        try:
            self._connection.send(task)
            if answered(self._connection, self._process.pid):
                line: Line = self._connection.recv()
                return line
            status = "timed out"
        except (EOFError, OSError, psutil.Error):
            status = "crashed"
        self.end()
        return {**self._about(task), "status": status, "seconds": time.perf_counter() - began}

    def end(self) -> None:
        if self._process is not None and self._connection is not None:
            self._connection.close()
            self._process.kill()
            self._process.join()
        self._process = self._connection = None


def answered(connection: Connection, pid: int | None) -> bool:
    """Whether the process answers before it has spent `LIMIT` seconds of the processor, or `LONGEST` by the clock."""

    def spent() -> float:
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)

    began, before = time.perf_counter(), spent()
    while not connection.poll(min(1.0, LIMIT)):
        if spent() - before > LIMIT or time.perf_counter() - began > LONGEST:
            return False
    return True


def _about(task: Task) -> Line:
    from tests.accuracy.programs import PROGRAMS

    name, seed = task
    program = PROGRAMS[name]
    return {
        "program": name,
        "seed": seed,
        "kind": program.kind,
        "task": program.task,
        "part": load()[name],
        "conditions": program.conditions,
    }


def _serve(connection: Connection, examine: Callable[[Any], Line]) -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    # two workers share two cores
    tf.config.threading.set_intra_op_parallelism_threads(1)
    # a watched project may keep files
    os.chdir(tempfile.mkdtemp())
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        connection.send(examine(task))


@contextlib.contextmanager
def fresh(seed: int) -> Iterator[None]:
    """Keras as after an import, seeded, and silent."""
    import keras

    keras.backend.clear_session()
    gc.collect()
    keras.utils.set_random_seed(seed)
    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with quiet[0], quiet[1], warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def again(folder: Path) -> Iterator[Line]:
    """The lines of kept records, diagnosed by the rules as they are now; nothing is trained."""
    from kerasdoctor.engine import diagnose

    for path in sorted(folder.glob("*.pickle")):
        line, records = pickle.loads(path.read_bytes())  # noqa: S301 (written by this module)
        if records:
            # kept when a loop of fits of one model counted as several runs
            line.pop("unreported", None)
        yield {**line, "commit": commit(), "fits": [_fit(diagnose(record)) for record in records]}


def examine(task: Task, *, plain: bool = False, keep: Path | None = None) -> Line:
    """Runs one program in this process, watched unless `plain`."""
    import kerasdoctor
    from tests.accuracy.programs import PROGRAMS

    name, seed = task
    status, history, watched = "finished", None, None
    began = time.perf_counter()
    with fresh(seed), contextlib.ExitStack() as stack:
        if not plain:
            watched = stack.enter_context(kerasdoctor.watch(quiet=True))
        try:
            history = PROGRAMS[name].run(seed)
        except Exception as error:  # that `fit` raises is the point of some
            status = f"raised {type(error).__name__}: {error}"[:300]
    line = {**_about(task), "status": status, "seconds": round(time.perf_counter() - began, 2)}
    if history is not None:
        line["curves"] = {key: _ends([float(value) for value in values]) for key, values in history.history.items()}
    if watched is not None:
        reports = list(watched.reports.values())
        line["fits"] = [_fit(report) for report in reports]
        # fits of one model from one place are one run
        if watched.watched and not reports:
            line["unreported"] = watched.watched
        if keep is not None and line["part"] == "development":
            keep.mkdir(parents=True, exist_ok=True)
            kept = {key: value for key, value in line.items() if key != "fits"}, [report.record for report in reports]
            (keep / f"{name}-{seed}.pickle".replace("/", "-")).write_bytes(pickle.dumps(kept))
    return line


def _ends(values: list[float]) -> Line:
    """First, three quarters through, last, lowest and highest: what tells whether a program learned."""
    return {
        "first": values[0],
        "late": values[(3 * len(values)) // 4],
        "last": values[-1],
        "min": min(values),
        "max": max(values),
        "epochs": len(values),
    }


def _fit(report: Any) -> Line:
    return {
        "verdict": report.verdict.reading,
        "diagnoses": [
            {
                "name": diagnosis.name,
                "severity": diagnosis.severity.label,
                "causes": [[cause.name, cause.status.value] for cause in diagnosis.causes],
            }
            for diagnosis in report.diagnoses
        ],
        "failures": [
            *(f"{failure.where}: {failure.error}" for failure in report.record.failures),
            *(f"{skip.name}: {skip.reason}" for skip in report.skipped if skip.reason.startswith("failed")),
        ],
    }
