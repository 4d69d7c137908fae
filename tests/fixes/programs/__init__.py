"""Notebooks with a fault, as the text of their cells: between them they are offered every prescription."""

from tests.fixes.programs import curves, data, loops, raised, steps, targets
from tests.fixes.programs.base import NOTEBOOKS, Notebook

__all__ = ["NOTEBOOKS", "Notebook", "curves", "data", "loops", "raised", "steps", "targets"]
