"""Clipping is offered where it makes the steps short."""

from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.examples import shuffled_digits
from kerasdoctor.quantities.weight_norm import WeightNorm
from kerasdoctor.remedies.clip_gradients import ClipGradients


@pytest.mark.parametrize(
    ("optimizer", "rate", "momentum", "offered"),
    [
        # a step of at most 0.01 against weights of norm 5
        ("SGD", 0.01, 0.0, True),
        # eight times as long a step as the longest gradient
        ("SGD", 8.0, 0.0, False),
        ("SGD", 0.3, 0.97, False),
        # the length of its steps is not that of the gradient
        ("Adam", 8.0, 0.0, True),
    ],
)
def test_no_clipping_where_a_clipped_step_is_still_long(optimizer, rate, momentum, offered):
    record = shuffled_digits()
    source = f"keras.optimizers.{optimizer}(learning_rate={rate})"
    record.compile = replace(
        record.compile,
        optimizer=optimizer,
        learning_rate=rate,
        optimizer_config={"learning_rate": rate, "momentum": momentum},
        source={**record.compile.source, "optimizer": source},
    )
    norms = WeightNorm()
    norms.extend(("a", "b"), range(1, 3), np.array([[3.0, 4.0], [30.0, 40.0]]))
    record.quantities["weight_norm"] = norms
    assert (ClipGradients().plan(record) is not None) is offered
