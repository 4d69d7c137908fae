"""Edits in a report: both texts can be read from what is shown, whatever they hold."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from kerasdoctor.diagnosis import CellEdit
from kerasdoctor.renderers import html as page
from kerasdoctor.report import Report
from tests.renderers.conftest import sorted_digits

OLD = 'x = "<script>alert(1)</script>"  # \u202e&amp;\n\n- y = 1\n+z\n'
NEW = 'x = "<script>alert(1)</script>"  # \u202e&amp;\n\n# why\n- y = 2\n+z\n'


def with_edit(report: Report) -> Report:
    first, *others = report.diagnoses
    cause, *causes = first.causes
    fix, *fixes = cause.prescriptions
    fix = replace(fix, edits=(CellEdit(OLD, NEW, 7, "id"),))
    cause = replace(cause, prescriptions=(fix, *fixes))
    return replace(report, diagnoses=(replace(first, causes=(cause, *causes)), *others))


def test_the_html_holds_every_line_with_its_sign():
    shown = page.render(with_edit(sorted_digits()))
    (block,) = re.findall(r'<pre class="kerasdoctor-diff"><code>(.*?)</code></pre>', shown, re.DOTALL)
    assert "<script" not in block
    assert re.findall("<[^/][^>]*>", block) == [
        f'<span class="kerasdoctor-{kind}">'
        for kind in ("unchanged", "unchanged", "removed", "added", "added", "unchanged", "unchanged")
    ]
    lines = html.unescape(re.sub("<[^>]*>", "", block)).removesuffix("\n").split("\n")
    assert "\n".join(line[1:] for line in lines if line[0] != "+") == OLD
    assert "\n".join(line[1:] for line in lines if line[0] != "-") == NEW
    assert "The same as an edit of your cell [7]" in shown


def test_the_text_shows_what_changes_and_how_it_is_written():
    lines = str(with_edit(sorted_digits())).splitlines()
    place = next(i for i, line in enumerate(lines) if "as an edit of your cell [7] (%kdoctor fix" in line)
    shown = [line[8:] for line in lines[place + 2 : place + 10]]
    assert shown[0].startswith("@@")
    assert [line for line in shown if line[:1] in {"-", "+"}] == ["-- y = 1", "+# why", "+- y = 2"]


def test_json_holds_it():
    (found,) = with_edit(sorted_digits()).to_dict()["diagnoses"][0]["causes"][0]["prescriptions"][:1]
    (edit,) = found["edits"]
    assert (edit["cell"], edit["id"], edit["source"]) == (7, "id", NEW)
    assert "+- y = 2" in edit["diff"]
