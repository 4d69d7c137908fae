"""What watching costs: watched fits, and fits with the callbacks of others, against plain ones of the same model.

    python -m tests.benchmarks.cost [--workload NAME] [--way NAME] [--rounds N] [--kind KIND]    adds to cost.jsonl
    python -m tests.benchmarks.cost --write                                              COST.md and cost.png from it

A round fits the same traced model once in every way and plainly twice, in random order, in one process; each way's
time is divided by the mean of the plain fits of that round. Setting up and the final report count: fits take about
five seconds. The kind "first" fits one epoch of a new model, so that tracing counts. Reported are medians with their
95 % bootstrap intervals, of wall time and of the CPU time of all threads; "plain" is one plain fit against the other,
the noise of the method.

The kind "short" takes the same apart, more exactly: many fits of one epoch, and of some more. What others do on a
machine only ever adds to a time, so the lowest tenth of many short fits is a steadier measure than the median of a few
long ones. The one-epoch fits tell what is paid once; the difference to the longer ones is that of the steps.

The other callbacks are measured where they are installed: pip install tensorboard wandb livelossplot tqdm.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import os
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import stats

import kerasdoctor
from kerasdoctor.instrumentation.observer import Observer, Progress
from kerasdoctor.instrumentation.watching import Watch
from kerasdoctor.record import TrainingRecord
from kerasdoctor.report import Report
from tests.benchmarks.workloads import WORKLOADS, Workload

HERE = Path(__file__).parent
#: One line for each fit that was timed.
RESULTS = HERE / "cost.jsonl"


class ViewObserver(Observer):
    """Feeds the live view as the notebook does; without a kernel its messages go nowhere."""

    def __init__(self) -> None:
        from kerasdoctor.notebook.view import LiveView

        self._view = LiveView()

    def began(self, record: TrainingRecord) -> None:
        self._view.add(record)

    def stepped(self, record: TrainingRecord, progress: Progress) -> None:
        self._view.refresh(record, progress)

    def examined(self, report: Report) -> None:
        self._view.examined(report)


Callbacks = list[keras.callbacks.Callback]
Way = Callable[[], "contextlib.AbstractContextManager[Callbacks]"]


@contextlib.contextmanager
def plain() -> Iterator[Callbacks]:
    yield []


def level(name: Any) -> Way:
    @contextlib.contextmanager
    def watched() -> Iterator[Callbacks]:
        with kerasdoctor.watch(quiet=True, level=name):
            yield []

    return watched


@contextlib.contextmanager
def view() -> Iterator[Callbacks]:
    watch = Watch(ViewObserver())
    watch.start()
    try:
        yield []
    finally:
        watch.stop()


@contextlib.contextmanager
def csv_logger() -> Iterator[Callbacks]:
    with tempfile.TemporaryDirectory() as folder:
        yield [keras.callbacks.CSVLogger(f"{folder}/log.csv")]


@contextlib.contextmanager
def tensorboard() -> Iterator[Callbacks]:
    with tempfile.TemporaryDirectory() as folder:
        yield [keras.callbacks.TensorBoard(folder, histogram_freq=1, update_freq="batch")]


@contextlib.contextmanager
def tqdm_bars() -> Iterator[Callbacks]:
    from tqdm.keras import TqdmCallback

    with contextlib.redirect_stderr(io.StringIO()):
        yield [TqdmCallback(verbose=2)]


@contextlib.contextmanager
def live_loss_plot() -> Iterator[Callbacks]:
    import matplotlib as mpl

    mpl.use("Agg")
    from livelossplot import PlotLossesKerasTF

    with contextlib.redirect_stdout(io.StringIO()):
        yield [PlotLossesKerasTF()]


@contextlib.contextmanager
def wandb_offline() -> Iterator[Callbacks]:
    import wandb

    with tempfile.TemporaryDirectory() as folder:
        run = wandb.init(mode="offline", dir=folder, settings=wandb.Settings(silent=True))
        try:
            yield [wandb.keras.WandbMetricsLogger(log_freq="batch")]
        finally:
            run.finish()


#: Name -> the way, and the package that it needs.
WAYS: dict[str, tuple[Way, str]] = {
    "plain": (plain, "keras"),
    "light": (level("light"), "keras"),
    "default": (level("default"), "keras"),
    "full": (level("full"), "keras"),
    "default with view": (view, "keras"),
    "CSVLogger": (csv_logger, "keras"),
    "tqdm": (tqdm_bars, "tqdm"),
    "TensorBoard histograms": (tensorboard, "tensorboard"),
    "wandb offline per batch": (wandb_offline, "wandb"),
    "livelossplot": (live_loss_plot, "livelossplot"),
}
#: Ways that are told of in the kinds "short" and "first", too.
OURS = ("plain", "light", "default", "full")
KINDS = ("fit", "short", "first")
#: The quantile of the times that is compared in the kind "short".
LOW = 0.1


def timed(way: Way, workload: Workload, model: keras.Model, epochs: int) -> tuple[float, float]:
    """Wall and CPU seconds of one fit, with everything around it."""
    wall, cpu = time.perf_counter(), time.process_time()
    with way() as callbacks:
        workload.fit(model, epochs, callbacks)
    return time.perf_counter() - wall, time.process_time() - cpu


def rounds(name: str, ways: list[str], count: int, kind: str) -> Iterator[dict[str, Any]]:
    """Every way of a workload once a round; "plain" twice, so that its noise is seen."""
    workload, generator = WORKLOADS[name], np.random.default_rng()

    def build() -> keras.Model:
        keras.utils.set_random_seed(1)
        return workload.build()

    model = build()
    for way in ways:
        # what is imported and traced once is not part of a round
        timed(WAYS[way][0], workload, model, 1)
    # half a second more where the fit is short
    lengths = {"fit": [workload.epochs], "first": [1], "short": [1, 1 + max(1, workload.epochs // 10)]}[kind]
    for number in range(count):
        for way in generator.permutation(["again", *ways]):
            for epochs in lengths:
                fitted = build() if kind == "first" else model
                wall, cpu = timed(WAYS["plain" if way == "again" else way][0], workload, fitted, epochs)
                line = {"workload": name, "kind": kind, "round": number, "way": str(way), "wall": wall, "cpu": cpu}
                yield line | ({"epochs": epochs} if kind == "short" else {})


def compared(lines: list[dict[str, Any]]) -> dict[tuple[str, str, str], NDArray[np.float64]]:
    """(workload, kind, way) -> wall and CPU as ratios to the plain fits of the same round, shape (rounds, 2)."""
    whole: dict[tuple[Any, ...], dict[str, NDArray[np.float64]]] = defaultdict(dict)
    for line in lines:
        if line["kind"] == "short":
            continue
        key = line["workload"], line["kind"], line["run"], line["round"]
        whole[key][line["way"]] = np.array([line["wall"], line["cpu"]])
    found: dict[tuple[str, str, str], list[NDArray[np.float64]]] = defaultdict(list)
    for (workload, kind, *_rest), times in whole.items():
        if not {"plain", "again"} <= times.keys():
            # the run was cut within the round
            continue
        one, other = times.pop("plain"), times.pop("again")
        bases = {"plain": (other, one)} | {way: (pair, (one + other) / 2) for way, pair in times.items()}
        for way, (pair, base) in bases.items():
            found[workload, kind, way].append(pair / base)
    return {key: np.array(value) for key, value in found.items()}


#: A middle and the ends of its 95 % interval.
Interval = tuple[float, ...]


def short(lines: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[list[Interval], list[Interval], int]]:
    """(workload, way) -> of wall and CPU the ratio of an epoch more, and the milliseconds paid once; the rounds."""
    times: dict[str, dict[tuple[str, int], dict[Any, list[float]]]] = defaultdict(lambda: defaultdict(dict))
    for line in lines:
        if line["kind"] == "short":
            one = times[line["workload"]][line["way"], line["epochs"]]
            one[line["run"], line["round"]] = [line["wall"], line["cpu"]]
    parts = {(workload, way): told for workload, fits in times.items() for way, told in _apart(fits).items()}
    return {key: told for key, told in parts.items() if key[1] != "again"}


def _apart(fits: dict[tuple[str, int], dict[Any, list[float]]]) -> dict[str, tuple[Any, Any, int]]:
    """The same for one workload; `fits` are the times of (way, epochs) in each round."""
    once, more = sorted({epochs for _way, epochs in fits})
    whole = sorted(set.intersection(*map(set, fits.values())))
    arrays = {key: np.array([of_round[each] for each in whole]) for key, of_round in fits.items()}

    def low(way: str, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Seconds of one epoch, and of an epoch more, of wall and CPU; shape (2, 2)."""
        first, longer = (np.quantile(arrays[way, epochs][chosen], LOW, axis=0) for epochs in (once, more))
        return np.array([first, (longer - first) / (more - once)])

    def told(way: str, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        others = ["again"] if way == "plain" else ["plain", "again"]
        (first, step), (plain, plain_step) = low(way, chosen), np.mean([low(one, chosen) for one in others], axis=0)
        return np.concatenate([step / plain_step, 1000 * (first - plain)])

    generator = np.random.default_rng(0)
    resampled = [generator.integers(0, len(whole), len(whole)) for _ in range(1000)]
    found = {}
    for way in {way for way, _epochs in fits}:
        ends = np.quantile([told(way, chosen) for chosen in resampled], [0.025, 0.975], axis=0)
        intervals = [tuple(map(float, each)) for each in zip(told(way, np.arange(len(whole))), *ends, strict=True)]
        found[way] = (intervals[:2], intervals[2:], len(whole))
    return found


def interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Median and its 95 % bootstrap interval."""
    middle = float(np.median(values))
    if len(values) < 3:
        return middle, float("nan"), float("nan")
    found = stats.bootstrap((values,), np.median, n_resamples=2000, rng=np.random.default_rng(0)).confidence_interval
    return middle, float(found.low), float(found.high)


TITLES = {
    "fit": "A fit of about five seconds, its model traced: ratio to the plain one",
    "first": "The first epoch of a new model, tracing included: ratio to the plain one",
}


def write(lines: list[dict[str, Any]]) -> None:
    """COST.md and cost.png beside this file."""
    found = compared(lines)
    commits = sorted({line["commit"] for line in lines})
    text = [
        "# What watching costs",
        "",
        "Written by `python -m tests.benchmarks.cost --write` from `cost.jsonl`; against the mean of two plain fits in",
        "the same round, on two cores shared with other work: median [95 % interval]. `plain` is one of these against",
        "the other: the noise of the method. The README says what a level records. Measured on commit",
        f"{', '.join(commits)}.",
        "",
        "![CPU time of a fit in every way](cost.png)",
    ]
    for kind, title in TITLES.items():
        if not any(key[1] == kind for key in found):
            continue
        text += ["", f"## {title}", "", "| workload | way | wall | CPU | rounds |", "| --- | --- | --- | --- | --- |"]
        for workload in WORKLOADS:
            for way in WAYS:
                values = found.get((workload, kind, way))
                if values is not None:
                    cells = ["{:.3f} [{:.3f}, {:.3f}]".format(*interval(part)) for part in values.T]
                    text.append(f"| {workload} | {way} | {cells[0]} | {cells[1]} | {len(values)} |")
    parts = short(lines)
    if parts:
        text += [
            *("", "## The steps and what is paid once, apart", ""),
            f"The {LOW:.0%} quantile of many fits of one epoch and of some more, interleaved: an epoch more as a ratio",
            "to a plain one, and one epoch in milliseconds beyond a plain one. A fit of five seconds pays both.",
            *("", "| workload | way | steps, wall | steps, CPU | once, ms wall | once, ms CPU | rounds |"),
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
    for workload in WORKLOADS:
        for way in OURS:
            if (workload, way) in parts:
                ratios, once, count = parts[workload, way]
                cells = ["{:.3f} [{:.3f}, {:.3f}]".format(*each) for each in ratios]
                cells += ["{:.0f} [{:.0f}, {:.0f}]".format(*each) for each in once]
                text.append(f"| {workload} | {way} | {' | '.join(cells)} | {count} |")
    (HERE / "COST.md").write_text("\n".join(text) + "\n")
    draw(found)


def draw(found: dict[tuple[str, str, str], NDArray[np.float64]]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    measured = [workload for workload in WORKLOADS if (workload, "fit", "default") in found]
    if not measured:
        return
    figure = Figure(figsize=(3 + 2 * len(measured), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(measured), sharey=True, squeeze=False)[0]
    ways = [way for way in reversed(WAYS) if any((workload, "fit", way) in found for workload in WORKLOADS)]
    for axis, workload in zip(axes, measured, strict=True):
        for row, way in enumerate(ways):
            values = found.get((workload, "fit", way))
            if values is not None:
                middle, low, high = interval(values[:, 1])
                color = "#1565c0" if way.startswith(("light", "default")) else "#777777"
                axis.plot([low, high], [row, row], color=color, linewidth=2)
                axis.plot(middle, row, "o", color=color)
        axis.axvline(1, color="#bbbbbb", linewidth=1, zorder=0)
        axis.set_xscale("log")
        axis.set_xticks([0.8, 1, 1.25, 2, 4], ["0.8", "1", "1.25", "2", "4"])
        axis.minorticks_off()
        axis.set_title(workload, fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(ways)), ways)
    figure.supxlabel("CPU time of a fit, plain fit = 1", fontsize=9)
    figure.savefig(HERE / "cost.png", dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=WORKLOADS, action="append")
    parser.add_argument("--way", choices=WAYS, action="append")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--kind", choices=KINDS, default="fit")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.write:
        write([json.loads(line) for line in RESULTS.read_text().splitlines()])
        return
    known = [way for way, (_, package) in WAYS.items() if importlib.util.find_spec(package)]
    ways = ["plain", *(way for way in options.way or known if way != "plain")]
    if options.kind != "fit":
        ways = [way for way in ways if way in OURS]
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, text=True).strip()
    run = f"{time.time():.0f}-{os.getpid()}"
    for workload in options.workload or list(WORKLOADS):
        lines = []
        for line in rounds(workload, ways, options.rounds, options.kind):
            lines.append({**line, "run": run, "commit": commit})
            with RESULTS.open("a") as results:
                results.write(json.dumps(lines[-1]) + "\n")
        for (_, way), (ratios, once, count) in short(lines).items():
            told = [
                "{} {:.3f} [{:.3f}, {:.3f}] and {:.0f} [{:.0f}, {:.0f}] ms".format(unit, *ratio, *single)
                for unit, ratio, single in zip(("wall", "CPU"), ratios, once, strict=True)
            ]
            print(f"{workload:>12} {way:>24}: {', '.join(told)}, {count} rounds", flush=True)
        for (_, _, way), values in compared(lines).items():
            told = [
                "{} {:.3f} [{:.3f}, {:.3f}]".format(unit, *interval(column))
                for unit, column in zip(("wall", "CPU"), values.T, strict=True)
            ]
            print(f"{workload:>12} {way:>24}: {', '.join(told)}, {len(values)} rounds", flush=True)


if __name__ == "__main__":
    main()
