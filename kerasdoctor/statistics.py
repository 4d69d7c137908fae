"""Trend, sampling noise, onset of a rise, difference of label shares: numpy and scipy on plain arrays.

Every threshold that a rule compares these numbers with is set by a simulation in `tests/accuracy/simulations`,
whose results are kept beside it in `RESULTS.md`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

Floats = NDArray[np.float64]
Direction = Literal["down", "flat", "up", "unclear"]

#: Longer series are averaged into this many blocks: bounds the cost of a look, and loses nothing that is shown.
MOST_POINTS = 200
#: Fewer values than this have no trend: Kendall's tau of four cannot reach p < .05.
SHORTEST_TREND = 5
#: Fewer values than this have no plateau: with 8 the slope is known to no better than 15 % of the run's range.
SHORTEST_PLATEAU = 10
#: Fewer values than this have no onset: three at the lowest point, three behind it and two before.
SHORTEST_ONSET = 8
#: Rise of a validation loss, as a share of its lowest level, that is worth a warning.
LEAST_RISE = 0.1
#: Fewer values than this have no swing: of ten the last two thirds have five second differences.
SHORTEST_SWING = 10


@dataclass(frozen=True)
class Trend:
    """Where the last values of a series go."""

    direction: Direction
    #: Values looked at, the last of the series.
    window: int
    #: Fitted change over the window, first value to last, in the units of the series.
    change: float
    #: Typical deviation of a value from the fitted line, in the units of the series.
    noise: float


def trend(values: ArrayLike) -> Trend:
    """The direction of the last third of a series, but of ten values or more where there are so many.

    "down" and "up": Kendall's tau against time (the Mann-Kendall test) has p < .05, the Theil-Sen slope is beyond
    three standard errors, corrected for the lag-1 correlation of its residuals, or every value is beyond the one
    before (a curve that bends is no line, and still falls), and the change matters: 5 % of the
    range of the series, or 2 % of it and a fifth of the level; 0.5 % of the level in any case. "flat": the change,
    plus two standard errors, is below 15 % of the range or 2 % of the level. "unclear" otherwise. Values that are
    not finite are left out.

    Args:
        values: shape (epochs,).
    """
    series = _finite(values)
    if len(series) < SHORTEST_TREND:
        return Trend("unclear", len(series), float("nan"), float("nan"))
    scale = float(np.abs(series).max()) or 1.0
    series = series / scale
    window = len(series) if len(series) <= 10 else max(10, len(series) // 3)
    last = _blocks(series[-window:])
    n = len(last)
    slope, intercept = stats.theilslopes(last)[:2]
    residuals = last - intercept - slope * np.arange(n)
    noise = 1.4826 * float(np.median(np.abs(residuals - np.median(residuals))))
    correlation = _lag_one(residuals)
    error = noise * np.sqrt(12 / n**3 * (1 + correlation) / (1 - correlation))
    change, uncertainty = slope * (n - 1), 2 * error * (n - 1)
    spread = float(np.ptp(_blocks(series)))
    direction: Direction = "unclear"
    level = abs(float(np.median(last)))
    matters = abs(change) >= 0.005 * level and (
        abs(change) >= 0.05 * spread or abs(change) >= max(0.02 * spread, 0.2 * level)
    )
    steps = np.diff(last)
    clear = abs(slope) > 3 * error or bool((steps < 0).all() or (steps > 0).all())
    if _mann_kendall(last) < 0.05 and clear and matters:
        direction = "down" if slope < 0 else "up"
    elif n >= SHORTEST_PLATEAU and abs(change) + uncertainty <= max(0.15 * spread, 0.02 * level):
        direction = "flat"
    return Trend(direction, window, float(change * scale), float(noise * scale))


def _finite(values: ArrayLike) -> Floats:
    series = np.asarray(values, dtype=np.float64).reshape(-1)
    return series[np.isfinite(series)]


def _blocks(series: Floats) -> Floats:
    """Means of consecutive values, at most `MOST_POINTS` of them."""
    if len(series) <= MOST_POINTS:
        return series
    return np.array([block.mean() for block in np.array_split(series, MOST_POINTS)])


def _lag_one(residuals: Floats) -> float:
    """Correlation of neighbouring residuals, within [0, 0.9]."""
    centred = residuals - residuals.mean()
    total = float((centred**2).sum())
    return float(np.clip((centred[1:] * centred[:-1]).sum() / total, 0.0, 0.9)) if total > 0 else 0.0


@dataclass(frozen=True)
class Onset:
    """The end of a series' fall and the rise that follows."""

    #: Position of the lowest level in the values as they were given.
    index: int
    #: Level there, a mean over its neighbours, in the units of the series.
    level: float
    #: Level at the end of the series minus `level`, in the units of the series.
    rise: float
    #: How far the series had fallen before, in the units of the series.
    fall: float
    #: Standard deviation of a value around the fitted curve, in the units of the series.
    noise: float
    #: Of Kendall's tau against time from the lowest point on (Mann-Kendall): small where the rise goes on.
    p: float


def onset(values: ArrayLike, *, least: float = 0.0) -> Onset | None:
    """Where a series stops falling and begins to rise.

    The point is that of the least-squares fit that falls to it and rises from it (unimodal regression by isotonic
    fits of every prefix and suffix; Frisén 1986). The rise is the mean of the last fifth, three values at least,
    over the mean of as many values around the point. The noise is that of the second differences or of the
    residuals, whichever is larger.

    Args:
        values: shape (epochs,); values that are not finite are left out.
        least: rise, as a share of the lowest value, below which nothing is sought: the fit costs 1 to 10 ms.

    Returns:
        None for fewer than `SHORTEST_ONSET` finite values, where the lowest is among the last three, and where the
        last fifth lies less than `least` above it.
    """
    series = np.asarray(values, dtype=np.float64).reshape(-1)
    positions = np.flatnonzero(np.isfinite(series))
    if len(positions) < SHORTEST_ONSET:
        return None
    scale = float(np.abs(series[positions]).max()) or 1.0
    points = _blocks(series[positions] / scale)
    n = len(points)
    width = max(3, n // 5)
    latest = float(points[-width:].mean())
    if points.argmin() >= n - 3 or latest < points.min() + least * abs(points.min()):
        return None
    fit, lowest = _unimodal(points)
    start = int(np.clip(lowest - width // 2, 0, n - width))
    level = float(points[start : start + width].mean())
    # medians, for one spike of an unstable step is no noise
    noise = max(_noise(points), 1.4826 * float(np.median(np.abs(points - fit))))
    return Onset(
        index=int(positions[(2 * lowest + 1) * len(positions) // (2 * n)]),
        level=level * scale,
        rise=(latest - level) * scale,
        # not the first value alone, which may be a spike
        fall=(max(float(np.quantile(points[: lowest + 1], 0.9)), float(np.median(points[:3])), level) - level) * scale,
        noise=noise * scale,
        p=_mann_kendall(points[lowest:]),
    )


def lasting_rise(values: ArrayLike) -> Onset | None:
    """The onset of a rise that is large, clear, goes on, and was there one value ago.

    At least a tenth of the lowest level, 2 % of the fall before and six times the noise; Mann-Kendall p < .01. Whole
    runs of 15 to 60 epochs that alarm without a rise, with a look at every epoch: none, but up to 3 % with a noise of
    10 % of the level whose lag-1 correlation is .8 (tests/accuracy/simulations, "overfitting").

    Args:
        values: shape (epochs,); values that are not finite are left out.
    """
    series = np.asarray(values, dtype=np.float64).reshape(-1)
    found = _clear_rise(series.tobytes())
    return found if found is not None and _clear_rise(series[:-1].tobytes()) is not None else None


# several rules and the verdict ask for the same curve, and the next look for this one without its last value
@functools.lru_cache(maxsize=16)
def _clear_rise(values: bytes) -> Onset | None:
    found = onset(np.frombuffer(values), least=LEAST_RISE)
    if found is None or found.level <= 0 or bool((np.frombuffer(values) < 0).any()):
        # no share of a level where 0 is not the least
        return None
    clear = found.rise > 6 * found.noise and found.p < 0.01
    return found if clear and found.rise > max(LEAST_RISE * found.level, 0.02 * found.fall) else None


def level(values: ArrayLike, index: int) -> float:
    """Mean of the finite values among the three up to `index`; NaN where there are none."""
    around = np.asarray(values, dtype=np.float64)[max(0, index - 2) : index + 1]
    around = around[np.isfinite(around)]
    return float((around / len(around)).sum()) if len(around) else float("nan")


def overfits(train: ArrayLike, validation: ArrayLike) -> Onset | None:
    """The onset of a lasting rise of the validation loss behind which the training loss went on falling.

    By 1 % and by three standard errors of the difference between two means of three.

    Args:
        train: shape (epochs,).
        validation: shape (epochs,), NaN for epochs that were not validated.
    """
    found = lasting_rise(validation)
    if found is None:
        return None
    series = np.asarray(train, dtype=np.float64).reshape(-1)
    if len(_finite(series)) < SHORTEST_ONSET:
        return None
    before, after = level(series, found.index), level(series, len(series) - 1)
    noise = _noise(_finite(series))
    return found if before - after > max(0.01 * abs(before), 3 * noise * np.sqrt(2 / 3)) else None


def _unimodal(points: Floats) -> tuple[Floats, int]:
    """The least-squares fit that falls, then rises, and the position of its lowest value."""
    n = len(points)
    fall = [optimize.isotonic_regression(points[:k], increasing=False).x for k in range(1, n + 1)]
    rise = [optimize.isotonic_regression(points[k:]).x for k in range(1, n)]
    fits = [np.concatenate(parts) for parts in zip(fall, [*rise, points[:0]], strict=True)]
    fit = min(fits, key=lambda values: float(((points - values) ** 2).sum()))
    return fit, int(np.argmin(fit))


def _noise(points: Floats) -> float:
    """Standard deviation of independent noise on a smooth curve, from the median of its second differences."""
    return 1.4826 / float(np.sqrt(6)) * float(np.median(np.abs(np.diff(points, 2))))


def _mann_kendall(points: Floats) -> float:
    """The p value of Kendall's tau against time; 1 for constant values or fewer than two."""
    if len(points) < 2 or np.ptp(points) == 0:
        return 1.0
    # the exact distribution of 200 values costs 0.1 s and tells nothing more
    method: Literal["exact", "asymptotic"]
    method = "exact" if len(points) <= 30 and len(np.unique(points)) == len(points) else "asymptotic"
    return float(stats.kendalltau(np.arange(len(points)), points, method=method).pvalue)


@dataclass(frozen=True)
class Swing:
    """How much a proportion jumps from epoch to epoch, against what the size of its sample lets one see."""

    #: Standard deviation of a value around a smooth curve, as a proportion.
    size: float
    #: Sampling error of the proportion: sqrt(p (1 - p) / n), at (p n + 2) / (n + 4) so that it is never 0.
    error: float
    #: Turns, up then down or down then up, both by more than 1.5 sampling errors.
    reversals: int

    @property
    def ratio(self) -> float:
        """R: the swing in sampling errors."""
        return self.size / self.error


def swing(proportions: ArrayLike, n: int) -> Swing | None:
    """The swing of a proportion over the last two thirds of a run, from its second differences.

    The epochs share one sample, so most of the sampling error is common to all of them and does not show: a healthy
    run has a ratio of 0.3, not 1.

    Args:
        proportions: shape (epochs,), each a share of right ones among the same `n`; NaN is left out.
        n: size of the sample.

    Returns:
        None for fewer than `SHORTEST_SWING` values, or values outside [0, 1].
    """
    series = _finite(proportions)
    if len(series) < SHORTEST_SWING or n < 1 or series.min() < 0 or series.max() > 1:
        return None
    last = series[len(series) // 3 :]
    centre = (float(last.mean()) * n + 2) / (n + 4)
    error = float(np.sqrt(centre * (1 - centre) / n))
    steps = np.diff(last)
    large = np.abs(steps) > 1.5 * error
    turns = (steps[1:] * steps[:-1] < 0) & large[1:] & large[:-1]
    return Swing(float(np.sqrt((np.diff(last, 2) ** 2).mean() / 6)), error, int(turns.sum()))


@dataclass(frozen=True)
class ShareDifference:
    """How far the label shares of two samples lie apart."""

    #: Total variation: the share of rows that would have to change their label, 0 to 1.
    distance: float
    #: The distance that a random split of these labels has on average.
    expected: float
    #: Of Pearson's chi-squared test of equal shares.
    p: float


def share_difference(
    first: Sequence[int], second: Sequence[int], *, correlation: float = 0.0
) -> ShareDifference | None:
    """The difference of two samples' label shares, of which a random split has little.

    Pearson's test, not the G-test: with many labels of few rows each the latter finds a difference in half of all
    random splits (1,000 labels, 10,000 rows).

    Args:
        first: rows of each label in one sample.
        second: rows of each label in the other, in the same order.
        correlation: of a row's label with its predecessor's; rows count less the more they follow each other,
            (1 - r) / (1 + r) as for the mean of a first-order autoregressive series.

    Returns:
        None where a sample is empty.
    """
    # several rules and the verdict ask for the same two samples, at every look
    return _share_difference(tuple(first), tuple(second), correlation)


@functools.lru_cache(maxsize=64)
def _share_difference(first: tuple[int, ...], second: tuple[int, ...], correlation: float) -> ShareDifference | None:
    table = np.array([first, second], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    sizes = table.sum(axis=1)
    if table.shape[1] == 0 or (sizes == 0).any():
        return None
    shares = table.sum(axis=0) / sizes.sum()
    distance = 0.5 * float(np.abs(table[0] / sizes[0] - table[1] / sizes[1]).sum())
    r = float(np.clip(correlation, 0.0, 1.0))
    table *= (1 - r) / (1 + r)
    effective = table.sum(axis=1)
    if table.shape[1] == 1 or (effective == 0).any():
        return ShareDifference(distance, 1.0, 1.0)
    # the mean absolute difference of two means, each term normal
    spread = np.sqrt(2 / np.pi * shares * (1 - shares) * (1 / effective).sum())
    p = float(stats.chi2_contingency(table, correction=False).pvalue)
    return ShareDifference(distance, min(0.5 * float(spread.sum()), 1.0), p)


def alike(first: Sequence[int], second: Sequence[int]) -> bool:
    """Whether two samples have so nearly the same labels that the losses of one model on both can be compared.

    Not so when more than 0.3 of the shares differ beyond chance; data sorted by label differ by 0.5 to 1.
    """
    difference = share_difference(first, second)
    return difference is None or difference.p >= 1e-3 or difference.distance - difference.expected <= 0.3


#: Share of the labels that a random order would give to a batch, below which rows are not mixed.
CLUMPED = 0.6
#: Rows, and batches, below which nothing is said of how they are mixed.
_FEWEST_ROWS, _FEWEST_BATCHES = 500, 4


@dataclass(frozen=True)
class Mixing:
    """How many labels a batch holds, and how many it would hold in a random order."""

    labels: float
    expected: float

    @property
    def is_clumped(self) -> bool:
        """Whether it holds fewer than `CLUMPED` of them."""
        return self.labels < CLUMPED * self.expected


def mixing(counts: Sequence[int], batch: int, *, equal: float | None) -> Mixing | None:
    """The mixing of rows in their order, with labels of `counts` rows each.

    Args:
        counts: rows of each label.
        batch: rows of a batch.
        equal: share of neighbouring rows with the same label; a batch holds a label more at each change, but not more
            than it would in a random order.

    Returns:
        None for fewer than four batches, or one label.
    """
    total = sum(counts)
    if equal is None or batch < 2 or total < _FEWEST_BATCHES * batch or sum(count > 0 for count in counts) < 2:
        return None
    expected = _labels_in_a_batch(np.array(counts, dtype=np.float64) / total, batch)
    return Mixing(min(1 + (batch - 1) * (1 - equal), expected), expected)


def drawn_mixing(counts: Mapping[str, int], batches: int, distinct: int, others: Mapping[str, int]) -> Mixing | None:
    """The mixing of the first batches of an epoch.

    Args:
        counts: rows of each label in these batches.
        batches: how many there are.
        distinct: sum of the numbers of labels that each of them holds.
        others: rows of each label of the validation: what the batches may lack altogether.

    Returns:
        None for fewer than four batches, and where one label is all that was seen anywhere; where the batches hold one
        label alone, also for fewer than 500 rows and a validation that hardly has another.
    """
    rows = sum(counts.values())
    if batches < _FEWEST_BATCHES or rows < 2 * batches:
        return None
    shares = np.array(list(counts.values()), dtype=np.float64) / rows
    if len(shares) == 1:
        other = sum(count for label, count in others.items() if label not in counts)
        total = sum(others.values())
        if rows < _FEWEST_ROWS or not total or other / total < 0.3:
            return None
        shares = np.array(list(others.values()), dtype=np.float64) / total
    return Mixing(distinct / batches, _labels_in_a_batch(shares, max(1, rows // batches)))


def _labels_in_a_batch(shares: Floats, batch: int) -> float:
    return float(np.sum(1 - (1 - shares) ** batch))
