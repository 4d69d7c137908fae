"""A split with equal shares is offered where there are enough rows to share."""

from dataclasses import replace

import pytest

from kerasdoctor.examples import shuffled_digits
from kerasdoctor.quantities.split_labels import SplitLabels
from kerasdoctor.remedies.stratified_split import StratifiedSplit


@pytest.mark.parametrize(("rare", "fewest", "offered"), [(8, 1, True), (8, 5, False), (50, 5, True), (4, 1, False)])
def test_every_class_gets_enough_rows(rare, fewest, offered):
    record = shuffled_digits()
    record.fit = replace(record.fit, validation_split=0.2)
    record.quantities["split_labels"] = SplitLabels(
        "classes", {"0": 800, "1": rare - 2}, {"0": 200, "1": 2}, "validation_split"
    )
    assert (StratifiedSplit(fewest=fewest).plan(record) is not None) is offered
