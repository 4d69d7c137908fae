"""Simulated curves."""

import numpy as np
from numpy.typing import NDArray
from scipy import signal, stats

Floats = NDArray[np.float64]


def correlated(generator: np.random.Generator, n: int, r: float) -> Floats:
    """Noise of standard deviation 1 with the lag-1 correlation `r`, shape (n,); a random walk for r = 1."""
    steps = generator.standard_normal(n)
    if r < 1:
        steps[1:] *= np.sqrt(1 - r * r)
    return np.asarray(signal.lfilter([1], [1, -r], steps), dtype=np.float64)


def loss(
    generator: np.random.Generator, epochs: int, *, noise: float, r: float, rise: float = 0.0, pace: float = 1 / 8
) -> Floats:
    """A loss that falls from 1 to 0.3 and, from 40 % of the epochs on, rises by `rise` times its lowest level."""
    t = np.arange(epochs)
    smooth = 0.3 + 0.7 * np.exp(-t / (epochs * pace))
    smooth += 0.3 * rise * np.clip((t - 0.4 * epochs) / (0.6 * epochs), 0, 1)
    return np.asarray(smooth + noise * correlated(generator, epochs, r), dtype=np.float64)


def accuracy(
    generator: np.random.Generator, epochs: int, n: int, *, churn: float, final: float = 0.9, swing: float = 0.0
) -> Floats:
    """The accuracy of `n` rows, the same ones in every epoch.

    Each row has its difficulty; it is right while the skill of the network, which grows, is above the difficulty.
    `churn` is how much the margin of single rows jitters from epoch to epoch, in standard deviations of the
    difficulty; `swing` moves the accuracy of all rows together, a standard deviation in points.
    """
    difficulty = generator.standard_normal(n)
    skill = skill_for(final) * (1 - 2 * np.exp(-np.arange(epochs) / (epochs / 6)))
    # points to skill, by the density of difficulties where the network stands
    density = np.exp(-(skill_for(final) ** 2) / 2) / np.sqrt(2 * np.pi)
    skill += swing / 100 / density * generator.standard_normal(epochs)
    margins = skill[:, None] - difficulty[None] + churn * generator.standard_normal((epochs, n))
    return np.asarray((margins > 0).mean(axis=1), dtype=np.float64)


def skill_for(share: float) -> float:
    """The skill that makes `share` of the rows right."""
    return float(stats.norm.ppf(share))
