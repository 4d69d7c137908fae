"""One function per threshold; each returns a table in Markdown."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn import datasets

from kerasdoctor import quantities, statistics
from kerasdoctor.quantities import DataTap
from kerasdoctor.quantities.drawn_range import DrawnRange, DrawnValues
from kerasdoctor.quantities.held_out_outputs import HeldOutOutputs
from kerasdoctor.quantities.neighbour_labels import NeighbourLabels
from kerasdoctor.quantities.part_scale import Difference, PartScale
from kerasdoctor.quantities.row_order import RowOrder
from kerasdoctor.quantities.row_overlap import RowOverlap
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.record import Data, Fit, Metric, Model, Outcome
from kerasdoctor.rules.duplicated_rows import DuplicatedRows
from kerasdoctor.rules.label_errors import LabelErrors
from kerasdoctor.rules.mismatched_preprocessing import SHIFT, MismatchedPreprocessing
from kerasdoctor.rules.oscillating_validation import OscillatingValidation
from kerasdoctor.rules.overfitting import Overfitting
from kerasdoctor.rules.unshuffled_split import UnshuffledSplit
from tests.accuracy.simulations import curves

Row = Sequence[Any]


def table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def share(hits: Iterable[bool]) -> str:
    return f"{100 * np.mean(list(hits)):.1f} %"


def trend_directions() -> str:
    """`statistics.trend`: what it calls curves whose end is known, one look at the end of the run.

    Noise 0.02 on a fall of 0.7 (7 % of the level at its end).
    """
    rows = []
    for kind in ("never learns", "plateau", "still falling", "rises by half"):
        for epochs in (8, 15, 30, 100):
            for r in (0.0, 0.5, 0.8):
                generator = np.random.default_rng(0)
                found: Counter[str] = Counter()
                for _ in range(150):
                    noise = {"noise": 0.02, "r": r}
                    match kind:
                        case "never learns":
                            values = 2.3 + 0.02 * curves.correlated(generator, epochs, r)
                        case "plateau":
                            values = curves.loss(generator, epochs, pace=1 / 15, **noise)
                        case "still falling":
                            values = curves.loss(generator, epochs, pace=1 / 2, **noise)
                        case _:
                            values = curves.loss(generator, epochs, rise=0.5, pace=1 / 15, **noise)
                    found[statistics.trend(values).direction] += 1
                shares = [f"{100 * found[name] / 150:.0f} %" for name in ("down", "flat", "up", "unclear")]
                rows.append([kind, epochs, r, *shares])
    return table(["curve", "epochs", "lag-1 correlation", "down", "flat", "up", "unclear"], rows)


def overfitting() -> str:
    """`overfitting`: runs that alarm at any epoch, and the median delay behind the true turn.

    A loss from 1 to 0.3 with noise of 1, 3 and 10 % of its lowest level; 100 runs a row without a rise, 40 with one.
    """
    rows = []
    for rise in (0.0, 0.3, 0.6):
        for epochs in (15, 30, 60):
            for noise in (0.003, 0.01, 0.03):
                for r in (0.0, 0.5, 0.8):
                    if rise and r == 0.8:
                        continue
                    generator = np.random.default_rng(0)
                    alarms = [
                        _first_overfitting(curves.loss(generator, epochs, noise=noise, r=r, rise=rise))
                        for _ in range(40 if rise else 100)
                    ]
                    late = [alarm - 0.4 * epochs for alarm in alarms if alarm is not None]
                    rows.append(
                        [
                            f"{rise:.0%}",
                            epochs,
                            f"{noise / 0.3:.0%}",
                            r,
                            share(alarm is not None for alarm in alarms),
                            f"{np.median(late):.0f}" if rise and late else "",
                        ]
                    )
    return table(["rise", "epochs", "noise", "lag-1 correlation", "runs that alarm", "epochs behind the turn"], rows)


def _first_overfitting(validation: NDArray[np.float64]) -> int | None:
    """Epoch of the first alarm of a live run."""
    rule, train = Overfitting(), np.linspace(1.0, 0.1, len(validation))
    for epoch in range(1, len(validation) + 1):
        metric = Metric(name="loss", train=train[:epoch], validation=validation[:epoch])
        if rule.check(metric, {}, Fit(), Outcome()):
            return epoch
    return None


def oscillation() -> str:
    """`oscillating-validation`: runs that alarm at any epoch.

    `churn` is the jitter of single rows (real runs: up to 0.3), `swing` the common movement of all rows, a standard
    deviation in points of accuracy.
    """
    rows = []
    for swing, churns in ((0.0, (0.05, 0.3, 0.6)), (2.0, (0.1,)), (5.0, (0.1,))):
        for churn in churns:
            for n in (50, 200, 1000, 5000):
                for epochs in (10, 30):
                    generator = np.random.default_rng(0)
                    runs = [
                        curves.accuracy(generator, epochs, n, churn=churn, swing=swing)
                        for _ in range(100 if n < 5000 else 40)
                    ]
                    found = [statistics.swing(run, n) for run in runs]
                    ratios = [swing.ratio for swing in found if swing is not None]
                    rows.append(
                        [
                            swing,
                            churn,
                            n,
                            epochs,
                            f"{np.median(ratios):.2f}",
                            f"{np.quantile(ratios, 0.99):.2f}",
                            share(_ever_oscillates(run, n) for run in runs),
                        ]
                    )
    return table(["swing", "churn", "rows", "epochs", "median R", "99 % R", "runs that alarm"], rows)


def _ever_oscillates(accuracy: NDArray[np.float64], n: int) -> bool:
    rule = OscillatingValidation()
    for epoch in range(1, len(accuracy) + 1):
        metric = Metric(
            name="accuracy", train=accuracy[:epoch], validation=accuracy[:epoch], proportion=True, n_validation=n
        )
        if rule.check({"accuracy": metric}, Data(n_validation=n)):
            return True
    return False


def split_of_random_rows() -> str:
    """`unshuffled-split` on random orders: alarms, and what the G-test with a distance above 0.05 would give."""
    rows = []
    for classes in (2, 10, 100, 1000):
        for n in (100, 1000, 10_000):
            if classes > n // 5:
                continue
            for skewed in (False, True):
                generator = np.random.default_rng(0)
                weights = 1 / np.arange(1, classes + 1) if skewed else np.ones(classes)
                alarms, g_alarms, orders = [], [], []
                for _ in range(300):
                    y = generator.choice(classes, n, p=weights / weights.sum())
                    labels, order = _measured(y)
                    alarms.append(UnshuffledSplit().check(labels, order) is not None)
                    orders.append((order.z or 0) > 4)
                    counts = np.array([list(labels.train.values()), list(labels.validation.values())])
                    g = stats.chi2_contingency(counts, lambda_="log-likelihood", correction=False)
                    difference = statistics.share_difference(*counts.tolist())
                    g_alarms.append(g.pvalue < 1e-3 and difference is not None and difference.distance > 0.05)
                rows.append([classes, n, "skewed" if skewed else "even", share(alarms), share(g_alarms), share(orders)])
    return table(["labels", "rows", "shares", "alarms", "alarms of the G-test", "order z > 4"], rows)


def split_of_ordered_rows() -> str:
    """`unshuffled-split` on rows that are ordered more or less: alarms.

    Partly sorted: that share of the rows is moved into the order of the labels, the others stay where they are.
    """
    rows = []
    for part in (1.0, 0.5, 0.2, 0.1):
        for classes in (2, 10):
            for n in (200, 1000, 10_000):
                generator = np.random.default_rng(0)
                alarms = []
                for _ in range(100):
                    y = generator.integers(0, classes, n)
                    chosen = np.sort(generator.choice(n, int(part * n), replace=False))
                    y[chosen] = np.sort(y[chosen])
                    alarms.append(UnshuffledSplit().check(*_measured(y)) is not None)
                rows.append([f"{part:.0%} sorted", classes, n, share(alarms)])
    for subjects in (10, 30):
        generator = np.random.default_rng(0)
        alarms = []
        for _ in range(100):
            blocks = [np.repeat(generator.permutation(6), generator.integers(15, 40, 6)) for _ in range(subjects)]
            alarms.append(UnshuffledSplit().check(*_measured(np.concatenate(blocks))) is not None)
        rows.append([f"{subjects} recordings, blocks of labels", 6, 27 * 6 * subjects, share(alarms)])
    return table(["order", "labels", "rows", "alarms"], rows)


def split_of_series() -> str:
    """`unshuffled-split` on a continuous target that follows itself: stationary series, a random walk, and a trend.

    Without and with a datetime index, by which the rows are known to be a series. The trend goes from 0 to 3, with
    noise of deviation 1.
    """
    rows = []
    for r in (0.0, 0.5, 0.9, 0.95, 0.99, 1.0):
        for n in (300, 2000, 20_000):
            generator = np.random.default_rng(0)
            series = [curves.correlated(generator, n, r) for _ in range(100)]
            rows.append(["random walk" if r == 1 else r, n, *_alarms(series)])
    for n in (300, 2000, 20_000):
        generator = np.random.default_rng(0)
        series = [np.linspace(0, 3, n) + generator.standard_normal(n) for _ in range(100)]
        rows.append(["trend", n, *_alarms(series)])
    return table(["lag-1 correlation", "rows", "alarms", "alarms with an index"], rows)


def _alarms(series: list[NDArray[Any]]) -> list[str]:
    rule = UnshuffledSplit()
    return [share(rule.check(*_measured(y, in_time=in_time)) is not None for y in series) for in_time in (False, True)]


def _measured(y: NDArray[Any], *, in_time: bool = False) -> tuple[SplitLabels, RowOrder]:
    n = len(y)
    time = np.arange(n) if in_time else None
    tap = DataTap(inputs={}, targets={"y": y}, rows=np.arange(n), n=n, split_at=int(n * 0.8), time_index=time)
    types = quantities.types()
    labels, order = types["split_labels"].from_data(tap), types["row_order"].from_data(tap)
    assert isinstance(labels, SplitLabels)
    assert isinstance(order, RowOrder)
    return labels, order


def parts_prepared_alike() -> str:
    """`mismatched-preprocessing`: alarms of random splits, 400 rows that train, of arrays and of drawn batches."""
    rows = []
    for kind in ("normal", "lognormal 1", "lognormal 2", "zeros and gamma", "bytes"):
        for features in (1, 5):
            for size in (30, 100, 300):
                generator = np.random.default_rng(0)
                arrays, batches = [], []
                for _ in range(3000):
                    train, held_out = (_rows(generator, kind, (n, features)) for n in (400, size))
                    scale = Difference.of(train, held_out)
                    drawn = DrawnValues(), DrawnValues()
                    for values, part in zip(drawn, (train, held_out), strict=True):
                        values.take_in(part, 0)
                    arrays.append(_mismatched(part_scale=None if scale is None else PartScale({"x": scale})))
                    batches.append(_mismatched(drawn_range=DrawnRange({"x": drawn[0]}, {"x": drawn[1]})))
                rows.append([kind, features, size, share(arrays), share(batches)])
    return table(["values", "features", "validation rows", "arrays", "batches"], rows)


def parts_of_series() -> str:
    """`mismatched-preprocessing`: alarms for the end of a series whose rows are not known to be one; five features.

    1,000 rows, of which the last validate and the others train in order, or shuffled; 300 series of each kind. "far" is
    what two half spreads alone give. A trend of 1 with noise of that deviation; growth by that factor in all; one walk
    in windows of 20.
    """
    kinds = {
        **{f"trend, noise {noise}": lambda g, t, noise=noise: t + noise * _normal(g, t) for noise in (0.05, 0.2, 0.35)},
        **{f"growth by {by}": lambda g, t, by=by: by**t * (1 + 0.2 * _normal(g, t)) for by in (2, 5)},
        "one season": lambda g, t: np.sin(2 * np.pi * (t + g.random())) + 0.2 * _normal(g, t),
        "half a season": lambda g, t: np.sin(np.pi * (t + 2 * g.random())) + 0.2 * _normal(g, t),
        "lag-1 correlation .99": lambda g, t: np.column_stack([curves.correlated(g, len(t), 0.99) for _ in range(5)]),
        "random walks": lambda g, t: np.cumsum(_normal(g, t), axis=0),
        "a walk in windows": lambda g, t: np.lib.stride_tricks.sliding_window_view(
            g.standard_normal(len(t) + 19).cumsum(), 20
        ),
    }
    rows = []
    for kind, make in kinds.items():
        for part in (0.1, 0.2):
            generator = np.random.default_rng(0)
            cut, time = int(1000 * (1 - part)), np.linspace(0, 1, 1000)[:, None]
            ordered, mixed, far = [], [], []
            for _ in range(300):
                x = make(generator, time)
                data = Data(n_train=cut, n_validation=1000 - cut)
                for train, alarms in ((x[:cut], ordered), (generator.permutation(x[:cut]), mixed)):
                    found = Difference.of(train, x[cut:])
                    assert found is not None
                    alarms.append(MismatchedPreprocessing().check(data, PartScale({"x": found})) is not None)
                far.append(found.shift > SHIFT)
            rows.append([kind, f"{part:.0%}", share(ordered), share(mixed), share(far)])
    return table(["series", "validates", "in order", "shuffled", "far"], rows)


def _normal(generator: np.random.Generator, time: NDArray[Any]) -> NDArray[Any]:
    return generator.standard_normal((len(time), 5))


def _mismatched(**measured: Any) -> bool:
    return all(measured.values()) and MismatchedPreprocessing().check(Data(), **measured) is not None


def _rows(generator: np.random.Generator, kind: str, shape: tuple[int, int]) -> NDArray[Any]:
    match kind:
        case "normal":
            return generator.standard_normal(shape)
        case "bytes":
            return generator.integers(0, 256, shape)
        case "zeros and gamma":
            return np.where(generator.random(shape) < 0.8, 0.0, generator.gamma(2, 1, shape))
        case _:
            return np.exp(int(kind[-1]) * generator.standard_normal(shape))


def overlap_of_random_rows() -> str:
    """`duplicated-rows`: alarms of random splits of rows with few values, which are equal by chance."""
    rows = []
    for values in (2, 4, 8):
        for features in (3, 6):
            hits = []
            for seed in range(1000):
                generator = np.random.default_rng(seed)
                x = generator.integers(0, values, (1000, features))
                tap = DataTap(inputs={"x": x}, targets={}, rows=np.arange(1000), n=1000, split_at=800)
                hits.append(DuplicatedRows().check(row_overlap=RowOverlap.from_data(tap)) is not None)
            rows.append([values, features, share(hits)])
    return table(["values", "features", "alarms"], rows)


def wrong_labels_among_near_rows() -> str:
    """`label-errors` by the votes of the ten nearest rows: alarms, by the share of labels that are turned to another.

    Without wrong labels 100 tables of each kind, else 25. Gaussian clouds of unequal width whose centres lie so far
    apart, five features for each class; two half moons with that noise; and 80 % of the rows of two sets of
    scikit-learn's.
    """
    kinds: dict[str, Callable[[np.random.Generator], tuple[NDArray[Any], NDArray[Any]]]] = {
        f"{classes} clouds, {apart} apart, {n} rows": lambda g, n=n, k=classes, d=apart: _clouds(g, n, k, d)
        for n in (300, 1000)
        for classes in (2, 3, 10)
        for apart in (2, 3, 5)
    }
    kinds |= {f"moons, noise {noise}": lambda g, noise=noise: _moons(g, noise) for noise in (0.2, 0.35, 0.5)}
    kinds |= {
        name: lambda g, load=load: _some(g, *load(return_X_y=True))
        for name, load in (("digits", datasets.load_digits), ("tumours", datasets.load_breast_cancer))
    }
    rows = []
    for kind, make in kinds.items():
        generator = np.random.default_rng(0)
        drawn = [[_votes(generator, make, e) for _ in range(25 if e else 100)] for e in (0.0, 0.1, 0.15, 0.2)]
        rows.append([kind, *(share(alarms) for alarms in drawn)])
    return table(["rows", "none", "10 %", "15 %", "20 %"], rows)


def _clouds(generator: np.random.Generator, n: int, classes: int, apart: float) -> tuple[NDArray[Any], NDArray[Any]]:
    centres = apart / np.sqrt(2 * 5) * generator.standard_normal((classes, 5))
    y = generator.integers(0, classes, n)
    return centres[y] + generator.uniform(0.5, 1.5, classes)[y, None] * generator.standard_normal((n, 5)), y


def _moons(generator: np.random.Generator, noise: float) -> tuple[NDArray[Any], NDArray[Any]]:
    x, y = datasets.make_moons(1000, noise=noise, random_state=int(generator.integers(2**31)))
    return np.asarray(x), np.asarray(y)


def _some(generator: np.random.Generator, x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    chosen = generator.permutation(len(x))[: int(0.8 * len(x))]
    return x[chosen], y[chosen]


def _votes(
    generator: np.random.Generator,
    make: Callable[[np.random.Generator], tuple[NDArray[Any], NDArray[Any]]],
    wrong: float,
) -> bool:
    x, y = make(generator)
    classes, turned = int(y.max()) + 1, generator.random(len(y)) < wrong
    labels = np.where(turned, (y + generator.integers(1, classes, len(y))) % classes, y)
    tap = quantities.DataTap(inputs={"x": x}, targets={"y": labels}, rows=np.arange(len(y)), n=len(y), split_at=len(y))
    found = LabelErrors().check(
        Outcome(status="checked"), Fit(), {}, Model(), HeldOutOutputs(), neighbour_labels=NeighbourLabels.from_data(tap)
    )
    return found is not None


TABLES = (
    trend_directions,
    overfitting,
    oscillation,
    split_of_random_rows,
    split_of_ordered_rows,
    split_of_series,
    parts_prepared_alike,
    parts_of_series,
    overlap_of_random_rows,
    wrong_labels_among_near_rows,
)
