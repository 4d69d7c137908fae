"""The one error that is the user's to mend."""

from __future__ import annotations


class UsageError(Exception):
    """Something that Keras Doctor was asked for makes no sense; the text says what to write instead."""
