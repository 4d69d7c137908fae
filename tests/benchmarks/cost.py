"""What watching costs: a watched `fit` against a plain one, interleaved in one process.

    python -m tests.benchmarks.cost [--pairs 40] [--epochs 20] [--way watch|view|plain]

Each pair trains two fresh models from the same seed, one watched and one not, in random order; both have been traced
before by a fit of one epoch, which is measured apart. Printed is the median of the ratios of the pairs with its 95 %
bootstrap interval; "plain" measures plain against plain, the noise of the method.
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


def seconds(way: Callable[[Callable[[], None]], None], epochs: int) -> float:
    """Wall time of the second fit of a fresh model; the first one traces."""
    x, y = programs.digits()
    network = model()

    def fit(count: int) -> None:
        network.fit(x, y, batch_size=32, validation_split=0.2, epochs=count, verbose=0)

    way(lambda: fit(1))
    began = time.perf_counter()
    way(lambda: fit(epochs))
    return time.perf_counter() - began


def ratios(way: str, pairs: int, epochs: int) -> NDArray[np.float64]:
    """Watched over plain, one ratio per pair."""
    generator = np.random.default_rng(0)
    found = []
    for _ in range(pairs):
        times = {}
        for side in generator.permutation(["plain", "other"]):
            times[side] = seconds(plain if side == "plain" else WAYS[way], epochs)
        found.append(times["other"] / times["plain"])
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--way", choices=WAYS, action="append")
    options = parser.parse_args()
    for way in options.way or list(WAYS):
        found = ratios(way, options.pairs, options.epochs)
        resampled = stats.bootstrap((found,), np.median, n_resamples=2000, rng=np.random.default_rng(0))
        interval = resampled.confidence_interval
        spread = np.percentile(found, [25, 75])
        print(
            f"{way:>6} / plain: median {np.median(found):.3f} [{interval.low:.3f}, {interval.high:.3f}], "
            f"quartiles {spread[0]:.3f} to {spread[1]:.3f}, {len(found)} pairs of {options.epochs} epochs",
            flush=True,
        )


if __name__ == "__main__":
    main()
