from dataclasses import replace
from typing import Any

import pytest

from kerasdoctor.examples import shuffled_digits
from tests.rules.differential import diagnosis

NAME = "repeated-shuffle"


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({}, True),
        ({"seed": None}, False),
        ({"shuffle": False}, False),
        ({"epochs": 1}, False),
        ({"batch_size": 1437}, False),
        ({"backend": "jax"}, False),
    ],
)
def test_what_it_needs(changes: dict[str, Any], fires: bool) -> None:
    record = shuffled_digits()
    record.fit = replace(record.fit, seed=1, backend="tensorflow")
    record.fit = replace(record.fit, **changes)
    assert (diagnosis(record, NAME) is not None) is fires
