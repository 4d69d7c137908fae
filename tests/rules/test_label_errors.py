import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from kerasdoctor.examples import shuffled_digits
from kerasdoctor.quantities.held_out_outputs import HeldOutOutputs
from kerasdoctor.quantities.neighbour_labels import NeighbourLabels, Vote
from kerasdoctor.quantities.target_range import TargetRange
from kerasdoctor.record import Layer, Outcome, TrainingRecord
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


def voted(sure: int, unsure: int, *, kappa: float = 0.7, rows: int = 800) -> TrainingRecord:
    """A check of a table: nothing was trained."""
    record = shuffled_digits()
    record.history, record.outcome = {}, Outcome(status="checked")
    vote = Vote(rows, kappa, sure, unsure, odd=(7, 31))
    record.quantities["neighbour_labels"] = NeighbourLabels(rows, 0.7, 0.5, vote)
    return record


def test_near_rows_tell_wrong_labels_without_a_model() -> None:
    found = diagnosis(voted(50, 60), NAME)
    assert found is not None
    assert "whose ten nearest rows agree most, 12.5% are labelled otherwise than these, of the other half 15.0%" in (
        found.message
    )
    finding = cause(voted(50, 60), NAME, "confident-disagreements")
    assert finding.status.value == "confirmed"
    assert "rows 7, 31 have a label that none of these has" in finding.evidence.statement
    # of an ended run whose own predictions are not suspicious, too
    record = record_of(0.0)
    record.quantities["neighbour_labels"] = voted(50, 60).quantities["neighbour_labels"]
    assert cause(record, NAME, "confident-disagreements").status.value == "confirmed"


@pytest.mark.parametrize(
    "record",
    [
        voted(19, 20),
        voted(40, 85),
        voted(50, 60, kappa=0.59),
        # too few to tell 20 of 100 from the 16 that an overlap may have
        voted(20, 40, rows=200),
        voted(10, 12, rows=199),
    ],
    ids=["rare", "mostly where rows overlap", "little skill", "chance", "few rows"],
)
def test_near_rows_that_disagree_where_classes_overlap(record: TrainingRecord) -> None:
    assert diagnosis(record, NAME) is None


def guessed(*, equal: float = 0.1, val_loss: float = 2.31, epochs: int = 12) -> TrainingRecord:
    """Digits in another order than their labels; nothing is learned, by heart neither."""
    record = shuffled_digits()
    generator = np.random.default_rng(0)
    outputs = generator.dirichlet(np.full(10, 50.0), 600).astype("float32")
    record.quantities["held_out_outputs"] = HeldOutOutputs(outputs, generator.integers(0, 10, 600), "sparse")
    record.quantities["neighbour_labels"] = NeighbourLabels(1000, equal, 0.1)
    series = {"loss": 2.3, "accuracy": 0.12, "val_loss": val_loss, "val_accuracy": 0.1}
    record.history = {key: [value] * epochs for key, value in series.items()}
    return record


def test_labels_that_neither_the_network_nor_near_rows_can_tell() -> None:
    found = diagnosis(guessed(), NAME)
    assert found is not None
    assert "the nearest other row has the same label as often (10.0%) as any other row has (10.0%)" in found.message
    assert cause(guessed(), NAME, "random-labels").status.value == "confirmed"


@pytest.mark.parametrize(
    "changes", [{"equal": 0.13}, {"val_loss": 2.2}, {"epochs": 7}], ids=["near rows tell", "something", "few epochs"]
)
def test_what_may_only_start_slowly(changes: dict[str, float]) -> None:
    assert diagnosis(guessed(**changes), NAME) is None  # type: ignore[arg-type]


def test_places_of_words_are_no_distance() -> None:
    record = guessed()
    embedding = Layer(name="embedding", kind="Embedding", parameters=100)
    record.model = replace(record.model, layers=(embedding, *record.model.layers))
    assert diagnosis(record, NAME) is None


def test_near_rows_tell_nothing_of_a_rare_class() -> None:
    record = guessed()
    record.quantities["neighbour_labels"] = NeighbourLabels(1000, 0.9, 0.9)
    assert diagnosis(record, NAME) is None
