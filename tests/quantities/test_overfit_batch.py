"""What is learned of a few rows, against a slow count."""

from __future__ import annotations

import numpy as np
import pytest

from kerasdoctor.quantities.overfit_batch import share_learned, stalled

RNG = np.random.default_rng(3)


def best_constant(targets: np.ndarray, candidates: list[float]) -> int:
    """The fewest errors that one and the same answer makes, found by trying each."""
    return min(sum(int(target != answer) for target in targets) for answer in candidates)


@pytest.mark.parametrize("seed", range(5))
def test_classes(seed):
    rng = np.random.default_rng(seed)
    true, outputs = rng.integers(0, 4, 9), rng.normal(size=(9, 4))
    wrong = sum(int(np.argmax(row) != label) for row, label in zip(outputs, true, strict=True))
    expected = 1 - wrong / best_constant(true, [0, 1, 2, 3])
    assert share_learned("sparse", true, outputs) == pytest.approx(expected)
    assert share_learned("sparse", true[:, None], outputs) == pytest.approx(expected)
    assert share_learned("categorical", np.eye(4)[true], outputs) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_several_answers_of_yes_or_no(seed):
    rng = np.random.default_rng(seed)
    true, logits = rng.integers(0, 2, (9, 3)), rng.normal(size=(9, 3))
    wrong = sum(int((logit > 0) != bool(label)) for logit, label in zip(logits.flat, true.flat, strict=True))
    expected = 1 - wrong / sum(best_constant(column, [0, 1]) for column in true.T)
    assert share_learned("binary logits", true, logits) == pytest.approx(expected)
    assert share_learned("binary", true, 1 / (1 + np.exp(-logits))) == pytest.approx(expected)


def test_numbers_are_compared_with_their_mean():
    true = RNG.normal(5, 2, 40)
    predicted = true + RNG.normal(0, 1, 40)
    constant = min(((true - answer) ** 2).sum() for answer in np.linspace(0, 10, 20001))
    expected = 1 - ((true - predicted) ** 2).sum() / constant
    assert share_learned("numbers", true, predicted[:, None]) == pytest.approx(expected, abs=1e-6)
    assert share_learned("numbers", true, true[:, None]) == 1


def test_what_a_constant_gets_right_tells_nothing():
    assert np.isnan(share_learned("sparse", np.zeros(5), RNG.normal(size=(5, 2))))
    assert np.isnan(share_learned("binary", np.ones(5), RNG.normal(size=(5, 1))))
    assert np.isnan(share_learned("numbers", np.ones(5), RNG.normal(size=(5, 1))))


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        (np.full(1000, 2.3), True),
        (2.3 + 0.2 * RNG.normal(size=1000), True),
        (2.3 - 1e-5 * np.arange(1000), True),
        # in ten times as many steps it would be gone
        (2.3 - 2e-4 * np.arange(1000), False),
        (2.3 * 0.999 ** np.arange(1000), False),
        (np.linspace(0.5, 2.3, 1000), True),
    ],
)
def test_a_loss_that_leads_nowhere(losses, expected):
    assert stalled(losses) is expected
