"""What a diagnosis takes: every rule on the record of a real run of 200 epochs and 50 layers.

    python -m tests.benchmarks.diagnosis [--write]      DIAGNOSIS.md beside this file

The record is that of a fit at level "full" with validation. Times are of the CPU, medians with their quartiles;
the figure is compared with a bare savefig of the same curves, in turns.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

import kerasdoctor
from kerasdoctor import rule
from kerasdoctor.engine import diagnose
from kerasdoctor.instrumentation.callback import FitRecorder
from kerasdoctor.record import TrainingRecord
from kerasdoctor.renderers import figure, html
from tests import programs

LAYERS, EPOCHS = 50, 200
HERE = Path(__file__).parent


def recorded() -> tuple[TrainingRecord, float, float, Counter[str]]:
    """The record; the share of the time that looking took, the longest look in ms, and how often each hook looked.

    A look in another hook than `on_train_begin` and `on_epoch_end` would hold up a step.
    """
    keras.utils.set_random_seed(1)
    x, y = programs.digits()
    hidden = [keras.layers.Dense(16, "relu") for _ in range(LAYERS - 1)]
    model = keras.Sequential([keras.Input((64,)), *hidden, keras.layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    spent: list[float] = []
    hooks: Counter[str] = Counter()
    original = FitRecorder._examine

    def examine(recorder: FitRecorder) -> None:
        hooks[sys._getframe(1).f_code.co_name] += 1
        began = time.perf_counter()
        original(recorder)
        spent.append(time.perf_counter() - began)

    FitRecorder._examine = examine  # type: ignore[method-assign] # measured from outside
    try:
        began = time.perf_counter()
        with kerasdoctor.watch(quiet=True, level="full") as watch:
            model.fit(x[:640], y[:640], validation_split=0.2, epochs=EPOCHS, batch_size=64, verbose=0)
        whole = time.perf_counter() - began
    finally:
        FitRecorder._examine = original  # type: ignore[method-assign] # put back
    # the first look is before the first step
    return watch.report.record, sum(spent[1:]) / whole, 1000 * max(spent[1:], default=0.0), hooks


def times(*ways: Callable[[], object], count: int = 15) -> list[tuple[float, float, float]]:
    """Quartiles of each way in milliseconds of CPU, measured in turns: nothing waits for anything here."""
    found: list[list[float]] = [[] for _ in ways]
    for way in ways:
        way()
    for _ in range(count):
        for way, values in zip(ways, found, strict=True):
            began = time.process_time()
            way()
            values.append(1000 * (time.process_time() - began))
    return [tuple(np.quantile(values, [0.25, 0.5, 0.75])) for values in found]  # type: ignore[misc] # three of them


def bare(record: TrainingRecord) -> None:
    """The same curves, as anybody would save them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plot = Figure(figsize=(8, 4))
    FigureCanvasAgg(plot)
    for axis, keys in zip(plot.subplots(1, 2), (("loss", "val_loss"), ("accuracy", "val_accuracy")), strict=True):
        for key in keys:
            axis.plot(record.history[key], label=key)
        axis.legend()
    plot.savefig(io.BytesIO())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    record, share, longest, hooks = recorded()
    report = diagnose(record)
    (diagnosing,) = times(lambda: diagnose(record))
    (with_html,) = times(lambda: html.render(diagnose(record)))
    drawn, plain = times(lambda: figure.render(report), lambda: bare(record))
    slowest = sorted(
        (
            (times(lambda each=each: diagnose(record, candidates=[each]), count=5)[0][1], each.name)
            for each in rule.discover()
        ),
        reverse=True,
    )
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, text=True).strip()
    rows = [
        ("one diagnosis by all rules, ms", diagnosing, "50"),
        ("final diagnosis and its HTML, ms", with_html, "300"),
        ("figure, ms", drawn, ""),
        ("bare savefig of the same curves, ms", plain, ""),
    ]
    lines = [
        "# What a diagnosis takes",
        "",
        f"Written by `python -m tests.benchmarks.diagnosis --write`, measured on commit {commit}:",
        f"{len(rule.discover())} rules, a run of {EPOCHS} epochs and {LAYERS} layers, two shared cores; CPU time,",
        "medians and quartiles.",
        "",
        "| | median | quartiles | at most |",
        "| --- | --- | --- | --- |",
        *(f"| {name} | {middle:.1f} | {low:.1f} to {high:.1f} | {most} |" for name, (low, middle, high), most in rows),
        f"| figure over bare savefig | {drawn[1] / plain[1]:.2f} | | 5 |",
        f"| share of the fit's time that looks while training took | {share:.2%} | | 1 % |",
        f"| longest look, between two epochs, ms | {longest:.1f} | | |",
        f"| looks between two epochs, of {EPOCHS} | {hooks['on_epoch_end']} | | |",
        f"| looks that held up a step | {sum(hooks.values()) - hooks['on_epoch_end'] - 1} | | 0 |",
        "",
        "The slowest rules, verdict included, ms: "
        + ", ".join(f"{name} {value:.1f}" for value, name in slowest[:8])
        + ".",
    ]
    print("\n".join(lines))
    if options.write:
        (HERE / "DIAGNOSIS.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
