"""The form of targets against loops over single values and rows."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from kerasdoctor.quantities import BatchTap
from kerasdoctor.quantities.drawn_targets import DrawnTargets
from kerasdoctor.quantities.target_form import COUNTED, MOST_VALUES, Form

KINDS = ("one_hot", "several", "empty", "soft", "other")


def form(values: NDArray[Any]) -> Form:
    found = Form.of(values, len(values))
    assert found is not None
    return found


def slow_kind(row: list[float]) -> str:
    if all(value in {0, 1} for value in row):
        return {0: "empty", 1: "one_hot"}.get(int(sum(row)), "several")
    proper = all(0 <= value <= 1 for value in row)
    return "soft" if proper and abs(sum(row) - 1) <= 0.01 else "other"


@settings(deadline=None)
@given(
    arrays.arrays(
        st.sampled_from([np.float32, np.float64, np.int32, np.uint8, np.bool_]),
        arrays.array_shapes(min_dims=1, max_dims=3, max_side=6),
    )
)
def test_values_against_a_loop(values: NDArray[Any]) -> None:
    found = form(values)
    finite = [float(value) for value in values.reshape(-1) if math.isfinite(value)]
    assert found.counted == len(finite)
    if finite:
        assert (found.minimum, found.maximum) == (min(finite), max(finite))
    assert found.whole == all(value == math.floor(value) for value in finite)
    assert {float(value): count for value, count in found.values.items()} == Counter(finite)
    assert found.below_minus_one == sum(value < -1 - 1e-3 for value in finite)
    assert found.above_one == sum(value > 1 + 1e-3 for value in finite)


@pytest.mark.parametrize("seed", range(4))
def test_rows_against_a_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    one_hot = np.eye(4)[generator.integers(0, 4, 30)]
    labels = (generator.random((30, 4)) < 0.4).astype(float)
    shares = generator.dirichlet(np.ones(4), 30)
    values = np.concatenate([one_hot, labels, shares, generator.standard_normal((30, 4))])
    values = values[generator.permutation(len(values))].reshape(12, 10, 4)
    expected = Counter(slow_kind(row.tolist()) for row in values.reshape(-1, 4))
    found = form(values)
    assert {kind: getattr(found, kind) for kind in KINDS} == {kind: expected[kind] for kind in KINDS}
    assert found.positions == 120
    assert form(values[..., :1]).positions == 0


def test_half_precision_probabilities_are_distributions() -> None:
    shares = np.random.default_rng(0).dirichlet(np.ones(100), 50).astype(np.float16)
    assert form(shares).soft == 50


def test_rounding_is_not_below_zero() -> None:
    found = form(np.array([-1e-9, 0.0, 0.5, 1.0 + 1e-6]))
    assert (found.below_zero, found.above_one) == (0, 0)
    assert form(np.array([-1e-3, 1e-3])).below_zero == 1


def test_too_many_values_are_not_listed() -> None:
    assert len(form(np.arange(MOST_VALUES)).values) == MOST_VALUES
    assert form(np.arange(MOST_VALUES + 1)).values == {}


def test_what_are_no_numbers() -> None:
    assert Form.of(np.array(["a", "b"], dtype=object), 2) is None
    assert Form.of(np.zeros((0, 3)), 0) is None
    assert form(np.array([np.nan, np.inf])).counted == 0


def test_a_large_array_is_counted_in_a_sample_that_knows_every_label() -> None:
    # labels that alternate: even distances would meet a part of them
    labels = np.arange(4 * COUNTED) % 16
    labels[123] = -5
    found = form(labels)
    assert set(found.numbers) >= set(range(16))
    assert found.counted <= COUNTED
    # the range is that of every row
    assert (found.minimum, found.maximum) == (-5, 15)


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_drawn_batches_are_the_whole(dtype: str) -> None:
    values = (np.random.default_rng(0).integers(-2, 5, (70, 3)) / (2 if dtype == "float32" else 1)).astype(dtype)
    drawn = DrawnTargets()
    for epoch in (1, 2):
        for index, begin in enumerate(range(0, 70, 32)):
            batch = {"y": values[begin : begin + 32]}
            drawn.on_batch(BatchTap(part="train", epoch=epoch, index=index, inputs={}, targets=batch))
    assert drawn.outputs["y"] == form(values)
    assert (drawn.validation, len(drawn)) == ({}, 3)


def test_whole_batches_and_others_are_written_alike() -> None:
    drawn = form(np.array([0.0, 1.0, 1.0])).merged(form(np.array([0.5, 1.0])))
    assert drawn == form(np.array([0.0, 1.0, 1.0, 0.5, 1.0]))


def test_variance_of_batches_is_that_of_the_whole() -> None:
    values = np.random.default_rng(7).normal(3.0, 20.0, (900, 1))
    forms = [Form.of(part, len(part)) for part in np.array_split(values, 7)]
    whole = forms[0]
    for form in forms[1:]:
        assert whole is not None
        assert form is not None
        whole = whole.merged(form)
    assert whole is not None
    assert whole.variance == pytest.approx(values.var())
    large = Form.of(np.array([1e200, -1e200]), 2)
    assert large is not None
    assert large.variance == np.inf
