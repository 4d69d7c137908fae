import math
from typing import Any

import numpy as np
import pytest

from kerasdoctor.quantities import DataTap
from kerasdoctor.quantities.neighbour_labels import FEWEST, NeighbourLabels


def measured(x: Any, y: Any, split_at: int | None = None) -> NeighbourLabels | None:
    n = len(y)
    inputs = x if isinstance(x, dict) else {"x": x}
    tap = DataTap(inputs=inputs, targets={"y": y}, rows=np.arange(n), n=n, split_at=n if split_at is None else split_at)
    return NeighbourLabels.from_data(tap)


def slow(x: Any, y: Any) -> float:
    """Share of rows whose nearest other, unequal row has the same label, by loops."""
    deviation = x.std(axis=0)
    right = []
    for row in range(len(x)):
        best, label = math.inf, None
        for other in range(len(x)):
            distance = sum(((a - b) / d) ** 2 for a, b, d in zip(x[row], x[other], deviation, strict=True))
            if 0 < distance < best:
                best, label = distance, y[other]
        right.append(label == y[row])
    return float(np.mean(right))


def test_against_a_loop() -> None:
    generator = np.random.default_rng(3)
    x = generator.standard_normal((80, 3)) * [1.0, 50.0, 0.01] + [0.0, 500.0, 0.0]
    y = (x[:, 0] + 0.3 * generator.standard_normal(80) > 0).astype(int)
    # copies are no neighbours
    x[70:] = x[:10]
    found = measured(x, y)
    assert found is not None
    assert found.rows == 80
    assert found.equal == pytest.approx(slow(x, y))
    shares = np.bincount(y) / 80
    assert found.expected == pytest.approx((shares**2).sum())


def test_the_rows_that_validate_do_not_count() -> None:
    generator = np.random.default_rng(4)
    x, y = generator.standard_normal((90, 2)), generator.integers(0, 3, 90)
    found, alone = measured(x, y, 60), measured(x[:60], y[:60])
    assert found == alone


def test_several_inputs_are_one_row() -> None:
    generator = np.random.default_rng(5)
    x, y = generator.standard_normal((60, 2, 3)), generator.integers(0, 2, 60)
    flat = x.reshape(60, 6)
    assert measured({"a": x[:, 0], "b": x[:, 1]}, y) == measured(flat, y)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.zeros((200, 2)), np.arange(200) % 2),
        (np.full((200, 2), np.nan), np.arange(200) % 2),
        (np.arange(200.0)[:, None], np.linspace(0, 1, 200)),
        (np.arange(200.0)[: FEWEST - 1, None], np.arange(FEWEST - 1) % 2),
        (np.array([["a"], ["b"]] * 100), np.arange(200) % 2),
    ],
    ids=["equal rows", "missing values", "no classes", "few rows", "words"],
)
def test_nothing_to_compare(x: Any, y: Any) -> None:
    assert measured(x, y) is None


def test_large_rows_are_sampled() -> None:
    generator = np.random.default_rng(6)
    found = measured(generator.standard_normal((3000, 40)), generator.integers(0, 2, 3000))
    assert found is not None
    assert found.rows == 1000
    wide = measured(generator.standard_normal((60, 2**16)), generator.integers(0, 2, 60))
    # no 40 rows of so many values
    assert wide is None
