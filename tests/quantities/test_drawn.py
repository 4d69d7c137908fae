"""What is measured on batches that Keras draws from a pipeline."""

from collections import Counter
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from kerasdoctor.quantities import BatchTap, Quantity
from kerasdoctor.quantities.drawn_labels import DrawnLabels, labels_of
from kerasdoctor.quantities.drawn_range import DrawnRange
from kerasdoctor.quantities.drawn_rows import DrawnRows

Part = Literal["train", "validation"]


def draw(
    quantity: Quantity,
    part: Part,
    x: NDArray[np.generic],
    y: NDArray[np.generic] | None = None,
    *,
    epoch: int = 1,
    size: int = 8,
) -> None:
    for index, begin in enumerate(range(0, len(x), size)):
        targets: dict[str, Any] = {} if y is None else {"y": y[begin : begin + size]}
        quantity.on_batch(
            BatchTap(part=part, epoch=epoch, index=index, inputs={"x": x[begin : begin + size]}, targets=targets)
        )


def test_ranges_are_those_of_all_rows_together() -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((50, 3)) * 100 + 7
    x[20, 1], x[33, 0] = np.nan, np.inf
    found = DrawnRange()
    draw(found, "train", x, generator.integers(0, 5, 50))
    draw(found, "train", x * 1000, epoch=2)
    draw(found, "validation", x[:9].astype("float32"))
    got = found.train["x"]
    finite = x[np.isfinite(x)]
    assert (got.minimum, got.maximum) == (finite.min(), finite.max())
    assert (got.mean, got.deviation) == pytest.approx((finite.mean(), finite.std()))
    assert (got.values, got.rows, got.nan, got.infinite, got.first_nonfinite) == (148, 50, 1, 1, 2)
    assert found.train_targets["y"].maximum == 4
    assert (found.validation["x"].dtype, found.validation["x"].rank) == ("float32", 2)


def test_labels_batch_by_batch() -> None:
    y = np.random.default_rng(0).integers(0, 4, 50)
    found = DrawnLabels()
    draw(found, "train", np.zeros((50, 1)), y)
    draw(found, "validation", np.zeros((50, 1)), np.linspace(0, 1, 50))
    labels = found.parts["train"]
    batches = [y[begin : begin + 8].tolist() for begin in range(0, 50, 8)]
    assert (labels.batches, labels.rows) == (7, 50)
    assert labels.distinct == sum(len(set(batch)) for batch in batches)
    assert labels.counts == {str(label): count for label, count in Counter(y.tolist()).items()}
    assert found.without == ["validation"]


def test_what_is_a_label() -> None:
    one_hot = labels_of(np.eye(3)[[2, 0]])
    column = labels_of(np.array([[1.0], [4.0]]))
    assert one_hot is not None
    assert column is not None
    assert (one_hot.tolist(), column.tolist()) == ([2, 0], [1, 4])
    assert labels_of(np.array([0.5])) is None
    assert labels_of(np.array([[1, 1, 0]])) is None
    assert labels_of(np.array(["a"])) is None


def test_rows_of_the_parts_against_sets() -> None:
    generator = np.random.default_rng(0)
    x, held_out = generator.integers(0, 3, (60, 3)), generator.integers(0, 3, (30, 3))
    found = DrawnRows()
    draw(found, "train", x)
    draw(found, "validation", held_out)
    train, validation = {tuple(row) for row in x.tolist()}, {tuple(row) for row in held_out.tolist()}
    assert (found.train, found.validation, found.shared) == (len(train), len(validation), len(train & validation))
    assert found.repeated == 60 - len(train)


def test_the_second_validation_is_compared_with_the_first() -> None:
    x, y = np.random.default_rng(0).standard_normal((32, 3)), np.arange(32)
    found = DrawnRows()
    draw(found, "validation", x, y)
    draw(found, "validation", np.concatenate([x[:8], x[8:16] + 1, x[16:]]), y, epoch=2)
    assert found.validations_are_whole
    assert (found.validation_again, found.same_inputs, found.same_targets) == (24, 3, 4)
    assert (found.validation_rows, found.validation_batches) == ([32, 32], [4, 4])


def test_shuffled_windows_of_both_parts() -> None:
    generator = np.random.default_rng(0)
    windows = np.lib.stride_tricks.sliding_window_view(generator.standard_normal(109), 10)
    windows = windows[generator.permutation(100)]
    found = DrawnRows()
    draw(found, "train", windows[:80])
    draw(found, "validation", windows[80:])
    train = windows[:80].tolist()
    slow = sum(any(row[1:] == other[:-1] or row[:-1] == other[1:] for other in train) for row in windows[80:].tolist())
    assert found.overlapping == slow > 15
    assert found.shared == 0
