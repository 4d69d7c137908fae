from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from kerasdoctor import engine
from kerasdoctor.diagnosis import CauseFinding, Diagnosis, Evidence, Severity, Status
from kerasdoctor.examples import (
    dead_digits,
    digits_thrown_off,
    digits_with_a_gap,
    digits_with_dropout,
    mislabelled_digits,
    shuffled_digits,
    sorted_digits,
    tumours,
)
from kerasdoctor.record import Compile, Fit, Loss, MetricFacts, Outcome, TrainingRecord
from kerasdoctor.rule import discover
from kerasdoctor.verdict import _ASIDE, read_curves
from tests.rules.differential import diagnosis

EPOCHS = 30
T = np.arange(EPOCHS)
COURSES = {
    "down": np.linspace(2.0, 1.0, EPOCHS),
    "flat": 1.0 + 1.0 * np.exp(-T / 1.5),
    "up": np.concatenate([np.linspace(2.0, 1.0, 10), np.linspace(1.0, 2.0, 20)]),
    "unclear": 1.0 + 0.3 * np.random.default_rng(2).standard_normal(EPOCHS),
}


def record(train: NDArray[np.float64], validation: NDArray[np.float64] | None = None) -> TrainingRecord:
    history = {"loss": train.tolist()}
    if validation is not None:
        history["val_loss"] = validation.tolist()
    return TrainingRecord(
        history=history,
        metric_facts={"loss": MetricFacts(direction="down")},
        fit=Fit(epochs=EPOCHS),
        outcome=Outcome(status="finished", epochs=len(train)),
    )


def scale(train: str, validation: str) -> float:
    """Training lies below validation, as it does, but where the rows that validate are easier."""
    return 1.5 if (train, validation) == ("flat", "down") else 0.7


def turned(validation: str) -> NDArray[np.float64]:
    """A flat curve has its best value where it becomes flat."""
    return COURSES[validation] + (1e-4 * T if validation == "flat" else 0.0)


@pytest.mark.parametrize(
    ("train", "validation", "reading"),
    [
        ("down", "down", "learning"),
        ("down", "flat", "overfitting"),
        ("down", "up", "overfitting"),
        ("flat", "down", "data at fault"),
        ("flat", "flat", "bottleneck"),
        ("flat", "up", "drifting"),
        ("up", "down", "contradictory"),
        ("up", "flat", "diverging"),
        ("up", "up", "diverging"),
        ("down", "unclear", "unclear"),
        ("flat", "unclear", "unclear"),
        ("up", "unclear", "diverging"),
        ("unclear", "unclear", "unclear"),
        ("unclear", "down", "unclear"),
        ("unclear", "up", "unclear"),
    ],
)
def test_the_table_of_the_guide(train: str, validation: str, reading: str) -> None:
    verdict = read_curves(record(scale(train, validation) * COURSES[train], turned(validation)))
    assert (verdict.train, verdict.validation, verdict.reading) == (train, validation, reading)
    assert verdict.sentence.endswith(".")
    assert verdict.sentence[0].isupper()


def test_what_the_guide_advises_is_said() -> None:
    def sentence(train: str, validation: str) -> str:
        return read_curves(record(scale(train, validation) * COURSES[train], turned(validation))).sentence

    assert "the network is learning" in sentence("down", "down")
    assert "overfit" in sentence("down", "up")
    assert "look at the data first" in sentence("flat", "down")
    assert "smaller learning rate or another batch size" in sentence("flat", "flat")
    assert "the network's design, its settings" in sentence("up", "up")


@pytest.mark.parametrize("times", [0.5, 0.98])
def test_validation_that_lies_above_or_beside_training_has_no_faulty_data(times: float) -> None:
    verdict = read_curves(record(times * COURSES["flat"], COURSES["down"]))
    assert (verdict.train, verdict.validation, verdict.reading) == ("flat", "down", "learning")
    assert "data" not in verdict.sentence


def test_a_best_last_epoch_is_no_begin_of_overfitting() -> None:
    verdict = read_curves(record(0.7 * COURSES["down"], COURSES["flat"]))
    assert (verdict.train, verdict.validation, verdict.reading) == ("down", "flat", "converged")
    assert "best in epoch 30" in verdict.sentence
    assert "overfitting" not in verdict.sentence


def test_healthy_runs_get_a_calm_sentence() -> None:
    assert read_curves(shuffled_digits()).reading == "learning"
    assert read_curves(tumours()).reading == "learning"
    assert read_curves(digits_with_dropout()).reading == "converged"


def test_converged_is_no_bottleneck() -> None:
    verdict = read_curves(record(0.002 + 2 * np.exp(-T / 1.5), 0.1 + 2 * np.exp(-T / 1.5)))
    assert (verdict.train, verdict.validation, verdict.reading) == ("flat", "flat", "converged")
    assert "more epochs will change little" in verdict.sentence


@pytest.mark.parametrize("by", [1.2, 3.0])
@pytest.mark.parametrize("name", ["flat", "settled"])
def test_a_loss_without_a_least_value_is_never_at_it(name: str, by: float) -> None:
    course = COURSES["flat"] if name == "flat" else 2.3 + 0.002 * np.random.default_rng(0).standard_normal(EPOCHS)
    lower = course if name == "flat" else course - 1.5
    verdict = read_curves(record(lower - by, lower - by + 0.05))
    assert (verdict.train, verdict.validation, verdict.reading) == ("flat", "flat", "unclear")
    assert "a loss that falls below 0 does not tell" in verdict.sentence
    assert not any(word in verdict.sentence for word in ("converged", "% of", "nan"))


def test_a_loss_below_zero_that_has_all_rows_right_has_converged() -> None:
    made = record(COURSES["flat"] - 1.2, COURSES["flat"] - 1.1)
    made.history["accuracy"] = [0.99] * EPOCHS
    made.metric_facts["accuracy"] = MetricFacts(direction="up", proportion=True)
    assert read_curves(made).reading == "converged"


@pytest.mark.parametrize(
    ("first", "last", "reading"), [(-0.2, -0.99, "converged"), (-0.2, -0.6, "bottleneck"), (-0.2, -0.201, "bottleneck")]
)
def test_a_cosine_similarity_falls_to_minus_one(first: float, last: float, reading: str) -> None:
    course = last + (first - last) * np.exp(-T / 1.5)
    made = record(course, course + 0.005)
    made.compile = Compile(losses=(Loss(name="cosine_similarity", builtin=True),))
    verdict = read_curves(made)
    assert verdict.reading == reading
    assert ("nothing is being learned" in verdict.sentence) is (last == -0.201)


def test_all_rows_right_is_no_bottleneck() -> None:
    converged = record(0.5 + 0.5 * np.exp(-T / 1.5), COURSES["flat"])
    assert read_curves(converged).reading == "bottleneck"
    converged.history["accuracy"] = [0.99] * EPOCHS
    converged.metric_facts["accuracy"] = MetricFacts(direction="up", proportion=True)
    assert read_curves(converged).reading == "converged"


def test_a_converged_run_that_gets_worse_overfits() -> None:
    verdict = read_curves(record(0.002 + 2 * np.exp(-T / 1.5), COURSES["up"]))
    assert (verdict.train, verdict.reading) == ("flat", "overfitting")


def test_a_converged_run_that_still_improves_has_no_faulty_data() -> None:
    verdict = read_curves(record(0.002 + 2 * np.exp(-T / 1.5), COURSES["down"]))
    assert (verdict.train, verdict.validation, verdict.reading) == ("flat", "down", "converged")


def test_the_best_epoch_is_named() -> None:
    assert "best in epoch 6" in read_curves(mislabelled_digits()).sentence


def test_few_epochs() -> None:
    verdict = read_curves(record(np.array([2.3, 1.1, 0.8]), np.array([2.0, 1.2, 1.0])))
    assert (verdict.train, verdict.validation, verdict.reading) == ("unclear", "unclear", "unclear")
    assert "3 epochs are too few" in verdict.sentence
    assert "loss 2.3 to 0.8, val_loss 2 to 1" in verdict.sentence


def test_no_validation() -> None:
    verdict = read_curves(record(COURSES["down"]))
    assert (verdict.train, verdict.validation, verdict.reading) == ("down", "unclear", "not validated")
    assert "The training loss is falling" in verdict.sentence
    assert "without validation" in verdict.sentence


def test_the_numbers_of_a_trend_are_those_of_its_window() -> None:
    sentence = read_curves(record(COURSES["flat"])).sentence
    assert f"flat ({COURSES['flat'][-10]:.3g} to 1 in the last 10 of 30 epochs)" in sentence


def test_epochs_without_a_loss() -> None:
    made = record(COURSES["down"])
    made.history = {"d_loss": made.history["loss"], "g_loss": made.history["loss"]}
    sentence = read_curves(made).sentence
    assert sentence == "No loss is among what the 30 epochs have logged: there is no loss curve to read."


def test_no_epoch() -> None:
    verdict = read_curves(TrainingRecord())
    assert verdict.reading == "unclear"
    assert verdict.sentence == "No epoch is complete yet: there is no curve to read."


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("raised", "An exception ended the call before its first epoch"),
        ("interrupted", "The call was interrupted before its first epoch"),
        ("stopped_early", "Training was stopped before its first epoch"),
    ],
)
def test_no_epoch_and_none_to_come(status: str, told: str) -> None:
    ended = TrainingRecord()
    ended.outcome = Outcome(status=status)  # type: ignore[arg-type]
    assert read_curves(ended).sentence.startswith(told)


def test_a_loss_that_is_lost() -> None:
    verdict = read_curves(digits_with_a_gap())
    assert verdict.reading == "not finite"
    assert "from epoch 1 on" in verdict.sentence
    once = record(COURSES["down"].copy(), COURSES["down"].copy())
    once.history["loss"][4] = float("inf")
    assert "in 1 of 30 epochs, first in epoch 5" in read_curves(once).sentence
    once.history["loss"][4:] = [float("nan")] * 26
    assert "from epoch 5 on" in read_curves(once).sentence
    partly = record(COURSES["down"].copy(), COURSES["down"].copy())
    partly.history["val_loss"][20:] = [float("nan")] * 10
    verdict = read_curves(partly)
    assert verdict.reading == "not finite"
    assert "validation loss is NaN or infinite from epoch 21" in verdict.sentence


def test_other_labels_in_validation() -> None:
    verdict = read_curves(sorted_digits())
    assert verdict.reading == "not comparable"
    assert verdict.validation == "up"
    assert "hold other labels" in verdict.sentence


@pytest.mark.parametrize(
    ("status", "beginning"),
    [
        ("running", "So far (12 of 30 epochs): both losses"),
        ("interrupted", "Interrupted after 12 of 30 epochs: both losses"),
        ("raised", "Ended by an exception after 12 of 30 epochs: both losses"),
        ("stopped_early", "Both losses"),
    ],
)
def test_part_of_a_run(status: str, beginning: str) -> None:
    part = record(COURSES["down"][:12], COURSES["down"][:12])
    part.outcome = Outcome(status=status, epochs=12)  # type: ignore[arg-type]
    assert read_curves(part).sentence.startswith(beginning)


def test_validated_every_second_epoch() -> None:
    sparse = record(COURSES["down"], COURSES["up"][1::2])
    sparse.fit = Fit(epochs=EPOCHS, validation_freq=2)
    verdict = read_curves(sparse)
    assert (verdict.train, verdict.validation, verdict.reading) == ("down", "up", "overfitting")
    assert "best in epoch 10" in verdict.sentence


def test_without_facts_about_the_metrics() -> None:
    bare = TrainingRecord(history={"loss": COURSES["down"].tolist(), "val_loss": COURSES["down"].tolist()})
    assert read_curves(bare).train == "down"


@pytest.mark.parametrize("rise", [0.06, 0.5])
def test_it_overfits_where_the_diagnosis_says_so(rise: float) -> None:
    validation = 0.3 + 0.7 * np.exp(-T / 3) + 0.3 * rise * np.clip((T - 10) / 20, 0, 1)
    made = record(0.9**T, validation)
    verdict = read_curves(made)
    assert (verdict.train, verdict.reading) == ("down", "overfitting")
    fires = diagnosis(made, "overfitting") is not None
    assert fires is (rise > 0.1)
    assert ("the network overfits" in verdict.sentence) is fires
    assert ("overfitting begins" in verdict.sentence) is not fires


def test_the_numbers_are_those_of_the_last_epoch() -> None:
    made = record(COURSES["down"].copy(), COURSES["down"].copy())
    made.history["loss"][-1], made.history["val_loss"][-1] = 1.0123, 1.0456
    assert "(loss 1.01, val_loss 1.05)" in read_curves(made).sentence


def test_a_loss_that_never_moved() -> None:
    stuck = 2.3 + 0.002 * np.random.default_rng(0).standard_normal(EPOCHS)
    verdict = read_curves(record(stuck, stuck + 0.02))
    assert (verdict.train, verdict.validation, verdict.reading) == ("flat", "flat", "bottleneck")
    assert "nothing is being learned" in verdict.sentence
    assert "smaller and larger" in verdict.sentence


@pytest.mark.parametrize("epochs", [5, 8, 12])
def test_a_curve_that_bends_and_always_falls_is_falling(epochs: int) -> None:
    falling = 2.3 * np.exp(-np.arange(epochs) / 2) + 0.1
    assert read_curves(record(falling, falling + 0.05)).reading == "learning"


def test_a_fall_of_next_to_nothing_says_nothing_of_the_data() -> None:
    made = record(2.29 + 1.5 * np.exp(-T / 1.5), 2.30 - 0.003 * T)
    verdict = read_curves(made)
    assert (verdict.train, verdict.validation, verdict.reading) == ("flat", "down", "bottleneck")


def found(name: str, status: Status = Status.CONFIRMED, severity: Severity = Severity.WARNING) -> tuple[Diagnosis, ...]:
    """A diagnosis with one cause."""
    cause = CauseFinding("a-cause", "it was the cause", status, Evidence("seen"))
    return (Diagnosis(name, "optimization", severity, "It is so.", (Evidence("seen"),), (cause,)),)


@pytest.mark.parametrize("validation", ["down", "flat", "up", "unclear"])
@pytest.mark.parametrize("train", ["down", "flat", "up", "unclear"])
def test_what_was_found_goes_before_what_the_curves_would_mean(train: str, validation: str) -> None:
    made = record(0.7 * COURSES[train], COURSES[validation])
    alone, told = read_curves(made), read_curves(made, found("dead-units"))
    assert (told.train, told.validation) == (alone.train, alone.validation)
    claims = alone.reading in {"converged", "data at fault", "learning", "overfitting"}
    assert told.reading == ("dead-units" if claims else alone.reading)
    assert told.sentence.endswith(". See dead-units below first: it was the cause.")
    # the facts of the two curves stay
    assert told.sentence.partition(". See")[0] == alone.sentence[: len(told.sentence.partition(". See")[0])]
    possible = read_curves(made, found("dead-units", Status.POSSIBLE))
    assert possible.sentence.endswith(". See dead-units below first.")


@pytest.mark.parametrize(
    "beside", [found("small-dataset", severity=Severity.INFO), found("accuracy-on-regression"), ()]
)
def test_notes_and_metrics_leave_the_curves_as_they_are(beside: tuple[Diagnosis, ...]) -> None:
    made = record(0.7 * COURSES["down"], COURSES["down"])
    assert read_curves(made, beside) == read_curves(made)


def test_overfitting_that_is_measured_yields_to_faults_alone() -> None:
    made, overfits = mislabelled_digits(), found("overfitting")
    assert read_curves(made, overfits).reading == "overfitting"
    assert read_curves(made, (*overfits, *found("unscaled-inputs"))).reading == "overfitting"
    faults = found("leaking-split", severity=Severity.ERROR)
    assert read_curves(made, (*faults, *overfits)).reading == "leaking-split"


def test_the_diagnoses_that_leave_the_curves_as_they_are_exist() -> None:
    assert {rule.name for rule in discover()} >= _ASIDE


@pytest.mark.parametrize(("made", "name"), [(dead_digits, "dead-units"), (digits_thrown_off, "learning-rate-too-high")])
def test_the_head_of_a_report_does_not_contradict_it(made: Callable[[], TrainingRecord], name: str) -> None:
    report = engine.diagnose(made())
    assert [diagnosis.name for diagnosis in report.diagnoses][:1] == [name]
    assert f"See {name} below first: " in report.verdict.sentence
    assert report.verdict.reading not in {"converged", "data at fault", "learning"}
    assert not any(word in report.verdict.sentence for word in ("converged", "look at the data", "is learning"))
