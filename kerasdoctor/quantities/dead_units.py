"""Units that are 0 for every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kerasdoctor.quantities import EvaluationTap, Quantity
from kerasdoctor.series import Table

#: Fewer rows leave healthy units without a chance to show themselves.
LEAST_ROWS = 512


@dataclass(eq=False)
class DeadUnits(Table, Quantity):
    """Units of each layer with an activation whose output is 0 for every row, over each look at 512 rows or more.

    Looks at training rows and validations both count: a unit is dead whatever it is shown.
    """

    grows: ClassVar[bool] = True

    #: Units of each layer.
    units: tuple[int, ...] = ()
    #: Dead units of each layer before the first step; empty where it was not looked at.
    at_initialization: tuple[float, ...] = ()
    #: Rows of the last look.
    rows: int = 0

    def on_evaluation(self, evaluation: EvaluationTap) -> None:
        if not evaluation.layers or evaluation.rows < LEAST_ROWS:
            return
        self.units, self.rows = tuple(evaluation.units.tolist()), evaluation.rows
        if evaluation.step == 0:
            self.at_initialization = tuple(evaluation.dead_units.tolist())
        else:
            self.extend(evaluation.layers, np.array([evaluation.step]), evaluation.dead_units[None])
