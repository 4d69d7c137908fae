"""Replacing a method for the length of a block, and telling whether somebody else has."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def replaced(owner: type, name: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """`owner.name` is what `make` makes of the original."""
    original = owner.__dict__[name]
    setattr(owner, name, make(original))
    try:
        yield
    finally:
        setattr(owner, name, original)


def is_kerass(function: object) -> bool:
    """Whether a function was written by Keras; one of the user's around it may bear its name and module."""
    return inspect.isfunction(function) and str(function.__globals__.get("__name__")).startswith("keras.")
