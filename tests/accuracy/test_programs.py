import collections
import re

import pytest

from tests.accuracy import campaign, score
from tests.accuracy.programs import PROGRAMS
from tests.accuracy.programs.program import Program, healthy
from tests.accuracy.programs.truths import ALSO, TRUTHS
from tests.accuracy.split import draw, load

FAULTY = [program for program in PROGRAMS.values() if program.kind != "healthy"]
ANSWER = re.compile(r"[a-z]+(-[a-z]+)*: [a-z]+(-[a-z]+)*")


def test_there_are_as_many_as_the_figures_need():
    kinds = collections.Counter(program.kind for program in PROGRAMS.values())
    assert kinds["healthy"] >= 66
    assert kinds["faulty"] >= 140
    assert kinds["two faults"] >= 24
    assert sum(program.seeds for program in PROGRAMS.values() if program.kind == "healthy") >= 200


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="two programs are called"):
        healthy("digits-conv", "images", "val_accuracy", 0.9)(print)


def test_healthy_programs_say_what_they_reach_and_have_no_truth():
    for program in PROGRAMS.values():
        if program.kind == "healthy":
            assert program.reaches is not None
            assert not program.raises
            assert (*program.conditions, *program.truth, *program.also) == ()


@pytest.mark.parametrize("program", FAULTY, ids=lambda program: program.name)
def test_the_truth_of_a_faulty_program(program: Program):
    assert len(program.conditions) == (2 if program.kind == "two faults" else 1)
    for right in score.answers(program):
        assert right
    for statement in score.true_statements(program):
        assert ANSWER.fullmatch(statement)


def test_every_condition_is_planted():
    planted = {condition for program in FAULTY for condition in program.conditions}
    assert planted == set(TRUTHS)
    assert set(ALSO) <= planted


def test_a_thread_comes_with_what_solved_it():
    threads = [program for program in FAULTY if program.thread]
    assert len(threads) >= 30
    for program in threads:
        assert re.fullmatch(r"([\w.-]+/)?[\w.-]+( PR)?#\d+", program.thread)
        assert program.accepted_fix
        assert "\n" not in program.accepted_fix
    assert not [program.name for program in FAULTY if program.accepted_fix and not program.thread]


def test_the_split_is_the_drawn_one():
    parts = load()
    assert parts == draw(list(PROGRAMS.values()))
    halves = collections.Counter((PROGRAMS[name].kind, part) for name, part in parts.items())
    for kind in ("healthy", "faulty", "two faults"):
        assert abs(halves[kind, "development"] - halves[kind, "published"]) <= 1


def test_the_sample_is_a_tenth_and_nothing_of_the_published_half():
    names = [name for name, _ in campaign.sample()]
    assert {load()[name] for name in names} == {"development"}
    assert len(names) == pytest.approx(len(PROGRAMS) / 10, abs=2)
    assert {PROGRAMS[name].kind for name in names} == {"healthy", "faulty", "two faults"}
