"""What every test relies on: a quiet TensorFlow, a folder of its own, and nothing left patched."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# the machine's speed is not what is tested, and a failure must come again
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test writes for its project goes into a folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def nothing_stays_patched() -> Iterator[None]:
    """After every test, Keras's classes are what they were."""
    before = _fingerprint() if "keras" in sys.modules else None
    yield
    if before is not None:
        assert _fingerprint() == before


def _fingerprint() -> dict[str, object]:
    import keras

    classes = [*keras.Model.__mro__, keras.layers.Layer, *keras.optimizers.Optimizer.__mro__]
    return {
        f"{kind.__qualname__}.{name}": id(value)
        for kind in classes
        for name, value in vars(kind).items()
        if callable(value)
    }


@pytest.fixture(autouse=True)
def no_seed_of_another_test() -> Iterator[None]:
    """A global seed, which the record tells and rules read, ends with the test that set it."""
    yield
    if "keras" in sys.modules:
        from keras.src.backend.common import global_state
        from keras.src.utils.rng_utils import GLOBAL_RANDOM_SEED

        global_state.set_global_attribute(GLOBAL_RANDOM_SEED, None)
