from dataclasses import replace
from typing import Any

import pytest

from kerasdoctor.diagnosis import Severity
from kerasdoctor.record import Earlier, TrainingRecord
from kerasdoctor.rule import Unhealthy
from kerasdoctor.rules.lost_optimizer_state import LostOptimizerState
from tests.rules.differential import cause, diagnosis

NAME = "lost-optimizer-state"
COMPILED, LOADED = (example.record for example in LostOptimizerState.examples if isinstance(example, Unhealthy))


def compiled_again(**changes: Any) -> TrainingRecord:
    record = COMPILED()
    assert isinstance(record.earlier, Earlier)
    record.earlier = replace(record.earlier, **changes)
    return record


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({}, Severity.WARNING),
        # the best weights were loaded in between
        ({"same_weights": False}, Severity.WARNING),
        # nothing was compiled
        ({"optimizer": "same", "iterations_now": 900}, None),
        # a lower rate, on purpose
        ({"optimizer": "other"}, None),
        ({"same_weights": False, "same_variables": False}, None),
    ],
)
def test_compiled_between_two_fits(changes: dict[str, Any], severity: Severity | None) -> None:
    found = diagnosis(compiled_again(**changes), NAME)
    assert (found and found.severity) == severity
    if found is not None:
        assert "Adam had made 900 updates, and begins again at 0" in found.message


def test_without_an_initial_epoch_it_is_a_note() -> None:
    record = compiled_again(resumed_at=0)
    record.fit = replace(record.fit, initial_epoch=0)
    found = diagnosis(record, NAME)
    assert found is not None
    assert found.severity is Severity.INFO


@pytest.mark.parametrize(
    ("optimizer", "config", "fires"),
    [
        ("SGD", {"momentum": 0.0}, False),
        ("SGD", {"momentum": 0.9}, True),
        ("SGD", {"momentum": 0.0, "learning_rate": {"class_name": "CosineDecay", "config": {}}}, True),
        ("RMSprop", {"momentum": 0.0}, True),
    ],
)
def test_an_optimizer_that_has_nothing_to_lose(optimizer: str, config: dict[str, Any], fires: bool) -> None:
    record = compiled_again()
    record.compile = replace(record.compile, optimizer=optimizer, optimizer_config=config)
    assert (diagnosis(record, NAME) is not None) is fires


@pytest.mark.parametrize(
    ("changes", "fires"),
    [({}, True), ({"fitted": True}, False), ({"fitted": None}, False), ({"iterations": 900}, False)],
)
def test_weights_from_a_file(changes: dict[str, Any], fires: bool) -> None:
    record = LOADED()
    record.model = replace(record.model, **changes)
    assert (diagnosis(record, NAME) is not None) is fires


def test_one_bias_that_has_not_moved_is_a_new_head() -> None:
    record = LOADED()
    weights = record.quantities["initial_weights"]
    spread = weights.variables["sequential/dense_2/bias"]
    head = {"sequential/dense_2/bias": replace(spread, mean=0.0, deviation=0.0)}
    record.quantities["initial_weights"] = replace(weights, variables={**weights.variables, **head})
    assert diagnosis(record, NAME) is None


def test_the_cell_trains_all_epochs_and_keeps_the_state() -> None:
    onward, prescription = cause(COMPILED(), NAME, "compiled-again").prescriptions
    assert "compile" not in onward.source
    assert "initial_epoch=0" in prescription.source
    assert 'BackupAndRestore("backup")' in prescription.source
