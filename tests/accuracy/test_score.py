import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import pytest

from tests.accuracy import campaign, score
from tests.accuracy.programs.program import Kind, Program

RIGHT = {"unshuffled-split: ordered-labels"}


def diagnosis(name: str = "unshuffled-split", severity: str = "error", **causes: str) -> dict[str, Any]:
    statuses = [[cause.replace("_", "-"), status] for cause, status in causes.items()]
    return {"name": name, "severity": severity, "causes": statuses}


def line(program: str, kind: Kind, *fits: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    watched = [{"verdict": "", "diagnoses": diagnoses, "failures": []} for diagnoses in fits]
    return {"program": program, "kind": kind, "status": "finished", "fits": watched, **more}


def program(name: str, kind: Kind, *conditions: str) -> Program:
    return Program(name, kind, "binary", print, conditions)


PROGRAMS = {
    "healthy": program("healthy", "healthy"),
    "sorted": program("sorted", "faulty", "ordered labels"),
    "both": program("both", "two faults", "ordered labels", "relu output"),
}


@pytest.mark.parametrize(
    ("causes", "right"),
    [
        ({"ordered_labels": "confirmed"}, True),
        ({"time_order": "confirmed", "ordered_labels": "confirmed"}, True),
        ({"ordered_labels": "possible", "time_order": "possible"}, True),
        ({"time_order": "possible", "ordered_labels": "possible"}, False),
        ({"time_order": "confirmed", "ordered_labels": "possible"}, False),
        ({"time_order": "ruled_out", "ordered_labels": "possible"}, True),
        ({"ordered_labels": "ruled_out"}, False),
        ({}, False),
    ],
)
def test_named(causes: dict[str, str], right: bool):
    assert score.named([diagnosis(**causes)], RIGHT) is right


def test_the_same_cause_of_another_diagnosis_is_not_right():
    assert not score.named([diagnosis("duplicated-rows", ordered_labels="confirmed")], RIGHT)


def test_alarms_count_in_every_fit_and_info_is_none():
    first = [diagnosis(severity="info"), diagnosis("overfitting", "warning", x="possible")]
    assert score.alarms(line("healthy", "healthy", first, [])) == ["overfitting"]
    assert score.alarms(line("healthy", "healthy", [diagnosis(severity="info")])) == []


def test_score():
    lines = [
        line("healthy", "healthy", []),
        line("healthy", "healthy", [diagnosis()]),
        line("sorted", "faulty", [diagnosis(ordered_labels="confirmed")]),
        line("sorted", "faulty", [diagnosis("overfitting", "warning", small_dataset="confirmed")]),
        line(
            "both",
            "two faults",
            [diagnosis(ordered_labels="possible"), diagnosis("bounded-output", relu_output="confirmed")],
        ),
        line("both", "two faults", [diagnosis(ordered_labels="possible")]),
    ]
    of = score.score(lines, PROGRAMS)
    assert (of.false_alarms.count, of.false_alarms.total) == (1, 2)
    assert (of.recall.count, of.recall.total) == (1, 2)
    assert (of.both.count, of.both.total) == (1, 2)
    assert (of.precision.count, of.precision.total) == (2, 3)
    assert of.rules == {"unshuffled-split": 1}
    assert of.failed == 0


def test_only_the_last_fit_of_a_faulty_program_is_judged():
    lines = [line("sorted", "faulty", [diagnosis(ordered_labels="confirmed")], [])]
    assert score.score(lines, PROGRAMS).recall.count == 0


def test_what_was_missed_is_told():
    assert score.missed(line("sorted", "faulty", []), PROGRAMS) == "not found: ordered labels"
    assert score.missed(line("sorted", "faulty", [diagnosis(ordered_labels="confirmed")]), PROGRAMS) == ""
    assert score.missed(line("sorted", "faulty", status="crashed"), PROGRAMS) == "failed: crashed; "
    wrong = [diagnosis(ordered_labels="confirmed"), diagnosis("overfitting", no_regularization="confirmed")]
    assert "not true: overfitting: no-reg" in score.missed(line("sorted", "faulty", wrong), PROGRAMS)
    assert score.missed(line("healthy", "healthy", [diagnosis()]), PROGRAMS) == "false alarm: unshuffled-split"


def test_wilson():
    # 0 of 200: the upper end is z²/(n + z²)
    assert str(score.Share(0, 200)) == "0.0 % (0 of 200; 0.0 to 1.9)"
    assert str(score.Share(0, 0)) == "none"


def test_a_line_that_was_cut_off_is_run_again(tmp_path):
    whole = {"state": "s", "program": "a", "seed": 0}
    (tmp_path / "lines").write_text(json.dumps(whole) + "\n" + json.dumps({**whole, "seed": 1})[:-5])
    assert list(campaign.read(tmp_path / "lines")) == [("s", "a", 0)]


@contextmanager
def process(target: Callable[[Connection], None]) -> Iterator[tuple[Connection, int | None]]:
    """A process that has begun."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    begun = context.Process(target=target, args=(theirs,), daemon=True)
    begun.start()
    try:
        assert ours.recv() == "begun"
        yield ours, begun.pid
    finally:
        begun.kill()
        begun.join()


def compute(connection: Connection) -> None:
    connection.send("begun")
    while True:
        pass


def wait(connection: Connection) -> None:
    connection.send("begun")
    time.sleep(1.0)
    connection.send("answer")
    time.sleep(60.0)


def test_a_run_is_timed_by_the_processor_not_by_the_clock(monkeypatch):
    monkeypatch.setattr(campaign, "LIMIT", 0.3)
    with process(compute) as (connection, pid):
        assert not campaign.answered(connection, pid)
    with process(wait) as (connection, pid):
        assert campaign.answered(connection, pid)
    monkeypatch.setattr(campaign, "LONGEST", 0.1)
    with process(wait) as (connection, pid):
        assert not campaign.answered(connection, pid)
