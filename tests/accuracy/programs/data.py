"""The data of the programs: scikit-learn's own sets, and generated ones with a known truth; `seed` orders the rows."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

Array = NDArray[Any]
Pair = tuple[Array, Array]


def shuffled(x: Array, y: Array, seed: int) -> Pair:
    order = np.random.default_rng(seed).permutation(len(x))
    return x[order], y[order]


def standardized(x: Array) -> Array:
    return np.asarray((x - x.mean(0)) / x.std(0), dtype="float32")


def by_label(x: Array, y: Array) -> Pair:
    order = np.argsort(y.reshape(len(y), -1)[:, 0], kind="stable")
    return x[order], y[order]


def one_hot(y: Array, classes: int) -> Array:
    return np.eye(classes, dtype="float32")[y]


_digits = functools.cache(lambda: datasets.load_digits(return_X_y=True))
_cancer = functools.cache(lambda: datasets.load_breast_cancer(return_X_y=True))
_wine = functools.cache(lambda: datasets.load_wine(return_X_y=True))
_iris = functools.cache(lambda: datasets.load_iris(return_X_y=True))
_diabetes = functools.cache(lambda: datasets.load_diabetes(return_X_y=True))
_photos = functools.cache(lambda: datasets.load_sample_images().images)


def digits(seed: int, n: int = 1797) -> Pair:
    """64 pixels in [0, 1] and the digit."""
    x, y = _digits()
    x, y = shuffled((x / 16).astype("float32"), y, seed)
    return x[:n], y[:n]


def digit_images(seed: int, n: int = 1797) -> Pair:
    x, y = digits(seed, n)
    return x.reshape(-1, 8, 8, 1), y


def tumours(seed: int, *, raw: bool = False) -> Pair:
    """30 measurements and benign (1) or not; `raw` ones reach 4,254."""
    x, y = _cancer()
    return shuffled(x.astype("float32") if raw else standardized(x), y, seed)


def wines(seed: int, *, raw: bool = False) -> Pair:
    """178 wines of three growers; a raw one has up to 1,680 of proline."""
    x, y = _wine()
    return shuffled(x.astype("float32") if raw else standardized(x), y, seed)


def irises(seed: int) -> Pair:
    x, y = _iris()
    return shuffled(standardized(x), y, seed)


def diabetes(seed: int, *, raw_targets: bool = False) -> Pair:
    """442 patients; raw targets go from 25 to 346."""
    x, y = _diabetes()
    return shuffled((20 * x).astype("float32"), y.astype("float32") if raw_targets else standardized(y), seed)


def rows(seed: int, n: int = 2000, classes: int = 2, positives: float = 0.5, flip: float = 0.01) -> Pair:
    """`make_classification`: 20 features, of which 8 tell."""
    weights = [1 - positives] if classes == 2 else None
    x, y = datasets.make_classification(
        n, 20, n_informative=8, n_classes=classes, weights=weights, flip_y=flip, class_sep=1.5, random_state=seed
    )
    return standardized(x), y


def moons(seed: int, n: int = 1500) -> Pair:
    x, y = datasets.make_moons(n, noise=0.15, random_state=seed)
    return x.astype("float32"), y


def circles(seed: int, n: int = 1500) -> Pair:
    x, y = datasets.make_circles(n, noise=0.08, factor=0.5, random_state=seed)
    return x.astype("float32"), y


def friedman(seed: int, n: int = 2000) -> Pair:
    """Ten features and a standardized target that five of them make."""
    x, y = datasets.make_friedman1(n, noise=0.5, random_state=seed)
    return (2 * x - 1).astype("float32"), standardized(y)


def labels_of_rows(seed: int, n: int = 1500, labels: int = 5, rate: float = 0.3) -> Pair:
    """20 standard normal features and several labels, each the sign of its own projection."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((n, 20)).astype("float32")
    scores = x @ generator.standard_normal((20, labels)) / np.sqrt(20)
    return x, (scores > np.quantile(scores, 1 - rate, axis=0)).astype("float32")


def parity(seed: int, n: int = 3000) -> Pair:
    """Whether the product of two of eight signs is positive: the classic that stays at one half for a while."""
    x = np.random.default_rng(seed).choice([-1.0, 1.0], (n, 8)).astype("float32")
    return x, (x[:, 0] * x[:, 1] > 0).astype("int64")


def photo_patches(seed: int, n: int = 800, size: int = 16) -> Pair:
    """Patches, 0 to 255, of scikit-learn's two photographs and which of them they are of; no two overlap much."""
    generator = np.random.default_rng(seed)
    x, y = [], []
    for label, photo in enumerate(_photos()):
        for row in generator.permutation((photo.shape[0] // size) * (photo.shape[1] // size))[: n // 2]:
            top, left = divmod(int(row), photo.shape[1] // size)
            x.append(photo[top * size : (top + 1) * size, left * size : (left + 1) * size])
            y.append(label)
    return shuffled(np.asarray(x, dtype="float32"), np.asarray(y), seed)


def shapes(seed: int, n: int = 900, noise: float = 0.3) -> Pair:
    """Images of 16 × 16: a filled square, a hollow one, or a cross, anywhere, with noise."""
    generator = np.random.default_rng(seed)
    x = noise * generator.standard_normal((n, 16, 16, 1)).astype("float32")
    y = generator.integers(0, 3, n)
    for image, kind in zip(x, y, strict=True):
        top, left, size = generator.integers(0, 8), generator.integers(0, 8), generator.integers(6, 9)
        part = image[top : top + size, left : left + size, 0]
        if kind == 0:
            part += 1
        elif kind == 1:
            part[[0, -1]] += 1
            part[1:-1, [0, -1]] += 1
        else:
            part[size // 2] += 1
            part[:, size // 2] += 1
    return x, y


def masks(seed: int, n: int = 400) -> Pair:
    """Noisy images of 16 × 16 with one bright rectangle, and its mask of 0 and 1."""
    generator = np.random.default_rng(seed)
    x = 0.3 * generator.standard_normal((n, 16, 16, 1)).astype("float32")
    y = np.zeros((n, 16, 16, 1), dtype="float32")
    for mask in y:
        top, left = generator.integers(0, 8, 2)
        height, width = generator.integers(4, 9, 2)
        mask[top : top + height, left : left + width] = 1
    return x + y, y


WORDS = 200


def reviews(seed: int, n: int = 1200, length: int = 20, classes: int = 2) -> Pair:
    """Sentences of word numbers 1 to 199; most of a sentence's opinion words belong to its class."""
    generator = np.random.default_rng(seed)
    x = generator.integers(40, WORDS, (n, length))
    y = generator.integers(0, classes, n)
    opinions = generator.random((n, length)) < 0.3
    own = generator.random((n, length)) < 0.85
    other = (y[:, None] + generator.integers(1, classes, (n, length))) % classes if classes > 1 else y[:, None]
    of_class = np.where(own, y[:, None], other)
    words = 1 + of_class * (39 // classes) + generator.integers(0, 39 // classes, (n, length))
    return np.where(opinions, words, x).astype("int32"), y


def sentences(seed: int, n: int = 900) -> Pair:
    """The same as strings."""
    x, y = reviews(seed, n)
    return np.asarray([" ".join(f"word{number}" for number in row) for row in x]), y


def orders(seed: int, n: int = 1500, length: int = 12) -> Pair:
    """Whether word 1 comes before word 2: nothing but the order tells."""
    generator = np.random.default_rng(seed)
    x = generator.integers(3, 20, (n, length))
    y = generator.integers(0, 2, n)
    for row, label in zip(x, y, strict=True):
        first, second = np.sort(generator.choice(length, 2, replace=False))
        row[first], row[second] = (1, 2) if label else (2, 1)
    return x.astype("int32"), y


def wave(seed: int, n: int = 1200, noise: float = 0.1) -> Array:
    """Two sine waves with noise, about within -2 and 2."""
    generator = np.random.default_rng(seed)
    time = np.arange(n)
    start = generator.uniform(0, 6, 2)
    clean = np.sin(time / 9 + start[0]) + 0.5 * np.sin(time / 4 + start[1])
    return np.asarray(clean + noise * generator.standard_normal(n), dtype="float32")


def windows(series: Array, length: int = 20, ahead: int = 1) -> Pair:
    """Each window of the series with the value(s) after it, in time order."""
    cut = np.lib.stride_tricks.sliding_window_view(series, length + ahead)
    after = cut[:, length] if ahead == 1 else cut[:, length:]
    return cut[:, :length, None].astype("float32"), after.astype("float32")
