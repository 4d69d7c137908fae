import math

import numpy as np

from kerasdoctor.quantities import DataTap
from kerasdoctor.quantities.nonfinite_values import Missing, NonfiniteValues


def test_against_a_loop() -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((60, 3, 4))
    for value in (np.nan, np.inf, -np.inf):
        for _ in range(4):
            x[tuple(generator.integers(0, size) for size in (40, 3, 4))] = value
    x[50, 1, 2] = np.nan
    y = np.ones(60)
    found = NonfiniteValues.from_data(
        DataTap(inputs={"x": x}, targets={"y": y}, rows=np.arange(60) * 2, n=120, split_at=90)
    )
    assert found is not None
    assert found.sampled
    assert set(found.train) == set(found.validation) == {"x"}
    for got, rows, offset in ((found.train["x"], x[:45], 0), (found.validation["x"], x[45:], 45)):
        bad = [
            (row, column, value)
            for row, places in enumerate(rows.tolist())
            for place in places
            for column, value in enumerate(place)
            if not math.isfinite(value)
        ]
        assert got.nan == sum(math.isnan(value) for _, _, value in bad)
        assert got.infinite == sum(math.isinf(value) for _, _, value in bad)
        assert (got.rows, got.first_row) == (len({row for row, _, _ in bad}), 2 * (bad[0][0] + offset))
        assert (got.features, got.first_feature) == (
            len({column for _, column, _ in bad}),
            min(column for _, column, _ in bad),
        )


def test_clean_arrays_have_none() -> None:
    # the sum of these overflows
    assert Missing.of(np.full((4, 2), 1e308), np.arange(4)) is None
    assert Missing.of(np.array([1, 2]), np.arange(2)) is None
    assert Missing.of(np.array([1.0, np.nan]), np.array([5, 9])) == Missing(1, 0, 1, 9, 1, 0)
