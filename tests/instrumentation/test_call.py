"""The user's call, found in what they wrote."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from kerasdoctor.instrumentation.summaries import call
from kerasdoctor.notebook import transform
from kerasdoctor.record import Source


class Net:
    """Something with a `fit` that notes how it was called."""

    def __init__(self, seen: list[Source | None]) -> None:
        self.seen = seen

    def fit(self, *_: Any, **__: Any) -> str:
        self.seen.append(call.summarize(sys._getframe(1), cell_id="abc"))
        return "history"


@pytest.fixture
def source():
    """Runs a cell in a real shell; the source of the one call that it makes."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.kdoctor = "the extension"
    seen: list[Source | None] = []

    def run(cell: str, **names: Any) -> Source:
        shell.user_ns.update({"model": Net(seen), "x": object(), "y": object(), **names})
        shell.run_cell(cell).raise_error()
        (found,) = seen
        assert found is not None
        return found

    yield run
    InteractiveShell.clear_instance()


def test_a_plain_call(source):
    found = source("import numpy as np\nhistory = model.fit(x, y, epochs=3)")
    assert found == Source(
        call="model.fit(x, y, epochs=3)",
        assignment="history = ",
        arguments={"x": "x", "y": "y", "epochs": "3"},
        model="model",
        taken=found.taken,
        modules={"numpy": "np"},
        notebook=True,
        cell_id="abc",
    )
    assert {"model", "x", "y", "np"} <= set(found.taken)
    assert "get_ipython" not in found.taken


def test_several_lines_and_other_alphabets(source):
    found = source("сеть = model\nсеть.fit(\n    x,\n    y,  # метки\n    epochs=3,\n)")
    assert found.call == "сеть.fit(\n    x,\n    y,  # метки\n    epochs=3,\n)"
    assert found.model == "сеть"


def test_the_lambda_of_the_magic_keeps_the_assignment(source):
    doctor = types.SimpleNamespace(fit=lambda call, **_: call())
    InteractiveShell.instance().kdoctor = doctor
    found = source('h = get_ipython().kdoctor.fit(level="light", call=lambda: model.fit(x, y))')
    assert (found.assignment, found.call) == ("h = ", "model.fit(x, y)")
    assert f"{transform.HOME}.fit" == call.MAGIC


def test_a_lambda_of_the_users_is_not_the_value(source):
    assert source("train = lambda m: m.fit(x, y)\ntrain(model)").assignment == ""


@pytest.mark.parametrize("cell", ["print(model.fit(x, y))", "a, b = model.fit(x, y)[:2]", "h = [model.fit(x, y)]"])
def test_no_assignment_of_the_call_alone(source, cell):
    assert source(cell).assignment == ""


def test_what_a_function_makes_itself_is_local(source):
    found = source("def train(y):\n    rows = [object()]\n    return model.fit(rows, y)\ntrain(y)")
    assert found.function == "train"
    assert found.local_names == ("rows",)
    assert found.arguments == {"x": "rows", "y": "y"}


def test_a_placeholder_takes_no_name_of_the_notebook(source):
    found = source("def train(labels):\n    x = [object()]\n    return model.fit(x, labels)\ntrain(y)")
    assert (found.top, found.local_names) == ("model.fit(train_x, y)", ("train_x",))
    assert found.call == "model.fit(x, labels)"


def test_names_of_the_notebook_that_a_function_hands_on_are_no_locals(source):
    assert source("def train(x, y):\n    return model.fit(x, y)\ntrain(x, y)").local_names == ()


def test_a_loop_at_the_top_level_has_no_locals(source):
    found = source("for fold in range(1):\n    model.fit(x, y, verbose=fold)")
    assert (found.local_names, found.function) == ((), "")


def test_arguments_behind_a_mapping(source):
    found = source("model.fit(x, **options)", options={"y": 2, "epochs": 5})
    assert found.arguments == {"x": "x", "y": 'options["y"]', "epochs": 'options["epochs"]'}
    assert found.hidden == ("y", "epochs")


def test_the_right_one_of_two_calls_on_a_line(source):
    assert source("model.seen.clear() or model.fit(x)  # model.fit(y)").call == "model.fit(x)"


def test_code_without_source():
    seen: list[Source | None] = []
    exec("net.fit(1)", {"net": Net(seen)})
    assert seen == [None]
