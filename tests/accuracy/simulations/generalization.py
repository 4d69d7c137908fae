"""False-alarm rate and power of thresholds of the generalization family; nothing is trained.

`python -m tests.accuracy.simulations.generalization` prints the tables, `--write` keeps them in GENERALIZATION.md.
"""

import inspect
import sys
from array import array
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal
from sklearn import datasets
from sklearn.linear_model import LogisticRegression

from kerasdoctor.diagnosis import Status
from kerasdoctor.quantities import DataTap
from kerasdoctor.quantities.batch_norm_shift import BatchNormShift
from kerasdoctor.quantities.batch_norm_variance import BatchNormVariance
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.neighbour_labels import NeighbourLabels
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.quantities.update_ratio import UpdateRatio
from kerasdoctor.record import Compile, Data, Fit, Layer, Loss, Metric, Model, Outcome
from kerasdoctor.rules.better_validation import BetterValidation, epoch_average
from kerasdoctor.rules.lagging_batch_norm import LaggingBatchNorm
from kerasdoctor.rules.small_dataset import SmallDataset
from kerasdoctor.rules.underfitting import Underfitting
from tests.accuracy.simulations import curves
from tests.accuracy.simulations.tables import share, table

RESULTS = Path(__file__).with_name("GENERALIZATION.md")
Floats = NDArray[np.float64]
HEAD = """# What the thresholds of the generalization family give

Written by `python -m tests.accuracy.simulations.generalization --write`; the seeds are fixed.
"""


def planes() -> str:
    """`underfitting` of a network without a hidden layer, by the labels of the nearest rows: alarms.

    In place of the trained network a logistic regression, whose accuracy on the training rows it has. Classes around
    centres with one covariance, of which planes are the best separation, and some labels drawn at random; then classes
    that planes do not separate.
    """
    rows = []
    for classes in (2, 5):
        for columns in (2, 10, 50):
            for distance in (1.0, 2.0, 4.0):
                for n in (200, 1000):
                    generator = np.random.default_rng(0)
                    found = [_clouds(generator, n, classes, columns, distance) for _ in range(20)]
                    rows.append([f"{classes} clouds, {distance:g} apart", columns, n, *_judged(found)])
    for name, make in (
        ("rings", lambda n, seed: datasets.make_circles(n, noise=0.08, factor=0.5, random_state=seed)),
        ("moons", lambda n, seed: datasets.make_moons(n, noise=0.15, random_state=seed)),
        ("four clouds crosswise", lambda n, seed: _crosswise(np.random.default_rng(seed), n)),
    ):
        rows.extend([name, 2, n, *_judged([make(n, seed) for seed in range(20)])] for n in (200, 1000))
    return table(["classes", "columns", "rows", "accuracy of the plane", "of the nearest row", "alarms"], rows)


def _clouds(generator: np.random.Generator, n: int, classes: int, columns: int, distance: float) -> tuple[Any, Any]:
    centres = distance * generator.standard_normal((classes, columns)) / np.sqrt(columns)
    y = generator.integers(0, classes, n)
    x = centres[y] + generator.standard_normal((n, columns))
    wrong = generator.random(n) < 0.05
    return x, np.where(wrong, generator.integers(0, classes, n), y)


def _crosswise(generator: np.random.Generator, n: int) -> tuple[Any, Any]:
    signs = generator.choice([-1.0, 1.0], (n, 2))
    return signs + 0.4 * generator.standard_normal((n, 2)), (signs.prod(axis=1) > 0).astype(int)


def _judged(drawn: list[tuple[Any, Any]]) -> list[str]:
    """Mean accuracy of the plane and of the nearest row, and the share of alarms."""
    accuracies, nearest, alarms = [], [], []
    for x, y in drawn:
        classes = int(y.max()) + 1
        accuracy = float(LogisticRegression(C=10, max_iter=200).fit(x, y).score(x, y))
        tap = DataTap(inputs={"x": x}, targets={"y": y}, rows=np.arange(len(y)), n=len(y), split_at=len(y))
        labels = NeighbourLabels.from_data(tap)
        assert labels is not None
        accuracies.append(accuracy)
        nearest.append(labels.equal)
        alarms.append(_underfits(y, classes, accuracy, labels))
    return [f"{np.mean(accuracies):.2f}", f"{np.mean(nearest):.2f}", share(alarms)]


def _underfits(y: Any, classes: int, accuracy: float, labels: NeighbourLabels) -> bool:
    """Whether the rule alarms for a run that has ended at this accuracy, with the loss of guessing."""
    counts = {str(label): int((y == label).sum()) for label in range(classes)}
    shares = np.array([count for count in counts.values() if count]) / len(y)
    flat = np.full(20, float(-(shares * np.log(shares)).sum()))
    dense = Layer(name="dense", kind="Dense", parameters=classes, output_shape=(classes,))
    right, moved = np.full(20, accuracy), UpdateRatio()
    moved.extend(("dense/kernel",), np.arange(1, 201), np.full((200, 1), 0.01))
    found = Underfitting().check(
        Model(kind="Sequential", layers=(dense,)),
        Compile(losses=(Loss(name="sparse_categorical_crossentropy"),)),
        Outcome(status="finished", epochs=20),
        Fit(),
        Metric(name="loss", train=flat, validation=flat, direction="down"),
        {"accuracy": Metric(name="accuracy", train=right, validation=right, direction="up", proportion=True)},
        SplitLabels("classes", counts, counts, "validation_split"),
        update_ratio=moved,
        neighbour_labels=labels,
    )
    return found is not None


def small_sets() -> str:
    """`small-dataset`: runs that alarm at any epoch, by the true gap between training and validation rows.

    Accuracies of 1,000 training rows and of as many validation rows as said, whose true share of right ones at the end
    is 90 % less the gap; 40 epochs.
    """
    rows = []
    for gap in (0.0, 0.05, 0.1, 0.2):
        for n in (20, 50, 200, 1000):
            generator = np.random.default_rng(0)
            alarms = [
                _ever_small(
                    curves.accuracy(generator, 40, 1000, churn=0.2),
                    curves.accuracy(generator, 40, n, churn=0.2, final=0.9 - gap),
                    n,
                )
                for _ in range(100)
            ]
            rows.append([f"{100 * gap:.0f} points", n, share(alarms)])
    return table(["true gap", "validation rows", "runs that alarm"], rows)


def _ever_small(train: Floats, validation: Floats, n: int) -> bool:
    data, model = Data(n_train=1000, n_validation=n), Model(trainable_parameters=5000)
    for epoch in range(1, len(train) + 1):
        metric = Metric(
            name="accuracy",
            train=train[:epoch],
            validation=validation[:epoch],
            direction="up",
            proportion=True,
            n_validation=n,
        )
        if SmallDataset().check(data, model, {"accuracy": metric}) is not None:
            return True
    return False


def better_validations() -> str:
    """`better-validation`: runs that speak at any epoch, and of those the share that the mean over epochs explains.

    A loss that falls to a tenth of its start with the time constant said, in epochs; the training part is the mean over
    each epoch, the validation part its end. Losses of single rows are log-normal with the deviation said of their
    logarithm, and the validation rows are as hard as the others but for chance.
    """
    rows = []
    for pace in (2.0, 8.0, 1e9):
        for deviation in (1.0, 2.0):
            for n in (100, 200, 1000):
                generator = np.random.default_rng(0)
                found = [_first_better(generator, pace, deviation, n) for _ in range(100)]
                told = [explained for explained in found if explained is not None]
                constant = f"{pace:g}" if pace < 1e6 else "none: flat"
                rows.append(
                    [constant, deviation, n, share(one is not None for one in found), share(told) if told else ""]
                )
    return table(["time constant", "deviation", "validation rows", "runs that speak", "explained"], rows)


def _first_better(generator: np.random.Generator, pace: float, deviation: float, n: int) -> bool | None:
    """Whether the mean over epochs is confirmed at the first epoch at which the rule speaks; None where it does not."""
    ends = np.arange(1, 31)
    hard = generator.lognormal(-(deviation**2) / 2, deviation, n).mean()
    validation = hard * (0.1 + 0.9 * np.exp(-ends / pace))
    train = 0.1 + 0.9 * pace * (np.exp(-(ends - 1) / pace) - np.exp(-ends / pace))
    for epoch in range(1, 31):
        metric = Metric(
            name="loss", train=train[:epoch], validation=validation[:epoch], direction="down", n_validation=n
        )
        if BetterValidation().check(metric, Fit()) is not None:
            return epoch_average(metric)[0] is Status.CONFIRMED
    return None


def moving_statistics() -> str:
    """`lagging-batch-norm` on features that do not change: runs that alarm, were val_loss twice the training loss.

    32 features with a mean of one standard deviation and the variance said; their batches and 200 validation rows are
    drawn. The moving statistics begin at 0 and 1; ten epochs. Where 30 % of these are left it should alarm.
    """
    rows = []
    for batch in (8, 128):
        for momentum in (0.9, 0.99):
            for updates in (20, 100, 200, 500, 2000):
                for variance in (0.04, 1.0, 25.0):
                    generator = np.random.default_rng(0)
                    found = [_moved(generator, batch, momentum, updates, variance) for _ in range(20)]
                    shifts, ratios, alarms = zip(*found, strict=True)
                    rows.append(
                        [
                            batch,
                            momentum,
                            updates,
                            f"{momentum**updates:.1g}",
                            variance,
                            f"{max(shifts):.2f}",
                            f"{min(ratios):.2f} to {max(ratios):.2f}",
                            share(alarms),
                        ]
                    )
    head = ["rows of a batch", "momentum", "updates", "left", "variance", "largest shift", "ratios", "alarms"]
    return table(head, rows)


def _moved(
    generator: np.random.Generator, batch: int, momentum: float, updates: int, variance: float
) -> tuple[float, float, bool]:
    """Shift and ratio at the end, and whether the rule alarms."""
    size, channels, deviation = (updates, 32), 32, np.sqrt(variance)
    means = generator.normal(deviation, deviation / np.sqrt(batch), size)
    spreads = variance * generator.chisquare(batch - 1, size) / batch
    kept = momentum ** np.arange(1, updates + 1)[:, None]
    mean = signal.lfilter([1 - momentum], [1, -momentum], means, axis=0)
    spread = signal.lfilter([1 - momentum], [1, -momentum], spreads, axis=0) + kept
    held_out = generator.normal(deviation, deviation, (200, channels))
    per_epoch = updates // 10
    ends = np.arange(1, 11) * per_epoch
    shift, ratio = BatchNormShift(), BatchNormVariance()
    for end in ends:
        scale = np.sqrt(spread[end - 1])
        distance = np.sqrt((((held_out.mean(axis=0) - mean[end - 1]) / scale) ** 2).mean())
        times = np.exp(np.log(held_out.var(axis=0) / spread[end - 1]).mean())
        shift.extend(("norm",), np.array([end]), np.array([[distance]]))
        ratio.extend(("norm",), np.array([end]), np.array([[times]]))
    layer = Layer(name="norm", kind="BatchNormalization", path="norm", config={"momentum": momentum})
    found = LaggingBatchNorm().check(
        Model(kind="Sequential", layers=(layer,)),
        Fit(epochs=10, batch_size=batch),
        Metric(name="loss", train=np.full(10, 0.1), validation=np.full(10, 0.3)),
        EpochBegin(array("q", [0, *ends[:-1]])),
        shift,
        ratio,
    )
    return float(shift.mean[-1, 0]), float(ratio.mean[-1, 0]), found is not None


TABLES = (planes, small_sets, better_validations, moving_statistics)


def main() -> None:
    parts = [HEAD]
    for function in TABLES:
        parts.append(f"## {function.__name__.replace('_', ' ')}\n\n{inspect.getdoc(function)}\n\n{function()}\n")
        print(parts[-1], flush=True)
    if "--write" in sys.argv:
        RESULTS.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
