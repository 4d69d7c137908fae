import numpy as np
import pytest
from numpy.typing import NDArray

from kerasdoctor.quantities import DataTap
from kerasdoctor.quantities.window_overlap import WindowOverlap


def measured(x: NDArray[np.generic], at: int) -> WindowOverlap | None:
    return WindowOverlap.from_data(DataTap(inputs={"x": x}, targets={}, rows=np.arange(len(x)), n=len(x), split_at=at))


@pytest.mark.parametrize("features", [0, 2])
def test_against_all_pairs(features: int) -> None:
    generator = np.random.default_rng(0)
    series = generator.standard_normal((90, features) if features else 90)
    x = np.stack([series[start : start + 8] for start in range(80)])
    x = x[generator.permutation(80)]
    found = measured(x, 60)
    assert found is not None
    slow = sum(
        any((row[1:] == other[:-1]).all() or (row[:-1] == other[1:]).all() for other in x[:60]) for row in x[60:]
    )
    assert (found.overlapping, found.validation) == (slow, 20)
    assert slow > 15


def test_in_order_only_the_border_overlaps() -> None:
    series = np.random.default_rng(0).standard_normal(90)
    found = measured(np.lib.stride_tricks.sliding_window_view(series, 8), 60)
    assert found is not None
    assert found.overlapping == 1


def test_constant_rows_and_other_forms_are_no_windows() -> None:
    flat = measured(np.ones((50, 8)), 40)
    assert flat is not None
    assert flat.overlapping == 0
    assert measured(np.zeros((50, 8, 8, 3)), 40) is None
    assert measured(np.zeros((50, 3)), 40) is None
    assert measured(np.zeros((50, 8)), 50) is None


def test_columns_of_few_values_agree_in_the_same_places_too() -> None:
    bits = np.random.default_rng(0).integers(0, 2, (1000, 8)).astype("float32")
    found = measured(bits, 800)
    assert found is not None
    assert found.overlapping > 100
    assert found.aligned > 0.9 * found.overlapping
    series = np.random.default_rng(0).standard_normal(1008).cumsum()
    order = np.random.default_rng(1).permutation(1000)
    windows = np.lib.stride_tricks.sliding_window_view(series, 8)[order]
    found = measured(windows, 800)
    assert found is not None
    assert (found.overlapping > 150, found.aligned) == (True, 0)
