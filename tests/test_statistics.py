import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from kerasdoctor import statistics

Floats = NDArray[np.float64]
anything = st.lists(
    st.one_of(st.floats(), st.sampled_from([0.0, 1.0, 1e308, -1e308, 5e-324, float("nan"), float("inf")])), max_size=40
)


def decay(epochs: int, to: float = 0.3, pace: float = 0.1) -> Floats:
    return to + (1 - to) * np.exp(-np.arange(epochs) / (epochs * pace))


def noise(epochs: int, size: float, seed: int = 0) -> Floats:
    return size * np.random.default_rng(seed).standard_normal(epochs)


# trend


@pytest.mark.parametrize("seed", range(5))
def test_directions(seed: int) -> None:
    jitter = noise(30, 0.01, seed)
    line = np.linspace(0, 1, 30)
    assert statistics.trend(2 - line + jitter).direction == "down"
    assert statistics.trend(1 + line + jitter).direction == "up"
    assert statistics.trend(decay(30, pace=0.05) + 0.3 * jitter).direction == "flat"


def test_only_the_last_third_counts() -> None:
    valley = np.concatenate([np.linspace(1, 0.2, 40), np.linspace(0.2, 0.6, 20)])
    found = statistics.trend(valley)
    assert (found.direction, found.window) == ("up", 20)
    assert found.change == pytest.approx(0.4, rel=0.05)


@pytest.mark.parametrize("epochs", range(5))
def test_few_values_have_no_trend(epochs: int) -> None:
    assert statistics.trend(np.linspace(1, 0, epochs)).direction == "unclear"


def test_five_values_may_have_one_and_no_plateau() -> None:
    assert statistics.trend([1.0, 0.8, 0.7, 0.5, 0.4]).direction == "down"
    assert statistics.trend([1.0] * 9).direction == "unclear"
    assert statistics.trend([1.0] * 10).direction == "flat"
    assert statistics.trend([0.0] * 10).direction == "flat"


def test_a_loss_that_never_moved_is_flat() -> None:
    assert statistics.trend(2.3 + noise(40, 0.003)).direction == "flat"


def test_a_clear_but_tiny_fall_is_flat() -> None:
    """1 % of the run's fall matters to no one, however steady it is."""
    assert statistics.trend(np.concatenate([np.linspace(10, 1, 30), np.linspace(1, 0.95, 20)])).direction == "flat"


def test_values_that_are_not_finite_are_left_out() -> None:
    values = np.linspace(1, 0, 20)
    holes = np.insert(values, [3, 9, 15], [np.nan, np.inf, -np.inf])
    assert statistics.trend(holes) == statistics.trend(values)


@given(st.floats(1e-3, 1e3), st.integers(0, 5))
def test_units_do_not_matter(scale: float, seed: int) -> None:
    values = decay(25) + noise(25, 0.02, seed)
    assert statistics.trend(scale * values).direction == statistics.trend(values).direction


def test_theil_sen_slope_by_all_pairs() -> None:
    values = np.linspace(1, 0.4, 10) + noise(10, 0.05)
    slopes = [(values[j] - values[i]) / (j - i) for i, j in itertools.combinations(range(10), 2)]
    assert statistics.trend(values).change == pytest.approx(9 * np.median(slopes))


# onset


def slow_unimodal(values: Floats) -> tuple[float, int]:
    """Squared error and turn of the best fit, by all pairs of a fall and a rise, each fit by pooling violators."""
    best = (np.inf, -1)
    for turn in range(len(values)):
        fall = -pooled(-values[: turn + 1])
        rise = pooled(values[turn + 1 :])
        error = ((np.concatenate([fall, rise]) - values) ** 2).sum()
        best = min(best, (float(error), turn))
    return best


def pooled(values: Floats) -> Floats:
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, weight = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + mean * weight) / (before[1] + weight)
            before[1] += weight
    return np.repeat([mean for mean, _ in blocks], [int(weight) for _, weight in blocks])


@pytest.mark.parametrize("seed", range(10))
def test_unimodal_fit_against_pooling_by_hand(seed: int) -> None:
    values = np.concatenate([np.linspace(1, 0.3, 12), np.linspace(0.3, 0.6, 10)]) + noise(22, 0.05, seed)
    fit, lowest = statistics._unimodal(values)
    error, turn = slow_unimodal(values)
    assert ((fit - values) ** 2).sum() == pytest.approx(error)
    assert fit[lowest] == fit.min()
    assert abs(lowest - turn) <= 2


@pytest.mark.parametrize("seed", range(5))
def test_onset_is_found(seed: int) -> None:
    values = np.concatenate([np.linspace(1, 0.3, 20), np.linspace(0.3, 0.6, 30)]) + noise(50, 0.01, seed)
    found = statistics.onset(values)
    assert found is not None
    assert abs(found.index - 19) <= 3
    assert found.level == pytest.approx(0.34, abs=0.05)
    assert 0.15 < found.rise < 0.3
    assert found.fall == pytest.approx(0.6, abs=0.1)
    assert found.noise == pytest.approx(0.01, rel=0.7)
    assert found.p < 1e-6


def test_onset_stands_where_it_was_in_the_given_values() -> None:
    values = np.concatenate([np.linspace(1, 0.3, 20), np.linspace(0.3, 0.6, 30)])
    spread = np.full(100, np.nan)
    spread[1::2] = values
    dense, sparse = statistics.onset(values), statistics.onset(spread)
    assert dense is not None
    assert sparse is not None
    assert sparse.index == 2 * dense.index + 1


def test_a_fall_has_no_onset() -> None:
    assert statistics.onset(decay(30)) is None
    assert statistics.onset([1.0] * 7) is None
    flat = statistics.onset([1.0] * 30)
    assert flat is not None
    assert flat.rise == 0


def test_one_spike_is_neither_noise_nor_a_rise() -> None:
    values = np.concatenate([np.linspace(1, 0.3, 20), np.linspace(0.3, 0.6, 30)])
    spiked = values.copy()
    spiked[35] = 5.0
    found = statistics.onset(spiked)
    assert found is not None
    assert found.noise < 0.05
    assert abs(found.index - 19) <= 2


def test_long_series_are_looked_at_in_blocks() -> None:
    values = np.concatenate([np.linspace(1, 0.3, 40_000), np.linspace(0.3, 0.6, 60_000)]) + noise(100_000, 0.01)
    assert len(statistics._blocks(values)) == statistics.MOST_POINTS
    found = statistics.onset(values)
    assert found is not None
    assert abs(found.index - 40_000) < 3000
    assert statistics.trend(values).direction == "up"


# swing


def test_swing_of_white_noise() -> None:
    values = 0.8 + noise(3000, 0.02)
    found = statistics.swing(values, 400)
    assert found is not None
    assert found.size == pytest.approx(0.02, rel=0.05)
    assert found.error == pytest.approx(np.sqrt(0.8 * 0.2 / 400), rel=0.02)
    assert found.ratio == pytest.approx(1.0, rel=0.06)


def test_swing_leaves_the_course_out() -> None:
    found = statistics.swing(np.linspace(0.1, 0.9, 30), 100)
    assert found is not None
    assert found.size == pytest.approx(0.0, abs=1e-12)
    assert found.reversals == 0


def test_reversals_are_counted_both_ways() -> None:
    steps = np.array([0.8] * 5 + [0.8, 0.9, 0.8, 0.9, 0.8, 0.9, 0.8, 0.8, 0.8, 0.8])
    found = statistics.swing(steps, 1000)
    assert found is not None
    assert found.reversals == 5


def test_swing_of_a_perfect_curve() -> None:
    found = statistics.swing([1.0] * 20, 100)
    assert found is not None
    assert found.ratio == 0


def test_swing_needs_a_proportion() -> None:
    assert statistics.swing([0.5] * 9, 100) is None
    assert statistics.swing([50.0] * 20, 100) is None
    assert statistics.swing([0.5] * 20, 0) is None


# shares


def test_shares_against_scipy() -> None:
    first, second = [30, 50, 20], [10, 5, 15]
    found = statistics.share_difference(first, second)
    assert found is not None
    assert found.p == pytest.approx(stats.chi2_contingency([first, second], correction=False).pvalue)
    assert found.distance == pytest.approx(0.5 * (abs(0.3 - 1 / 3) + abs(0.5 - 1 / 6) + abs(0.2 - 0.5)))


@pytest.mark.parametrize(("classes", "n"), [(2, 300), (10, 1000), (100, 2000)])
def test_expected_distance_against_random_splits(classes: int, n: int) -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, n)
    distances, expected = [], []
    for _ in range(200):
        generator.shuffle(labels)
        head, tail = (
            np.bincount(labels[: n * 4 // 5], minlength=classes),
            np.bincount(labels[n * 4 // 5 :], minlength=classes),
        )
        found = statistics.share_difference(head.tolist(), tail.tolist())
        assert found is not None
        distances.append(found.distance)
        expected.append(found.expected)
    assert np.mean(expected) == pytest.approx(np.mean(distances), rel=0.1)


def test_rows_that_repeat_each_other_count_less() -> None:
    plain = statistics.share_difference([80, 20], [10, 10])
    repeated = statistics.share_difference([80, 20], [10, 10], correlation=0.9)
    assert plain is not None
    assert repeated is not None
    assert repeated.p > 100 * plain.p
    assert repeated.expected > 3 * plain.expected
    assert repeated.distance == plain.distance
    same = statistics.share_difference([80, 20], [10, 10], correlation=1.0)
    assert same is not None
    assert same.p == 1


def test_no_rows_have_no_shares() -> None:
    assert statistics.share_difference([], []) is None
    assert statistics.share_difference([3, 4], [0, 0]) is None
    single = statistics.share_difference([3, 0], [5, 0])
    assert single is not None
    assert (single.distance, single.p) == (0, 1)


def test_alike() -> None:
    assert statistics.alike([80, 80], [20, 20])
    assert statistics.alike([3, 0], [0, 2])  # too few rows to tell
    assert not statistics.alike([100, 100, 0], [0, 0, 50])


# anything


@settings(max_examples=200, deadline=None)
@given(anything)
def test_no_series_is_too_strange(values: list[float]) -> None:
    assert statistics.trend(values).direction in {"down", "flat", "up", "unclear"}
    statistics.onset(values)
    statistics.swing(values, 100)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), max_size=8), st.floats(-2, 2))
def test_no_counts_are_too_strange(counts: list[tuple[int, int]], correlation: float) -> None:
    first, second = [a for a, _ in counts], [b for _, b in counts]
    found = statistics.share_difference(first, second, correlation=correlation)
    if found is not None:
        assert -1e-9 <= found.distance <= 1 + 1e-9
        assert 0 <= found.p <= 1
    statistics.alike(first, second)
