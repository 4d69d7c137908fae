import math
from typing import Any

import numpy as np
import pytest

from kerasdoctor.quantities import DataTap
from kerasdoctor.quantities.far_rows import FarRows


def measured(x: Any, split_at: int | None = None, y: Any = None) -> FarRows | None:
    inputs = x if isinstance(x, dict) else {"x": x}
    n = len(next(iter(inputs.values())))
    targets = {} if y is None else {"y": y}
    tap = DataTap(inputs=inputs, targets=targets, rows=np.arange(n), n=n, split_at=n if split_at is None else split_at)
    return FarRows.from_data(tap)


def test_against_a_loop() -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((400, 3, 2))
    x[70, 1, 0], x[310, 0, 1], x[5, 0, 0] = -500.0, 90.0, math.nan
    found = measured(x)
    assert found is not None
    rows = [max(abs(value) for value in row.reshape(-1) if math.isfinite(value)) for row in x]
    typical = float(np.quantile(rows, 0.98))
    far = [place for place, value in enumerate(rows) if value > 10 * typical]
    assert far == [70, 310]
    assert (found.rows, found.count, found.first) == (400, 2, 70)
    assert (found.typical, found.largest) == (pytest.approx(typical), 500.0)


def test_all_inputs_count_and_the_rows_that_validate_do_not() -> None:
    generator = np.random.default_rng(1)
    plain, other = generator.standard_normal((300, 4)), generator.integers(-5, 6, (300, 2))
    other[250] = -10_000
    alone = measured({"a": plain, "b": other}, 200)
    assert alone is not None
    assert (alone.rows, alone.count, alone.first) == (200, 0, -1)
    whole = measured({"a": plain, "b": other})
    assert whole is not None
    assert (whole.count, whole.first, whole.largest) == (1, 250, 10_000.0)


def test_the_lowest_integer() -> None:
    x = np.ones((200, 2), dtype=np.int8)
    x[3, 1] = -128
    found = measured(x)
    assert found is not None
    assert found.largest == 128.0


@pytest.mark.parametrize("draw", ["standard_normal", "random", "standard_exponential"])
def test_rows_of_a_usual_distribution_are_not_far(draw: str) -> None:
    for seed in range(20):
        found = measured(getattr(np.random.default_rng(seed), draw)((5000, 8)))
        assert found is not None
        assert found.count == 0


@pytest.mark.parametrize("x", [np.zeros((500, 2)), np.full((500, 2), np.nan)], ids=["zeros", "missing"])
def test_nothing_is_far_from_nothing(x: Any) -> None:
    found = measured(x)
    assert found is not None
    assert (found.count, found.largest) == (0, 0.0)


@pytest.mark.parametrize("x", [np.ones((39, 2)), np.array([["a"]] * 500), np.zeros((500, 0))])
def test_few_rows_and_no_numbers(x: Any) -> None:
    assert measured(x) is None


def test_targets_where_no_row_is_far_by_its_inputs() -> None:
    generator = np.random.default_rng(2)
    x, y = generator.standard_normal((300, 4)), generator.standard_normal(300)
    y[40] = -900.0
    found = measured(x, y=y)
    assert found is not None
    assert (found.of_targets, found.count, found.first, found.largest) == (True, 1, 40, 900.0)
    x[7] = 5000.0
    found = measured(x, y=y)
    assert found is not None
    assert (found.of_targets, found.count, found.first) == (False, 1, 7)
    labels = measured(generator.standard_normal((300, 4)), y=np.arange(300) % 10)
    assert labels is not None
    assert (labels.of_targets, labels.count) == (False, 0)
