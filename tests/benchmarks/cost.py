"""What watching costs: a watched `fit` against a plain one, interleaved in one process.

    python -m tests.benchmarks.cost [--pairs 60] [--epochs 20] [--way watch|view|plain]

The digits model at batch size 32, traced before. Each pair is one watched and one plain `fit` of the same model, in
random order; setting up and the final report count. Printed is the median of the ratios of the pairs with its 95 %
bootstrap interval, for wall time and for the CPU time of all threads; "view" adds the live view, "plain" measures
plain against plain, the noise of the method.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import stats

import kerasdoctor
from kerasdoctor.instrumentation.observer import Observer, Progress
from kerasdoctor.instrumentation.watching import Watch
from kerasdoctor.record import TrainingRecord
from kerasdoctor.report import Report
from tests import programs


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


def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    return programs.classifier(64)


def plain(train: Callable[[], None]) -> None:
    train()


def watched(train: Callable[[], None]) -> None:
    with kerasdoctor.watch(quiet=True):
        train()


def viewed(train: Callable[[], None]) -> None:
    watch = Watch(ViewObserver())
    watch.start()
    try:
        train()
    finally:
        watch.stop()


WAYS = {"watch": watched, "view": viewed, "plain": plain}


def pairs_of(way: str, pairs: int, epochs: int) -> NDArray[np.float64]:
    """Watched over plain for each pair, shape (pairs, 2): wall and CPU time."""
    generator = np.random.default_rng(0)
    x, y = programs.digits()
    network = model()

    def fit(count: int = epochs) -> None:
        network.fit(x, y, batch_size=32, validation_split=0.2, epochs=count, verbose=0)

    def seconds(how: Callable[[Callable[[], None]], None]) -> NDArray[np.float64]:
        wall, cpu = time.perf_counter(), time.process_time()
        how(fit)
        return np.array([time.perf_counter() - wall, time.process_time() - cpu])

    # the first fit traces, the first watched one imports
    plain(lambda: fit(1))
    WAYS[way](lambda: fit(1))
    found = []
    for _ in range(pairs):
        times = {
            side: seconds(plain if side == "plain" else WAYS[way]) for side in generator.permutation(["plain", way])
        }
        found.append(times[way] / times["plain"] if way != "plain" else seconds(plain) / times["plain"])
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--way", choices=WAYS, action="append")
    options = parser.parse_args()
    for way in options.way or list(WAYS):
        found = pairs_of(way, options.pairs, options.epochs)
        for name, column in zip(("wall", "CPU"), found.T, strict=True):
            resampled = stats.bootstrap((column,), np.median, n_resamples=2000, rng=np.random.default_rng(0))
            low, high = resampled.confidence_interval
            quartiles = np.percentile(column, [25, 75])
            print(
                f"{way:>6} / plain, {name:>4}: median {np.median(column):.3f} [{low:.3f}, {high:.3f}], "
                f"quartiles {quartiles[0]:.3f} to {quartiles[1]:.3f}, {len(column)} pairs of {options.epochs} epochs",
                flush=True,
            )


if __name__ == "__main__":
    main()
