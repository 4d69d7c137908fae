import numpy as np
import pytest

from kerasdoctor.quantities import DataTap
from kerasdoctor.quantities.row_overlap import RowOverlap


def test_repeated_rows_by_class() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.integers(0, 4, (80, 3)), generator.integers(0, 3, 80)
    found = RowOverlap.from_data(DataTap(inputs={"x": x}, targets={"y": y}, rows=np.arange(80), n=80, split_at=60))
    assert found is not None
    rows = x[:60].tolist()
    again = np.array([row in rows[:place] for place, row in enumerate(rows)])
    shares = [again[y[:60] == label].mean() for label in range(3)]
    assert (found.most_repeated, found.least_repeated) == pytest.approx((max(shares), min(shares)))
    shared = {tuple(row) for row in rows} & {tuple(row) for row in x[60:].tolist()}
    assert found.distinct == len(shared) > 0


@pytest.mark.parametrize(
    ("columns", "identifying"),
    [
        ([lambda g: g.integers(0, 5, (200, 6))], False),
        ([lambda g: g.integers(0, 2, (200, 100))], True),
        ([lambda g: g.integers(0, 5, (200, 2)), lambda g: g.standard_normal((200, 1))], True),
    ],
    ids=["a few categories", "many places", "a continuous column"],
)
def test_rows_that_are_not_equal_by_chance(columns: list, identifying: bool) -> None:  # type: ignore[type-arg]
    generator = np.random.default_rng(0)
    inputs = {str(index): make(generator) for index, make in enumerate(columns)}
    found = RowOverlap.from_data(DataTap(inputs=inputs, targets={}, rows=np.arange(200), n=200, split_at=150))
    assert found is not None
    assert found.identifying is identifying


def test_the_closest_other_row_of_those_that_are_shared() -> None:
    """Sentences of 12 words, half of them once more behind the split, and a pair that differs in three words."""
    x = np.random.default_rng(0).integers(0, 50, (80, 12))
    x[1] = x[0]
    x[1, :3] += 100
    x[60:70] = x[:10]
    found = RowOverlap.from_data(DataTap(inputs={"x": x}, targets={}, rows=np.arange(80), n=80, split_at=60))
    assert found is not None
    train, held_out = x[:60].tolist(), x[60:].tolist()
    slow = []
    for row in {tuple(row) for row in held_out if row in train}:
        apart = [sum(a != b for a, b in zip(row, other, strict=True)) for other in train]
        slow.append(min(places for places in apart if places))
    assert found.nearest == np.median(slow)
    assert min(slow) == 3
    x[60:] += 1000
    found = RowOverlap.from_data(DataTap(inputs={"x": x}, targets={}, rows=np.arange(80), n=80, split_at=60))
    assert found is not None
    assert np.isnan(found.nearest)
