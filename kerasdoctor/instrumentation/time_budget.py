"""Keeps what is recorded of a training within a share of its time."""

from __future__ import annotations

from kerasdoctor.record import Level

#: Share of the elapsed time that recording may take at a level. The light level has none: there is nothing below it.
#: The smallest networks take 2 to 4 % (47 windows of half a second, on a busy machine) and are no slower than unwatched
#: ones: calling the traced step directly spares 8 % of their time (shared measurements).
SHARES: dict[Level, float] = {"default": 0.08, "full": 0.1}
#: Seconds over which the share is taken, and how many such windows in a row must exceed it: one pause of the machine
#: that falls into our own part spoils one window only.
WINDOW, WINDOWS = 5.0, 2


class TimeBudget:
    """Adds up what recording takes, and tells when it is too much for too long."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._began = 0.0
        self._over = 0
        self._warm = False

    def begin(self, now: float) -> None:
        """Begins anew at `time.perf_counter()` of `now`; the first window does not count: a step is traced in it."""
        self._spent, self._began, self._over, self._warm = 0.0, now, 0, False

    def spend(self, seconds: float) -> None:
        """Recording took so long."""
        self._spent += seconds

    def excess(self, now: float, level: Level) -> float | None:
        """The share of the time that recording took in the last window, where it was too much in every one of them."""
        elapsed = now - self._began
        if level not in SHARES or elapsed < WINDOW:
            return None
        share, warm = self._spent / elapsed, self._warm
        self._spent, self._began, self._warm = 0.0, now, True
        self._over = self._over + 1 if warm and share > SHARES[level] else 0
        if self._over < WINDOWS:
            return None
        self._over = 0
        return share
