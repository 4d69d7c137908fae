import statistics

import numpy as np
import pytest
from numpy.typing import NDArray

from kerasdoctor.quantities import DataTap
from kerasdoctor.quantities.part_scale import Difference, PartScale


def difference(train: NDArray[np.generic], validation: NDArray[np.generic]) -> Difference | None:
    tap = DataTap(
        inputs={"x": train},
        targets={},
        validation_inputs={"x": validation},
        rows=np.arange(len(train)),
        n=len(train),
        split_at=len(train),
    )
    found = PartScale.from_data(tap)
    return None if found is None else found.inputs["x"]


def slow(train: NDArray[np.generic], validation: NDArray[np.generic]) -> tuple[float, float]:
    """Spread ratio and shift, feature by feature, by sorting."""

    def at(values: list[float], share: float) -> float:
        values = sorted(values)
        place = share * (len(values) - 1)
        low = int(place)
        high = min(low + 1, len(values) - 1)
        return values[low] + (place - low) * (values[high] - values[low])

    ratios, shifts = [], []
    for feature in range(train.shape[-1]):
        one = train[..., feature].reshape(-1).tolist()
        other = validation[..., feature].reshape(-1).tolist()
        spread = at(one, 0.95) - at(one, 0.05)
        ratios.append((at(other, 0.95) - at(other, 0.05)) / spread)
        shifts.append(2 * abs(at(other, 0.5) - at(one, 0.5)) / spread)
    return float(np.median(ratios)), float(np.median(shifts))


@pytest.mark.parametrize("shape", [(4,), (3, 3, 3)])
def test_against_sorted_columns(shape: tuple[int, ...]) -> None:
    generator = np.random.default_rng(0)
    train = generator.gamma(2, 1, (200, *shape))
    validation = 5 * generator.gamma(2, 1, (60, *shape)) + 1
    found = difference(train, validation)
    assert found is not None
    assert (found.spread_ratio, found.shift) == pytest.approx(slow(train, validation))
    assert (found.train_maximum, found.validation_minimum) == pytest.approx((train.max(), validation.min()))
    assert found.features == shape[-1]
    half = len(train) // 2
    drifts = []
    for feature in range(shape[-1]):
        one, other = (sorted(part[..., feature].reshape(-1).tolist()) for part in (train[:half], train[half:]))
        low, high = np.quantile(train[..., feature], [0.05, 0.95])
        drifts.append(2 * abs(statistics.median(one) - statistics.median(other)) / (high - low))
    assert found.drift == pytest.approx(np.median(drifts))


def test_columns_that_changed_places() -> None:
    generator = np.random.default_rng(0)
    scales = np.array([1.0, 30.0, 500.0, 4.0])
    train, validation = generator.standard_normal((300, 4)) * scales, generator.standard_normal((80, 4)) * scales
    kept, swapped = difference(train, validation), difference(train, validation[:, [2, 1, 0, 3]])
    assert kept is not None
    assert swapped is not None
    assert (kept.moved, swapped.moved) == (0, 2)


def test_what_is_not_finite_does_not_count() -> None:
    train = np.random.default_rng(0).standard_normal((100, 2))
    spoilt = train.copy()
    spoilt[3, 0] = np.nan
    found = difference(spoilt, train)
    assert found is not None
    assert found.spread_ratio == pytest.approx(1, abs=0.05)


def test_where_nothing_can_be_compared() -> None:
    train = np.random.default_rng(0).standard_normal((100, 2))
    assert difference(train, train[:10]) is None
    assert difference(train, train[:, :1]) is None
    assert difference(np.zeros((50, 2)), np.zeros((50, 2))) is None
    assert difference(np.full((50, 2), np.nan), train) is None
    tap = DataTap(inputs={"x": train}, targets={}, rows=np.arange(100), n=100, split_at=80)
    assert PartScale.from_data(tap) is None
