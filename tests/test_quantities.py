"""Every quantity against a slow, independent computation."""

import itertools
import json
import math
import pkgutil
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from kerasdoctor import quantities
from kerasdoctor.quantities import (
    BatchTap,
    DataTap,
    EpochTap,
    EvaluationTap,
    StepTap,
    WeightsTap,
    feature_scale,
    row_order,
)
from kerasdoctor.quantities.batch_loss import BatchLoss
from kerasdoctor.quantities.epoch_begin import EpochBegin
from kerasdoctor.quantities.feature_scale import FeatureScale
from kerasdoctor.quantities.first_nonfinite import FirstNonfinite
from kerasdoctor.quantities.global_gradient_norm import GlobalGradientNorm
from kerasdoctor.quantities.inference_randomness import InferenceRandomness
from kerasdoctor.quantities.initial_loss import InitialLoss
from kerasdoctor.quantities.initial_weights import InitialWeights
from kerasdoctor.quantities.input_range import InputRange, Range
from kerasdoctor.quantities.learning_rate import LearningRate
from kerasdoctor.quantities.overfit_batch import Attempt, OverfitBatch
from kerasdoctor.quantities.part_scale import PartScale
from kerasdoctor.quantities.row_order import RowOrder
from kerasdoctor.quantities.row_overlap import RowOverlap
from kerasdoctor.quantities.split_labels import SplitLabels, binned, class_labels
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.quantities.update_ratio import UpdateRatio
from kerasdoctor.quantities.weight_penalty import WeightPenalty
from kerasdoctor.quantities.zero_input import ZeroInput
from kerasdoctor.record import TrainingRecord

Array = NDArray[np.generic]


def tap(x: Array | None = None, y: Array | None = None, split: float = 0.0, **more: Any) -> DataTap:
    n = len(next(part for part in (x, y) if part is not None))
    return DataTap(
        inputs={} if x is None else {"x": x},
        targets={} if y is None else {"y": y},
        rows=more.pop("rows", np.arange(n)),
        n=more.pop("n", n),
        split_at=math.floor(n * (1 - split)),
        **more,
    )


def steps(norms: Any, losses: Any, *, first: int = 1, rate: float = 0.1) -> StepTap:
    """Steps of two variables, whose gradients, updates and values have the same norms."""
    table = np.array(norms, dtype=np.float64)
    n = len(table)
    return StepTap(
        step=np.arange(first, first + n),
        loss=np.array(losses, dtype=np.float64),
        learning_rate=np.full(n, rate),
        loss_scale=np.full(n, 1024.0),
        variables=("a", "b"),
        gradient_norm=table,
        update_norm=table,
        weight_norm=table,
        gradient_cosine=np.tanh(table),
        nonfinite_gradients=table,
    )


def evaluations() -> list[EvaluationTap]:
    """Passes of every kind: two validations with classes, one with numbers, and a look at training rows."""
    numbers = np.arange(600.0)
    classes = np.arange(600) % 3
    common: dict[str, Any] = {
        "rows": 600,
        "layers": ("a", "b"),
        "units": np.array([4, 2]),
        "dead_units": np.array([1.0, 0.0]),
        "zero_share": np.array([0.5, 0.0]),
        "saturated_share": np.array([np.nan, 0.25]),
        "nonfinite": np.array([0.0, 3.0]),
        "normalizations": ("n",),
        "mean_shift": np.array([0.5]),
        "variance_ratio": np.array([math.inf]),
    }
    return [
        EvaluationTap(
            step=1,
            part="validation",
            task="sparse",
            predicted=classes,
            true=classes,
            outputs=np.eye(3, dtype="float32")[classes],
            **common,
        ),
        EvaluationTap(
            step=2,
            part="validation",
            task="sparse",
            predicted=classes,
            true=classes,
            predicted_before=1 - classes,
            **common,
        ),
        EvaluationTap(
            step=2, part="validation", task="numbers", predicted=numbers[:, None], true=numbers[:, None], rows=600
        ),
        EvaluationTap(step=2, part="train", rows=512, metrics={"loss": 0.5, "accuracy": 1.0}),
    ]


# the package


def test_names_are_those_of_the_modules() -> None:
    modules = {module.name for module in pkgutil.iter_modules(quantities.__path__)}
    assert set(quantities.types()) == modules
    for name, kind in quantities.types().items():
        assert kind.__module__ == f"kerasdoctor.quantities.{name}"


def test_nothing_is_measured_where_there_is_nothing() -> None:
    empty = tap(x=np.zeros((3, 2)))
    assert SplitLabels.from_data(empty) is None
    assert TargetRange.from_data(empty) is None
    assert InputRange.from_data(tap(y=np.zeros(3))) is None


def test_quantities_go_through_json() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((60, 4)).astype("float32"), generator.integers(0, 3, 60)
    x[4, 1] = np.nan
    data = tap(x, y, 0.2, sample_weight=np.ones(60), output_units={"y": 3})
    before = WeightsTap(trainable={"dense/kernel": np.ones((4, 3)), "dense/bias": np.zeros(3)}, iterations=0)
    drawn = [
        BatchTap(part=part, epoch=1, index=0, inputs={"x": x[:8]}, targets={"y": y[:8]})
        for part in ("train", "validation")
    ]
    once = {name: kind for name, kind in quantities.types().items() if not kind.grows}
    # an empty quantity is false
    measured: dict[str, Any] = {
        name: next((found for found in (kind.from_data(data), kind.from_weights(before)) if found is not None), None)
        for name, kind in once.items()
    }
    for name, kind in quantities.types().items():
        if kind.grows:
            grown = measured[name] = kind()
            grown.on_epoch(EpochTap(step=0, weight_penalty=0.5))
            for batch in drawn:
                grown.on_batch(batch)
            grown.on_steps(steps([[1.0, 0.0], [math.inf, 2.0]], [0.5, math.nan]))
            for evaluation in evaluations():
                grown.on_evaluation(evaluation)
            assert len(grown)
    # the data above validate by a split
    measured["part_scale"] = PartScale.from_data(tap(x, y, validation_inputs={"x": x[:40]}))
    # a probe's
    measured["initial_loss"] = InitialLoss.of("sparse_categorical_crossentropy", 1.2, y, 3)
    measured["zero_input"] = ZeroInput.of(np.ones((2, 3)), np.zeros((1, 3)))
    measured["inference_randomness"] = InferenceRandomness.of(np.ones((2, 3)), np.zeros((2, 3)), ("a",), ())
    failed = Attempt("as compiled", 0.1, 9, 2.3, math.nan, 0.0, -math.inf, stalled=False, ended="nonfinite")
    measured["overfit_batch"] = OverfitBatch(8, (failed,), 4, 0, 0.5, ("slower",))
    # nothing of the data, and no series: it is found after the fit
    measured["first_nonfinite"] = FirstNonfinite(step=3, origin="input", rows=(4,), samples=(70,))
    record = TrainingRecord(quantities=measured)
    text = json.dumps(record.to_dict(), allow_nan=False)
    again = TrainingRecord.from_dict(json.loads(text), quantities.types())
    assert {name: type(value) for name, value in again.quantities.items()} == {
        name: type(value) for name, value in measured.items()
    }
    assert again.to_dict() == record.to_dict()


# ranges


def slow_range(values: Array) -> tuple[float, float, int, int | None]:
    rows = [[float(value) for value in np.asarray(row).reshape(-1)] for row in values]
    finite = [value for row in rows for value in row if math.isfinite(value)]
    bad = [index for index, row in enumerate(rows) for value in row if not math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (math.nan, math.nan)
    return low, high, len(bad), bad[0] if bad else None


@settings(deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.int32, np.uint8, np.bool_]),
        arrays.array_shapes(min_dims=1, max_dims=3, max_side=6),
    )
)
def test_range_against_a_loop(values: Array) -> None:
    found = Range.of(values, np.arange(len(values)), len(values))
    low, high, count, first = slow_range(values)
    np.testing.assert_equal((found.minimum, found.maximum), (low, high))
    assert (found.nonfinite, found.first_nonfinite_row) == (count, first)
    assert found.shape == values.shape


def test_range_of_a_sample_names_the_rows_of_the_whole() -> None:
    values = np.array([[0.0], [np.nan], [2.0]])
    found = Range.of(values, np.array([10, 20, 30]), 100)
    assert (found.first_nonfinite_row, found.shape) == (20, (100, 1))


def test_range_of_text() -> None:
    found = Range.of(np.array(["a", "b"], dtype=object), np.arange(2), 2)
    assert math.isnan(found.minimum)
    assert found.nonfinite == 0


def test_target_range_knows_weights_and_units() -> None:
    data = tap(
        y=np.array([1, 2, 3]),
        sample_weight=np.array([0.5, -1.0, 2.0]),
        output_units={"y": 4},
        validation_targets={"y": np.array([7])},
    )
    found = TargetRange.from_data(data)
    assert found is not None
    assert (found.minimum_weight, found.units, found.validation["y"].maximum) == (-1.0, {"y": 4}, 7.0)


# labels of the parts


@pytest.mark.parametrize("seed", range(5))
def test_split_labels_against_counters(seed: int) -> None:
    y = np.random.default_rng(seed).integers(-1, 4, 53)
    found = SplitLabels.from_data(tap(y=y, split=0.3))
    assert found is not None
    at = math.floor(53 * (1 - 0.3))
    head, tail = Counter(y[:at].tolist()), Counter(y[at:].tolist())
    assert found.train == {str(label): head[label] for label in sorted(set(y.tolist()))}
    assert found.validation == {str(label): tail[label] for label in sorted(set(y.tolist()))}
    assert (found.kind, found.source) == ("classes", "validation_split")


def test_one_hot_is_its_classes() -> None:
    y = np.random.default_rng(0).integers(0, 4, 50)
    assert SplitLabels.from_data(tap(y=np.eye(4)[y], split=0.2)) == SplitLabels.from_data(tap(y=y, split=0.2))
    assert SplitLabels.from_data(tap(y=y[:, None].astype("float32"), split=0.2)) == SplitLabels.from_data(
        tap(y=y, split=0.2)
    )


@pytest.mark.parametrize(
    "targets",
    [
        np.array([[1.0, 1.0], [0.0, 1.0]]),  # many labels a row
        np.array([0.1, 0.2, 0.2]),
        np.array([1.0, np.nan]),
        np.array(["a", "b"]),
        np.zeros((4, 5, 5)),
        np.zeros(0),
        np.arange(100),  # whole numbers that never repeat
    ],
)
def test_what_is_no_class(targets: Array) -> None:
    assert class_labels(targets) is None


def test_truth_values_are_classes() -> None:
    labels = class_labels(np.array([True, False, True]))
    assert labels is not None
    assert labels.tolist() == [1, 0, 1]


@pytest.mark.parametrize("seed", range(3))
def test_bins_are_tenths(seed: int) -> None:
    y = np.random.default_rng(seed).gamma(2, 3, 200)
    edges = binned(y)
    assert edges is not None
    assert (edges >= y - 1e-12).all()
    assert sorted(Counter(edges.tolist()).values()) == [20] * 10
    for low, high in itertools.combinations(np.argsort(y), 2):
        assert edges[low] <= edges[high]


def test_bins_of_both_parts() -> None:
    y = np.linspace(0, 1, 100) ** 2
    found = SplitLabels.from_data(tap(y=y, split=0.2))
    assert found is not None
    assert found.kind == "bins"
    assert list(found.validation.values()) == [0] * 8 + [10] * 2
    assert list(found.train.values()) == [10] * 8 + [0] * 2


def test_validation_data_are_the_other_part() -> None:
    data = tap(y=np.array([0, 1, 1, 0]), validation_targets={"y": np.array([1, 1, 2, 2, 2])})
    found = SplitLabels.from_data(data)
    assert found is not None
    assert (found.train, found.validation) == ({"0": 2, "1": 2, "2": 0}, {"0": 0, "1": 2, "2": 3})
    assert found.source == "validation_data"


def test_no_part_validates() -> None:
    assert SplitLabels.from_data(tap(y=np.array([0, 1, 1, 0]))) is None


# order of the rows


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 1, 2], [0, 0, 0, 1], [0, 1, 2, 0, 1, 2, 2], [0, 0, 1]])
def test_equal_neighbours_against_every_order(labels: list[int]) -> None:
    """Mean and deviation of the number of equal neighbours over all permutations, one by one."""
    equal, expected, z = row_order._equal_neighbours(np.array(labels))
    counts = [sum(a == b for a, b in itertools.pairwise(order)) for order in itertools.permutations(labels)]
    observed = sum(a == b for a, b in itertools.pairwise(labels))
    assert equal == pytest.approx(observed / (len(labels) - 1))
    assert expected == pytest.approx(np.mean(counts) / (len(labels) - 1))
    assert z == pytest.approx((observed - np.mean(counts)) / np.std(counts))


@pytest.mark.parametrize("classes", [2, 10])
def test_equal_neighbours_against_random_orders(classes: int) -> None:
    generator = np.random.default_rng(0)
    y = np.sort(generator.integers(0, classes, 300))
    found = RowOrder.from_data(tap(y=y))
    assert found is not None
    counts = [(shuffled[1:] == shuffled[:-1]).sum() for shuffled in (generator.permutation(y) for _ in range(2000))]
    assert found.z == pytest.approx(((y[1:] == y[:-1]).sum() - np.mean(counts)) / np.std(counts), rel=0.05)


def test_one_label_has_no_order() -> None:
    found = RowOrder.from_data(tap(y=np.zeros(50, dtype=int)))
    assert found is not None
    assert found.z is not None
    assert math.isnan(found.z)


def slow_neighbour_distance(x: Array, groups: Array) -> float:
    """All neighbours against all pairs in which the second row is of the neighbour's group."""
    flat = x.reshape(len(x), -1).astype(float)
    near = [np.linalg.norm(flat[i] - flat[i + 1]) for i in range(len(x) - 1)]
    far = [
        np.linalg.norm(flat[i] - flat[j])
        for i in range(len(x) - 1)
        for j in np.flatnonzero(groups == groups[i + 1])
        if i != j
    ]
    return float(np.median(near) / np.median(far))


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("spread", [0, 10])
def test_neighbour_distance_against_all_pairs(ordered: bool, spread: int) -> None:
    generator = np.random.default_rng(1)
    y = generator.integers(0, 3, 150)
    y = np.sort(y) if ordered else y
    x = generator.standard_normal((150, 5)) + spread * y[:, None]
    found = RowOrder.from_data(tap(x, y))
    assert found is not None
    assert found.neighbour_distance == pytest.approx(slow_neighbour_distance(x, y), rel=0.15)


def test_windows_are_near_copies() -> None:
    signal = np.cumsum(np.random.default_rng(0).standard_normal(520))
    windows = np.lib.stride_tricks.sliding_window_view(signal, 20)
    found = RowOrder.from_data(tap(windows, np.random.default_rng(0).integers(0, 2, len(windows))))
    assert found is not None
    assert found.neighbour_distance is not None
    assert found.neighbour_distance < 0.3


def test_autocorrelation_by_its_definition() -> None:
    y = np.cumsum(np.random.default_rng(0).standard_normal(200))
    found = RowOrder.from_data(tap(y=y))
    assert found is not None
    mean = y.mean()
    expected = sum((a - mean) * (b - mean) for a, b in itertools.pairwise(y)) / sum((a - mean) ** 2 for a in y)
    assert found.target_autocorrelation == pytest.approx(expected)
    assert found.rising_targets == pytest.approx(np.mean([b >= a for a, b in itertools.pairwise(y)]))
    assert found.z is None


@pytest.mark.parametrize(("slope", "bounds"), [(3.0, (0.7, 1.0)), (-3.0, (-1.0, -0.7)), (0.0, (-0.4, 0.4))])
def test_a_trend_by_pairs_of_stretches(slope: float, bounds: tuple[float, float]) -> None:
    y = np.linspace(0, slope, 400) + np.random.default_rng(0).standard_normal(400)
    found = RowOrder.from_data(tap(y=y))
    assert found is not None
    assert found.target_trend is not None
    means = [float(np.mean(y[start : start + 20])) for start in range(0, 400, 20)]
    signs = [np.sign(later - earlier) for earlier, later in itertools.combinations(means, 2)]
    assert found.target_trend == pytest.approx(np.mean(signs))
    assert bounds[0] <= found.target_trend <= bounds[1]
    few = RowOrder.from_data(tap(y=y[:99]))
    assert few is not None
    assert few.target_trend is None


@pytest.mark.parametrize(
    ("index", "expected"), [([1, 2, 2, 5], True), ([5, 3, 2, 1], True), ([1, 3, 2, 5], False), (None, None)]
)
def test_time_runs_one_way(index: list[int] | None, expected: bool | None) -> None:
    found = RowOrder.from_data(tap(y=np.array([0, 1, 0, 1]), time_index=None if index is None else np.array(index)))
    assert found is not None
    assert found.time_ordered is expected


def test_neighbours_in_a_sample_are_none() -> None:
    data = tap(y=np.array([0, 0, 1, 1]), rows=np.array([0, 10, 20, 30]), n=40)
    assert RowOrder.from_data(data) is None


@settings(deadline=None, max_examples=60)
@given(
    arrays.arrays(np.float64, st.tuples(st.integers(3, 40), st.integers(1, 3))),
    st.one_of(st.just(3), st.just(40)),
    st.booleans(),
)
def test_strange_rows_are_measured_all_the_same(x: NDArray[np.float64], classes: int, continuous: bool) -> None:
    y: Array = x[:, 0] if continuous else np.arange(len(x)) % classes
    data = tap(x, y, 0.2)
    for kind in quantities.types().values():
        kind.from_data(data)


# series


def test_losses_keep_every_step_and_rates_only_their_changes() -> None:
    losses, rates = BatchLoss(), LearningRate()
    for part, rate in enumerate([0.1, 0.1, 0.01]):
        told = steps(np.ones((3, 2)), [1.0, 0.5, 1 / (part + 1)], first=1 + 3 * part, rate=rate)
        losses.on_steps(told)
        rates.on_steps(told)
    assert losses.steps.tolist() == list(range(1, 10))
    assert losses.values.tolist() == [1.0, 0.5, 1.0, 1.0, 0.5, 0.5, 1.0, 0.5, 1 / 3]
    assert (list(rates.step), list(rates.value)) == ([1, 7], [0.1, 0.01])
    before = losses.values
    losses.on_steps(steps([[1, 1]], [0.0], first=10))
    assert len(before) == 9


def test_rates_of_an_untapped_fit_are_those_of_the_epochs() -> None:
    rates = LearningRate()
    for epoch, rate in enumerate([0.1, 0.1, 0.05]):
        rates.on_epoch(EpochTap(step=45 * epoch, learning_rate=rate))
    assert (list(rates.step), list(rates.value)) == ([1, 91], [0.1, 0.05])


def test_epoch_of_a_step() -> None:
    begins = EpochBegin()
    for step in (0, 45, 90):
        begins.on_epoch(EpochTap(step=step))
    assert [begins.epoch_of(step) for step in (1, 45, 46, 90, 91, 500)] == [1, 1, 2, 2, 3, 3]


def test_the_global_norm_and_the_ratio_against_a_loop() -> None:
    generator = np.random.default_rng(0)
    gradients, updates, weights = (generator.random((7, 3)) for _ in range(3))
    weights[:, 2] = 0
    told = StepTap(
        step=np.arange(1, 8),
        loss=np.ones(7),
        variables=("a", "b", "c"),
        gradient_norm=gradients,
        update_norm=updates,
        weight_norm=weights,
    )
    whole, ratio = GlobalGradientNorm(), UpdateRatio()
    whole.on_steps(told)
    ratio.on_steps(told)
    for row in range(7):
        assert whole.values[row] == pytest.approx(math.sqrt(sum(float(g) ** 2 for g in gradients[row])))
        for column in range(3):
            slow = updates[row, column] / weights[row, column] if weights[row, column] else 0.0
            assert ratio.mean[row, column] == pytest.approx(slow)


# scale and overlap


@pytest.mark.parametrize("shape", [(50, 3), (40, 4, 3), (30, 2, 2, 3)])
def test_scales_against_a_loop(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal(shape) * [1e-3, 5.0, 200.0] + [0.0, 100.0, 0.0]
    x[0, ..., 1] = np.nan
    x[..., 0][1] = np.inf
    found = FeatureScale.from_data(tap(x, split=0.2))
    assert found is not None
    slow = []
    train = math.floor(shape[0] * (1 - 0.2))
    for feature in range(3):
        values = [float(value) for value in x[:train, ..., feature].reshape(-1) if math.isfinite(value)]
        mean = math.fsum(values) / len(values)
        slow.append((mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))))
    scale = found.inputs["x"]
    assert (scale.features, scale.constant, scale.smallest_feature, scale.largest_feature) == (3, 0, 0, 2)
    assert (scale.smallest, scale.largest) == pytest.approx((slow[0][1], slow[2][1]))
    away = math.sqrt(math.fsum(mean**2 for mean, _ in slow) / math.fsum(deviation**2 for _, deviation in slow))
    assert scale.off_center == pytest.approx(away)


def test_constant_features_have_no_scale() -> None:
    x = np.full((30, 2), 0.1, "float32")
    constant = FeatureScale.from_data(tap(x))
    assert constant is not None
    assert (constant.inputs["x"].constant, constant.inputs["x"].smallest_feature) == (2, -1)
    x[:, 1] = np.arange(30)
    found = FeatureScale.from_data(tap(x))
    assert found is not None
    assert (found.inputs["x"].constant, found.inputs["x"].largest_feature) == (1, 1)
    assert FeatureScale.from_data(tap(np.array([["a"], ["b"]]))) is None


def test_the_scale_of_many_rows_is_that_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_scale, "VALUES", 4000)
    x = np.random.default_rng(0).standard_normal((50_000, 4)) * [1, 2, 3, 40]
    found = FeatureScale.from_data(tap(x))
    assert found is not None
    assert (found.inputs["x"].smallest, found.inputs["x"].largest) == pytest.approx((1, 40), rel=0.1)


@pytest.mark.parametrize("passed", [True, False])
def test_overlap_against_all_pairs(passed: bool) -> None:
    generator = np.random.default_rng(0)
    # few values: some rows are equal by chance
    x = generator.integers(0, 4, (120, 3)).astype("float32")
    data = tap(x[:90], validation_inputs={"x": x[90:]}) if passed else tap(x, split=0.25)
    found = RowOverlap.from_data(data)
    assert found is not None
    train, held_out = x[:90].tolist(), x[90:].tolist()
    shared = [place for place, row in enumerate(held_out) if row in train]
    assert (found.shared, found.first_shared, found.validation) == (len(shared), shared[0], 30)
    assert (found.repeated, found.train) == (sum(row in train[:place] for place, row in enumerate(train)), 90)
    assert 0 < found.shared < 30


def test_rows_of_two_inputs_are_equal_in_both() -> None:
    one, other = np.arange(10.0) % 5, np.arange(10.0) // 5
    rows = {"one": one, "other": other}
    data = DataTap(inputs=rows, targets={}, rows=np.arange(10), n=10, split_at=5)
    found = RowOverlap.from_data(data)
    assert found is not None
    assert found.shared == 0
    alone = RowOverlap.from_data(DataTap(inputs={"one": one}, targets={}, rows=np.arange(10), n=10, split_at=5))
    assert alone is not None
    assert alone.shared == 5


@pytest.mark.parametrize(
    "data",
    [
        tap(np.zeros((4, 2))),
        tap(np.zeros((4, 2)), split=0.5, rows=np.array([0, 2, 4, 6]), n=8),
        tap(np.zeros((4, 2)), validation_inputs={"x": np.zeros((4, 2), "float32")}),
        tap(np.array([["a"], ["b"]], dtype=object), split=0.5),
    ],
    ids=["no validation", "a sample", "another dtype", "objects"],
)
def test_where_rows_cannot_be_compared_nothing_is_said(data: DataTap) -> None:
    assert RowOverlap.from_data(data) is None


# weights before the first step


def test_spread_of_weights_against_loops() -> None:
    values = np.random.default_rng(0).standard_normal((3, 5, 4)).astype("float32")
    found = InitialWeights.from_weights(WeightsTap(trainable={"k": values}, iterations=0))
    assert found is not None
    spread = found.variables["k"]
    flat = [float(value) for value in values.reshape(-1)]
    mean = sum(flat) / len(flat)
    assert spread.mean == pytest.approx(mean)
    assert spread.deviation == pytest.approx(math.sqrt(sum((value - mean) ** 2 for value in flat) / len(flat)))
    assert spread.gain == pytest.approx(15 * sum(value**2 for value in flat) / len(flat))
    between = []
    for row in values.reshape(15, 4).tolist():
        centre = sum(row) / 4
        between.append(math.sqrt(sum((value - centre) ** 2 for value in row) / 4))
    assert spread.between_units == pytest.approx(max(between))


def test_equal_units_and_trained_weights() -> None:
    constant = WeightsTap(trainable={"k": np.full((3, 4), 0.1), "b": np.zeros(4)}, iterations=0)
    found = InitialWeights.from_weights(constant)
    assert found is not None
    assert found.variables["k"].between_units == 0
    assert math.isnan(found.variables["b"].between_units)
    assert InitialWeights.from_weights(WeightsTap(trainable=constant.trainable, iterations=7)) is None


def test_weight_penalty_per_epoch() -> None:
    penalty = WeightPenalty()
    for step, value in ((0, 2.0), (45, 1.5)):
        penalty.on_epoch(EpochTap(step=step, weight_penalty=value))
    penalty.on_epoch(EpochTap(step=90))
    assert penalty.steps.tolist() == [1, 46]
    assert penalty.values.tolist() == [2.0, 1.5]
