"""The cells that are written beforehand for the plugin."""

from __future__ import annotations

import ast
import itertools
import json
from dataclasses import replace
from html import unescape
from typing import Any

from kerasdoctor.diagnosis import (
    Applicability,
    CauseFinding,
    Diagnosis,
    Evidence,
    Prescription,
    Severity,
    Status,
    Verdict,
)
from kerasdoctor.engine import diagnose
from kerasdoctor.record import Source, TrainingRecord
from kerasdoctor.remedies import AddCallback, Change, Plan, SetFitArgument
from kerasdoctor.renderers import combinations, html
from kerasdoctor.report import Report
from kerasdoctor.rule import discover

CALL = "model.fit(x, y)"


def report(*changes: Change, notebook: bool = True) -> Report:
    record = TrainingRecord(
        run="7", source=Source(call=CALL, arguments={"x": "x", "y": "y"}, modules={"keras": "keras"}, notebook=notebook)
    )
    fixes = tuple(
        Prescription(number, "fix", "Fix", f"code {number}", Applicability.UNSAFE, Plan((change,), f"reason {number}"))
        for number, change in enumerate(changes, 1)
    )
    found = CauseFinding("cause", "why", Status.CONFIRMED, Evidence("seen"), fixes)
    diagnosis = Diagnosis("name", "data", Severity.ERROR, "message", (Evidence("seen"),), (found,))
    return Report(record, Verdict("flat", "flat", "", ""), (diagnosis,), ())


def callbacks(count: int) -> list[Change]:
    return [AddCallback(f"Own{number}()") for number in range(count)]


def cells(shown: Report) -> dict[tuple[str, ...], str]:
    data: dict[str, Any] = json.loads(combinations.render(shown))
    return {tuple(ids): "\n".join(data["lines"][line] for line in lines) for ids, _does, lines in data["cells"]}


def test_every_selection_is_the_cell_that_the_magic_writes() -> None:
    shown = report(*callbacks(4))
    fixes = [fix for *_, fix in shown.prescriptions()]
    found = cells(shown)
    assert len(found) == 11
    for size in (2, 3, 4):
        for selection in itertools.combinations(fixes, size):
            written = shown.combined(selection)
            assert written is not None
            assert found[tuple(f"7.{fix.number}" for fix in selection)] == written.source


def test_what_does_not_go_together_is_no_cell_and_says_why() -> None:
    sizes = [SetFitArgument("batch_size", "8"), SetFitArgument("batch_size", "64")]
    shown = report(*sizes, *callbacks(1))
    assert set(cells(shown)) == {("7.1", "7.3"), ("7.2", "7.3")}
    why = "fixes 7.1 (fix) and 7.2 (fix) do not go together: both decide batch_size"
    assert json.loads(combinations.render(shown))["conflicts"] == [["7.1", "7.2", why]]


def test_many_fixes_have_their_pairs() -> None:
    found = cells(report(*callbacks(11)))
    assert len(found) == combinations.MOST_CELLS
    assert set(itertools.combinations([f"7.{number}" for number in range(1, 12)], 2)) <= set(found)


def test_beside_other_runs_the_command_writes_the_cells() -> None:
    sizes = [SetFitArgument("batch_size", "8"), SetFitArgument("batch_size", "64")]
    data = json.loads(combinations.render(report(*sizes, *callbacks(1)), alone=False))
    assert (data["ids"], data["cells"], len(data["conflicts"])) == (["7.1", "7.2", "7.3"], [], 1)


def test_the_page_holds_them_unseen() -> None:
    shown = report(AddCallback("Own('<b>')"), AddCallback("Other()"))
    page = html.render(shown)
    data = page.split('<pre class="kerasdoctor-combinations" hidden>')[1].split("</pre>")[0]
    assert "<b>" not in data
    assert unescape(data) == combinations.render(shown)


def test_there_are_none_of_one_fix_nor_in_a_script_nor_of_an_unknown_plan() -> None:
    assert combinations.render(report(*callbacks(1))) == ""
    assert combinations.render(report(*callbacks(2), notebook=False)) == ""
    shown = report(*callbacks(2))
    (diagnosis,) = shown.diagnoses
    (cause,) = diagnosis.causes
    unknown = tuple(replace(fix, plan=None) for fix in cause.prescriptions)
    diagnosis = replace(diagnosis, causes=(replace(cause, prescriptions=unknown),))
    assert combinations.render(replace(shown, diagnoses=(diagnosis,))) == ""


def test_the_cells_of_every_rules_examples_are_python_with_one_fit() -> None:
    count = 0
    for rule in discover():
        for example in rule.examples:
            data = combinations.render(diagnose(example.record()))
            for ids, _does, places in json.loads(data)["cells"] if data else ():
                count += 1
                source = "\n".join(json.loads(data)["lines"][place] for place in places)
                ast.parse(source.replace("%kdoctor fit ", ""))
                assert source.count(".fit(") == 1, (rule.name, ids)
    assert count > 100
