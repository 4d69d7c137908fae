"""`%kdoctor fit` before IPython reads the cell."""

from __future__ import annotations

import pytest

from kerasdoctor.notebook.transform import rewrite

HOME = "get_ipython().kdoctor"


def rewritten(cell: str) -> str:
    return "".join(rewrite(cell.splitlines(keepends=True)))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%kdoctor fit model.fit(x, y)\n", f"{HOME}.fit(lambda: model.fit(x, y));\n"),
        ("h = %kdoctor fit model.fit(x, y)\n", f"h = {HOME}.fit(lambda: model.fit(x, y))\n"),
        ("self.h = %kdoctor fit model.fit(x)\n", f"self.h = {HOME}.fit(lambda: model.fit(x))\n"),
        ("a = b = %kdoctor fit model.fit(x)\n", f"a = b = {HOME}.fit(lambda: model.fit(x))\n"),
        ("%kdoctor fit model.fit(x)  # why\n", f"{HOME}.fit(lambda: model.fit(x));  # why\n"),
        ("%kdoctor fit model.fit(x);\n", f"{HOME}.fit(lambda: model.fit(x));\n"),
        ("a = 1; %kdoctor fit model.fit(x)\n", f"a = 1; {HOME}.fit(lambda: model.fit(x));\n"),
        (
            "h = %kdoctor fit model.fit(\n    x,  # the rows\n    y,\n)\nprint(h)\n",
            f"h = {HOME}.fit(lambda: model.fit(\n    x,  # the rows\n    y,\n))\nprint(h)\n",
        ),
        (
            "def train():\n    return 1\n    %kdoctor fit model.fit(x,\n        y)\n",
            f"def train():\n    return 1\n    {HOME}.fit(lambda: model.fit(x,\n        y));\n",
        ),
        (
            "for e in range(3):\n    %kdoctor fit model.fit(x)\n",
            f"for e in range(3):\n    {HOME}.fit(lambda: model.fit(x));\n",
        ),
        ("%kdoctor fit\nmodel.fit(x)\n", f"{HOME}.watch_next()\nmodel.fit(x)\n"),
        ("%kdoctor check model.fit(x, y)\n", f"{HOME}.check(lambda: model.fit(x, y));\n"),
        ("r = %kdoctor check model.fit(\n    x)\n", f"r = {HOME}.check(lambda: model.fit(\n    x))\n"),
        (
            "r = %kdoctor check --overfit model.fit(\n    x)\n",
            f"r = {HOME}.check(overfit=True, call=lambda: model.fit(\n    x))\n",
        ),
        ("%kdoctor check --overfit\n", f"{HOME}.check_text('', None)\n"),
        ("%kdoctor check\n", f"{HOME}.check_text('', None)\n"),
        (
            "h = %kdoctor fit --level light model.fit(\n    x)\n",
            f"h = {HOME}.fit(level='light', call=lambda: model.fit(\n    x))\n",
        ),
        ("%kdoctor fit --level=light\nmodel.fit(x)\n", f"{HOME}.watch_next(level='light')\nmodel.fit(x)\n"),
        ("%%kdoctor fit --level light\nmodel.fit(x)\n", f"{HOME}.watch_cell(level='light')\nmodel.fit(x)\n"),
        ("%%kdoctor fit\nmodel.fit(x)\n", f"{HOME}.watch_cell()\nmodel.fit(x)\n"),
        ("%%kdoctor fit\n%%time\nmodel.fit(x)\n", f"%%time\n{HOME}.watch_cell()\nmodel.fit(x)\n"),
        ("%%kdoctor fit\n\n%%capture out\nmodel.fit(x)\n", f"%%capture out\n{HOME}.watch_cell()\n\nmodel.fit(x)\n"),
        ("\n%%kdoctor fit\nmodel.fit(x)\n", f"\n{HOME}.watch_cell()\nmodel.fit(x)\n"),
        ("%kdoctor fit größe.fit(данные)\n", f"{HOME}.fit(lambda: größe.fit(данные));\n"),
        ("!ls 'it\n%kdoctor fit model.fit(x)\n", f"!ls 'it\n{HOME}.fit(lambda: model.fit(x));\n"),
        ("%matplotlib inline\n%kdoctor fit model.fit(x)", f"%matplotlib inline\n{HOME}.fit(lambda: model.fit(x));"),
        (
            "%kdoctor fit a.fit(x)\n%kdoctor fit b.fit(x)\n",
            f"{HOME}.fit(lambda: a.fit(x));\n{HOME}.fit(lambda: b.fit(x));\n",
        ),
    ],
)
def test_it_becomes_python_on_the_same_lines(cell, expected):
    assert rewritten(cell) == expected
    assert rewritten(cell).count("\n") == cell.count("\n")


@pytest.mark.parametrize(
    "cell",
    [
        "model.fit(x)\n",
        "%kdoctor report\n",
        's = """\n%kdoctor fit model.fit(x)\n"""\n',
        "print('%kdoctor fit model.fit(x)')\n",
        "# %kdoctor fit model.fit(x)\n",
        "a %kdoctor\n",
        "x = (1\n%kdoctor * 2)\n",
        "%%time\nkdoctor = 1\n",
        "%%timeit\n",
        "",
        "\n",
    ],
)
def test_everything_else_is_left_alone(cell):
    assert rewritten(cell) == cell


@pytest.mark.parametrize(
    ("cell", "start"),
    [
        ("%kdoctor fit 3 + 4\n", f"{HOME}.refuse('3 + 4')"),
        ("%kdoctor fit model\n", f"{HOME}.refuse('model')"),
        ("%kdoctor fit the model please\n", f"{HOME}.refuse('the model please', "),
        ("%kdoctor fit model.fit(x))\n", f"{HOME}.refuse('model.fit(x))', "),
        ("%%kdoctor fit now\nmodel.fit(x)\n", f"{HOME}.refuse_words('now')"),
    ],
)
def test_what_is_no_call_is_refused_when_the_cell_runs(cell, start):
    assert rewritten(cell).startswith(start)


def test_an_open_bracket_is_left_to_python():
    assert rewritten("%kdoctor fit model.fit(x,\n  y\n").rstrip() == f"{HOME}.fit(lambda: model.fit(x,\n  y"
