from dataclasses import replace

import pytest

from kerasdoctor.examples import piped_digits, shuffled_digits
from kerasdoctor.record import PipelineStep, TrainingRecord
from tests.rules.differential import diagnosis

NAME = "repeated-shuffle"


def piped(written: str) -> TrainingRecord:
    """A pipeline of these steps; "once" is a shuffle that does not draw anew."""
    record = piped_digits()
    source, shuffle, batch = record.data.pipeline
    once = replace(shuffle, settings={**shuffle.settings, "reshuffle_each_iteration": False})
    known = {"shuffle": shuffle, "once": once, "batch": batch, "cache": PipelineStep(kind="cache", elements=1437)}
    record.data = replace(record.data, pipeline=(source, *(known[name] for name in written.split())))
    return record


@pytest.mark.parametrize(
    ("written", "fires"),
    [
        # the number of orders in four epochs was measured for each of them
        ("shuffle batch", False),
        ("once batch", True),
        ("once shuffle batch", False),
        ("cache shuffle batch", False),
        ("shuffle cache batch", True),
        ("shuffle batch cache", True),
        ("shuffle cache shuffle batch", False),
        ("batch", False),
        ("cache batch", False),
    ],
)
def test_the_order_of_the_steps(written: str, fires: bool) -> None:
    assert (diagnosis(piped(written), NAME) is not None) is fires


def test_two_epochs_of_two_batches() -> None:
    record = piped("once batch")
    record.fit = replace(record.fit, epochs=1)
    assert diagnosis(record, NAME) is None
    record = piped("once batch")
    *steps, batch = record.data.pipeline
    record.data = replace(record.data, pipeline=(*steps, replace(batch, elements=1)))
    assert diagnosis(record, NAME) is None


def test_a_seed_gets_no_badge() -> None:
    record = shuffled_digits()
    record.fit = replace(record.fit, seed=1, backend="tensorflow")
    assert diagnosis(record, NAME) is None
