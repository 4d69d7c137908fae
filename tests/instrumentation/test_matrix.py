"""Watching changes nothing: every kind of model and fit ends with the weights of the plain run, bit for bit."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import kerasdoctor
from kerasdoctor.instrumentation import evaluations
from tests.instrumentation.matrix import CASES, Case


def state(model: keras.Model) -> list[np.ndarray]:
    """Weights, the optimizer's variables and the states of the random generators."""
    optimizers = [model.optimizer, getattr(model, "second", None)]
    variables = [*model.variables, *(v for optimizer in optimizers if optimizer for v in optimizer.variables)]
    return [np.asarray(keras.ops.convert_to_numpy(variable)) for variable in variables]


def trained(case: Case) -> keras.Model:
    keras.utils.set_random_seed(7)
    model = case.model()
    case.fit(model)
    return model


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("everything", [False, True], ids=["default", "everything"])
def test_weights_and_history_are_those_of_the_plain_fit(name, everything, monkeypatch):
    if everything:
        # before the first step and after every epoch
        monkeypatch.setattr(evaluations, "LEAST_TRAINED", 0)
        monkeypatch.setattr(evaluations, "SHARE", 10.0)
    case = CASES[name]
    plain = trained(case)
    with kerasdoctor.watch(quiet=True, level="full" if everything else "default") as watch:
        watched = trained(case)
    differing = [
        index
        for index, (one, other) in enumerate(zip(state(plain), state(watched), strict=True))
        if not np.array_equal(one, other, equal_nan=True)
    ]
    assert not differing
    np.testing.assert_equal(watched.history.history, plain.history.history)
    np.testing.assert_equal(watched.get_metrics_result(), plain.get_metrics_result())
    record = watch.report.record
    assert not record.failures
    assert bool(record.instrument.untapped) is not case.tapped
    assert ("gradient_norm" in record.quantities) is case.tapped
    assert set(vars(watched)) == set(vars(plain))
    assert set(vars(watched.optimizer)) == set(vars(plain.optimizer))
