import math
from typing import Any

import numpy as np
import pytest

from kerasdoctor.quantities import DataTap
from kerasdoctor.quantities.neighbour_labels import FEWEST, NeighbourLabels, Vote


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


def slow_vote(x: Any, y: Any) -> tuple[list[int], list[int]]:
    """Label that the ten nearest rows elect, and how many of them, by loops."""
    elected, agreeing = [], []
    for row in range(len(x)):
        away = sorted(
            (sum(((a - b) / d) ** 2 for a, b, d in zip(x[row], x[other], x.std(axis=0), strict=True)), other)
            for other in range(len(x))
            if other != row
        )
        labels = [int(y[other]) for _, other in away[:10]]
        elected.append(max(sorted(set(labels)), key=labels.count))
        agreeing.append(labels.count(elected[-1]))
    return elected, agreeing


def test_a_vote_against_loops() -> None:
    generator = np.random.default_rng(6)
    y = generator.integers(0, 3, 101)
    x = generator.standard_normal((101, 2)) + 3 * np.eye(3)[y][:, :2]
    labels = np.where(generator.random(101) < 0.2, (y + 1) % 3, y)
    found = measured(x, labels)
    assert found is not None
    assert found.vote is not None
    elected, agreeing = slow_vote(x, labels)
    wrong = [row for row in range(101) if elected[row] != labels[row]]
    assert (found.vote.rows, found.vote.sure + found.vote.unsure) == (101, len(wrong))
    right, chance = 1 - len(wrong) / 101, sum(elected.count(k) * list(labels).count(k) for k in range(3)) / 101**2
    assert found.vote.kappa == pytest.approx((right - chance) / (1 - chance))
    assert list(found.vote.odd) == [row for row in wrong if agreeing[row] == 10][:5]
    # those whose neighbours agree most come first; of the count that is divided any may be among them
    limit = sorted(agreeing, reverse=True)[49]
    certain = [row for row in range(101) if agreeing[row] > limit]
    at_least = sum(row in wrong for row in certain)
    assert at_least <= found.vote.sure <= at_least + 50 - len(certain)


def test_rows_with_fewer_neighbours_than_voters_elect_nobody() -> None:
    x = np.zeros((60, 2))
    x[:5] = np.arange(1, 11).reshape(5, 2)
    found = measured(x, np.arange(60) % 2)
    assert found is not None
    assert found.vote is None


def test_shares_of_an_odd_number() -> None:
    assert Vote(101, 0.9, 5, 17).shares == (0.1, pytest.approx(1 / 3))
