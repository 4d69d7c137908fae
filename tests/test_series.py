"""Series of bounded length: whatever the length of the run, extremes and what is not finite stay."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasdoctor import series
from kerasdoctor.series import Series, Table, extremes

NUMBERS = st.floats(-1e6, 1e6, width=32)
ANY = st.one_of(NUMBERS, st.sampled_from([math.nan, math.inf, -math.inf]))


@given(st.lists(ANY, min_size=1, max_size=60), st.integers(2, 20))
def test_extremes_of_any_values(values, most):
    kept = extremes(np.array(values), most)
    assert len(kept) <= max(most, len(values) if len(values) <= most else 0)
    assert list(kept) == sorted(set(kept))
    finite = [value for value in values if math.isfinite(value)]
    shown = [values[index] for index in kept]
    if finite:
        assert min(finite) == min(value for value in shown if math.isfinite(value))
    if len(finite) < len(values):
        first = next(index for index, value in enumerate(values) if not math.isfinite(value))
        assert first in kept


def test_a_short_series_keeps_every_sample():
    kept = Series()
    kept.extend(range(1, 4), np.array([3.0, np.nan, 1.0]))
    assert list(kept.step) == [1, 2, 3]
    np.testing.assert_array_equal(kept.values, [3.0, np.nan, 1.0])
    assert kept.nonfinite == 1


def test_a_series_of_a_million_steps_is_bounded_and_loses_no_extreme(monkeypatch):
    monkeypatch.setattr(series, "SAMPLES", 1000)
    generator = np.random.default_rng(0)
    values = generator.standard_normal(100_000)
    values[70_001] = np.nan
    values[[12_345, 54_321]] = [50.0, -50.0]
    kept = Series()
    for begin in range(0, len(values), 256):
        part = values[begin : begin + 256]
        kept.extend(range(begin + 1, begin + 1 + len(part)), part)
        assert len(kept) <= 1000 + 256
    assert kept.values[np.isfinite(kept.values)].max() == 50.0
    assert kept.step[int(np.nanargmin(kept.values))] == 54_322
    assert (kept.nonfinite, kept.step[int(np.flatnonzero(np.isnan(kept.values))[0])]) == (1, 70_002)


@given(st.lists(st.booleans(), min_size=1, max_size=400), st.integers(1, 40))
def test_where_samples_are_not_finite_is_never_thinned_away(flags, length):
    """Runs of samples that are not finite, among runs of finite ones, each of 1 to 40 samples."""
    generator = np.random.default_rng(length)
    spoilt = np.repeat(flags, generator.integers(1, length + 1, len(flags)))
    values = np.where(spoilt, np.nan, generator.standard_normal(len(spoilt)))
    kept = Series()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(series, "SAMPLES", 1600)
        patch.setattr(series, "RUNS", 200)
        for begin in range(0, len(values), 97):
            part = values[begin : begin + 97]
            kept.extend(range(begin + 1, begin + 1 + len(part)), part)
    assert len(kept) <= 1600
    steps = np.flatnonzero(spoilt) + 1
    runs = np.split(steps, np.flatnonzero(np.diff(steps) > 1) + 1) if len(steps) else []
    assert kept.spoilt.tolist() == [[run[0], run[-1]] for run in runs]


def test_a_run_without_end_and_more_runs_than_are_kept(monkeypatch):
    monkeypatch.setattr(series, "SAMPLES", 1600)
    monkeypatch.setattr(series, "RUNS", 100)
    kept, other = Series(), Series()
    for begin in range(0, 100_000, 250):
        steps = np.arange(begin + 1, begin + 251)
        kept.extend(steps.tolist(), np.where(steps > 70_000, np.inf, 1.0))
        other.extend(steps.tolist(), np.where(steps % 2, 1.0, np.nan))
        assert max(len(kept), len(other)) <= 1600
    assert kept.spoilt.tolist() == [[70_001, 100_000]]
    assert (kept.nonfinite, other.nonfinite) == (30_000, 50_000)
    assert other.spoilt[:100].tolist() == [[2 * run, 2 * run] for run in range(1, 101)]


def slow_bucket(values):
    finite = [float(value) for value in values if math.isfinite(value)]
    nan = math.nan
    return (
        min(finite, default=nan),
        max(finite, default=nan),
        sum(finite) / len(finite) if finite else nan,
        len(values) - len(finite),
    )


@given(st.lists(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=9), min_size=1, max_size=12))
def test_a_table_against_a_loop(chunks):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(series, "FEWEST_BUCKETS", 4)
        patch.setattr(series, "MOST_BUCKETS", 4)
        table, step = Table(), 0
        for chunk in chunks:
            table.extend(("a", "b"), np.arange(step + 1, step + 1 + len(chunk)), np.array(chunk))
            step += len(chunk)
    everything = np.array([row for chunk in chunks for row in chunk])
    assert len(table) <= 4
    assert table.samples.sum() == len(everything)
    assert set(table.samples[:-1]) <= {table.size}
    assert table.size == 1 or len(everything) > 2 * table.size
    for bucket in range(len(table)):
        rows = everything[table.first[bucket] - 1 : table.last[bucket]]
        for column in range(2):
            found = (table.minimum, table.maximum, table.mean, table.nonfinite)
            np.testing.assert_allclose(
                [part[bucket, column] for part in found], slow_bucket(rows[:, column]), rtol=1e-5, atol=1e-3
            )


def test_other_columns_begin_a_table_anew():
    table = Table()
    table.extend(("a",), np.array([1, 2]), np.ones((2, 1)))
    table.extend(("a", "b"), np.array([3]), np.ones((1, 2)))
    assert table.columns == ("a", "b")
    assert table.first.tolist() == [3]


@pytest.mark.parametrize("columns", [6, 400])
def test_memory_of_a_table_is_flat_in_the_number_of_steps(columns):
    table, names = Table(), tuple(map(str, range(columns)))
    sizes = []
    for part in range(120):
        table.extend(names, np.arange(256 * part, 256 * (part + 1)), np.ones((256, columns)))
        arrays = (table.minimum, table.maximum, table.total, table.nonfinite)
        sizes.append(sum(array.nbytes for array in arrays))
    assert max(sizes) <= 20 * max(series.CELLS, series.FEWEST_BUCKETS * columns)
    assert table.samples.sum() == 120 * 256
