import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.examples import shuffled_digits
from kerasdoctor.quantities.held_out_outputs import HeldOutOutputs
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.record import TrainingRecord
from tests.rules.differential import cause, diagnosis, reason

NAME = "label-errors"


def record_of(noise: float, *, n: int = 600, overlap: float = 0.0, seed: int = 0) -> TrainingRecord:
    """Two classes on a line, their exact probabilities, and labels of which a share is turned round."""
    generator = np.random.default_rng(seed)
    true = generator.integers(0, 2, n)
    x = generator.standard_normal(n) + (6.0 - overlap) * (true - 0.5)
    probability = 1 / (1 + np.exp(-(6.0 - overlap) * x))
    labels = np.where(generator.random(n) < noise, 1 - true, true)
    record = shuffled_digits()
    outputs = (noise + (1 - 2 * noise) * probability)[:, None].astype("float32")
    record.quantities["held_out_outputs"] = HeldOutOutputs(outputs, labels, "binary")
    return with_targets(record, 0.0, 1.0)


def with_targets(record: TrainingRecord, lowest: float, highest: float) -> TrainingRecord:
    target = record.quantities["target_range"]
    assert isinstance(target, TargetRange)
    outputs = {name: replace(one, minimum=lowest, maximum=highest) for name, one in target.outputs.items()}
    record.quantities["target_range"] = replace(target, outputs=outputs)
    return record


@pytest.mark.parametrize("seed", range(10))
def test_classes_that_overlap_are_healthy(seed: int) -> None:
    for overlap in (3.5, 4.0, 4.5):
        assert diagnosis(record_of(0.0, overlap=overlap, seed=seed), NAME) is None


@pytest.mark.parametrize("seed", range(5))
def test_wrong_labels_stand_anywhere(seed: int) -> None:
    found = diagnosis(record_of(0.15, seed=seed), NAME)
    assert found is not None
    assert "of the half of the validation rows that the model is surest of" in found.message


def test_cleanlab_names_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cleanlab")
    assert cause(record_of(0.15), NAME, "confident-disagreements").status.value == "confirmed"
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    finding = cause(record_of(0.15), NAME, "confident-disagreements")
    assert finding.status.value == "possible"
    assert "pip install kerasdoctor[cleanlab]" in finding.evidence.statement


def test_only_at_the_end_and_of_enough_rows() -> None:
    record = record_of(0.15)
    record.outcome = replace(record.outcome, status="running")
    assert diagnosis(record, NAME) is None
    assert diagnosis(record_of(0.15, n=199), NAME) is None
    assert "needs held_out_outputs" in (reason(shuffled_digits(), NAME) or "")


def test_chance_in_a_split_of_ordered_rows_is_another_matter() -> None:
    record = record_of(0.5)
    assert cause(record, NAME, "random-labels").status.value == "confirmed"
    record.quantities["row_order"] = replace(record.quantities["row_order"], z=50.0)
    assert diagnosis(record, NAME) is None


@pytest.mark.parametrize(("train", "fires"), [(0.3, False), (0.45, True)])
def test_learned_by_heart_counts_alike_whatever_chance_is(train: float, fires: bool) -> None:
    """Ten classes at chance in the validation: one row in ten is right."""
    generator = np.random.default_rng(0)
    outputs = generator.dirichlet(np.ones(10), 600).astype("float32")
    # one row in ten is right: a shift of the labels by 0 to 9 places
    labels = (outputs.argmax(axis=1) + np.arange(600)) % 10
    record = shuffled_digits()
    record.quantities["held_out_outputs"] = HeldOutOutputs(outputs, labels, "sparse")
    record.history["accuracy"][-1] = train
    assert (diagnosis(record, NAME) is not None) is fires


def test_classes_that_are_written_otherwise_are_another_matter() -> None:
    for lowest, highest, found in ((0.0, 1.0, True), (-1.0, 1.0, False), (1.0, 2.0, False)):
        record = with_targets(record_of(0.15), lowest, highest)
        assert (diagnosis(record, NAME) is not None) is found
