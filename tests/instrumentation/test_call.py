"""The user's call, found in what they wrote."""

from __future__ import annotations

import ast
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


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        # what the top level calls the same object
        ("def train(m, rows):\n    return m.fit(rows, y, epochs=2)\ntrain(model, x)", "model.fit(x, y, epochs=2)"),
        ("def train(n):\n    return model.fit(x, y, epochs=n)\ntrain(3)", "model.fit(x, y, epochs=3)"),
        ("def train(name):\n    return model.fit(x, name)\ntrain('a')", 'model.fit(x, "a")'),
        ("def train(n):\n    return model.fit(x, y, epochs=-n)\ntrain(3)", "model.fit(x, y, epochs=-3)"),
        ("nets = {'a': model}\ndel model\nfor n in nets.values(): n.fit(x)", ""),
        ("nets = {'a': model}\ndel model\n[n.fit(x) for n in nets.values()]", 'nets["a"].fit(x)'),
        # what the caller passed, where the object has no name
        ("def train(rows):\n    return model.fit(rows)\ntrain([object()] * 2)", "model.fit([object()] * 2)"),
        ("def train(rows):\n    return model.fit(rows)\ntrain(rows={1, 2})", "model.fit({1, 2})"),
        # stars
        ("model.fit(*(x, y), epochs=1)", "model.fit(x, y, epochs=1)"),
        ("d = [x, y]\nmodel.fit(*d)", "model.fit(d[0], d[1])"),
        ("def train(*a, **k):\n    return model.fit(*a, **k)\ntrain()", "model.fit()"),
        ("model.fit(x, **dict(y=y))", "model.fit(x, y=y)"),
        # names that a lambda or a comprehension binds are its own
        ("def train(m):\n    return m.fit([m for m in range(2)], lambda x: m)\ntrain(model)", None),
        ("def train(i):\n    return model.fit([i for i in range(i)], y)\ntrain(2)", None),
    ],
)
def test_in_names_of_the_top_level(source, cell, expected):
    found = source(cell)
    if expected is not None:
        assert found.top == expected
        assert found.local_names == ()
    else:
        ast.parse(found.top or found.call)


def test_a_bound_parameter_is_not_what_the_caller_passed(source):
    found = source("def train(rows):\n    rows = rows[:1]\n    return model.fit(rows)\ntrain([object()] * 2)")
    assert found.local_names == ("rows",)


def test_a_function_that_shadows_a_builtin(source):
    assert source("def train(input):\n    return model.fit(input, y)\ntrain(x)").top == "model.fit(x, y)"


def test_what_a_function_gives_takes_no_name_of_the_notebook(source):
    cell = "def train():\n    h = model.fit(x, y)\n    return h\n"
    assert source(f"{cell}train()").assignment == "h = "


def test_a_taken_name_is_not_given(source):
    cell = "h = 1\ndef train():\n    h = model.fit(x, y)\n    return h\n"
    assert source(f"{cell}train()").assignment == ""


def test_the_call_of_another_object_is_not_the_models():
    seen: list[Source | None] = []

    class Wrapper:
        def fit(self, *_: Any) -> None:
            seen.append(call.summarize(sys._getframe(1), model=object()))

    wrapper = Wrapper()
    wrapper.fit(1)
    assert seen == [None]


def test_restated():
    made = Source(call="model.fit(x[rows], y, epochs=n)", arguments={"x": "x[rows]", "y": "y"}, model="model")
    names: dict[str, Any] = {name: Net([]) for name in ("model", "x", "rows", "y")} | {"n": 3}
    seen = call.objects(made, names)
    assert call.restated(made, seen, names) is made
    names |= {"n": 4, "other": names["x"], "x": Net([])}
    del names["rows"]
    now = call.restated(made, seen, names)
    assert now.top == "model.fit(other[rows], y, epochs=3)"
    assert (now.local_names, now.arguments["x"]) == (("rows",), "other[rows]")
    names["y"] = None
    assert call.restated(made, seen, names).local_names == ("earlier_y", "rows")
