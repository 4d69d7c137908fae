from dataclasses import replace

import pytest

from kerasdoctor import engine
from kerasdoctor.diagnosis import Status
from kerasdoctor.examples import shuffled_digits
from kerasdoctor.quantities.overfit_batch import Attempt, OverfitBatch
from kerasdoctor.record import Outcome, TrainingRecord
from tests.rules.differential import diagnosis

NAME = "cannot-overfit-a-batch"
FAILED = Attempt(
    way="as compiled", rate=1e-3, steps=1000, first=2.4, last=2.3, penalty=0, share=0.1, stalled=True, ended="steps"
)
LEARNED = replace(FAILED, steps=100, last=0.1, share=1.0, stalled=False, ended="learned")


def record_of(*attempts: Attempt, silent: int = 0, spread: float = 0.5, untried: tuple = ()) -> TrainingRecord:
    record = shuffled_digits()
    record.history = {}
    record.outcome = Outcome(status="checked")
    record.quantities["overfit_batch"] = OverfitBatch(8, attempts, 4, silent, spread, untried)
    return record


def statuses(record: TrainingRecord) -> dict[str, Status]:
    found = diagnosis(record, NAME)
    assert found is not None
    return {cause.name: cause.status for cause in found.causes}


@pytest.mark.parametrize(
    "attempt",
    [
        LEARNED,
        # the time was up, or the loss is on its way: nobody knows
        replace(FAILED, ended="seconds", stalled=False),
        replace(FAILED, stalled=False),
    ],
)
def test_no_word_where_the_rows_are_known_or_may_be(attempt):
    assert diagnosis(record_of(attempt), NAME) is None


@pytest.mark.parametrize(
    ("way", "cause"),
    [
        ("slower", "rate-too-high"),
        ("faster", "rate-too-low"),
        ("without noise", "training-noise"),
        ("without penalties", "large-penalty"),
    ],
)
def test_the_way_that_learns_names_the_cause(way, cause):
    failed = replace(FAILED, way="slower" if way != "slower" else "faster")
    found = statuses(record_of(FAILED, failed, replace(LEARNED, way=way)))
    assert [name for name, status in found.items() if status is Status.CONFIRMED] == [cause]
    assert found["unsuited-loss"] is Status.RULED_OUT


def test_where_no_way_helps_the_loss_is_possible():
    assert statuses(record_of(FAILED, replace(FAILED, way="slower")))["unsuited-loss"] is Status.POSSIBLE
    assert statuses(record_of(FAILED, silent=4, spread=0.0))["no-gradient"] is Status.CONFIRMED
    assert statuses(record_of(FAILED, silent=3, spread=0.0))["no-gradient"] is Status.RULED_OUT
    assert statuses(record_of(FAILED, spread=0.0))["constant-output"] is Status.CONFIRMED


def test_what_there_was_no_time_for_is_said():
    found = diagnosis(record_of(FAILED, untried=("faster",)), NAME)
    assert found is not None
    (cause,) = [cause for cause in found.causes if cause.name == "rate-too-low"]
    assert cause.status is Status.POSSIBLE
    assert cause.evidence.statement.startswith("not measured")
    assert "no time was left" in cause.evidence.statement


def test_a_loss_that_is_not_finite_is_told():
    found = diagnosis(record_of(replace(FAILED, ended="nonfinite", steps=3, stalled=False)), NAME)
    assert found is not None
    assert "after 3 steps" in found.message


def test_a_check_without_it_says_how_to_ask():
    record = record_of(LEARNED)
    del record.quantities["overfit_batch"]
    skipped = {one.name: one.reason for one in engine.diagnose(record).skipped}
    assert skipped[NAME] == "needs overfit_batch, not recorded (%kdoctor check --overfit measures it)"
    record.outcome = Outcome(status="finished")
    assert NAME not in {one.name for one in engine.diagnose(record).skipped}
