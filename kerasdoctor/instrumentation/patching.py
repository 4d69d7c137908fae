"""What holds for the length of a block, and whether somebody else has replaced a function."""

from __future__ import annotations

import contextlib
import inspect
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np


class RefusedError(Exception):
    """What is left to Keras, for the reason that this says: no failure."""


@contextlib.contextmanager
def replaced(owner: type, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """`owner.name` is what `make` makes of the original."""
    original = owner.__dict__[name]
    setattr(owner, name, make(original))
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextlib.contextmanager
def kept_tracebacks() -> Iterator[None]:
    """Keras shortens the traceback of an exception as in an unwatched run: to the user's frames and its own last one.

    It keeps the frames of every other file instead, ours among them, and its own last one only where there is none.
    """
    from keras.src.utils import traceback_utils as utils

    excluded = getattr(utils, "_EXCLUDED_PATHS", None)
    if not isinstance(excluded, tuple):
        yield
        return
    utils._EXCLUDED_PATHS = (*excluded, str(Path(__file__).parent))
    try:
        yield
    finally:
        utils._EXCLUDED_PATHS = excluded


@contextlib.contextmanager
def kept_random_numbers() -> Iterator[None]:
    """Random numbers that the user draws later are those of an unwatched run."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (the state that the user's code may use)
    # random operations outside of graphs draw their seeds from it
    from tensorflow.python.eager import context

    seeds = getattr(context.context(), "_rng", None)
    eager = seeds.getstate() if seeds is not None else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 (as above)
        if seeds is not None:
            seeds.setstate(eager)


def is_kerass(function: object) -> bool:
    """Whether a function was written by Keras; one of the user's around it may bear its name and module."""
    return inspect.isfunction(function) and str(function.__globals__.get("__name__")).startswith("keras.")
