import math
import statistics

import numpy as np
import pytest

from kerasdoctor.quantities import DataTap
from kerasdoctor.quantities.target_scale import TargetScale


def test_against_loops() -> None:
    y = np.random.default_rng(0).gamma(2, 10, (50, 2)) + np.array([0, 100])
    y[7, 0] = np.nan
    found = TargetScale.from_data(DataTap(inputs={}, targets={"y": y}, rows=np.arange(50), n=50, split_at=40))
    assert found is not None
    rows = [row for row in y[:40].tolist() if not any(map(math.isnan, row))]
    flat = [value for row in rows for value in row]
    means = [statistics.fmean(row[column] for row in rows) for column in (0, 1)]
    around = [row[column] - means[column] for row in rows for column in (0, 1)]
    got = found.outputs["y"]
    assert (got.mean, got.deviation) == pytest.approx((statistics.fmean(flat), statistics.pstdev(flat)))
    assert got.square == pytest.approx(statistics.fmean(value**2 for value in flat))
    assert got.absolute == pytest.approx(statistics.fmean(map(abs, flat)))
    assert got.square_around == pytest.approx(statistics.fmean(value**2 for value in around))
    assert got.absolute_around == pytest.approx(statistics.fmean(map(abs, around)))


def test_words_have_no_scale() -> None:
    tap = DataTap(inputs={}, targets={"y": np.array(["a", "b"])}, rows=np.arange(2), n=2, split_at=2)
    assert TargetScale.from_data(tap) is None
