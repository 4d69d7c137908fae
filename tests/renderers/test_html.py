import re
from importlib import resources

import pytest

from kerasdoctor.renderers import html
from kerasdoctor.report import Report
from tests.renderers.conftest import BUILDERS, clean, digits, nan_loss, overfitting, sorted_digits
from tests.renderers.reading import read


def test_everything_that_was_found_is_said(report: Report) -> None:
    shown = " ".join(read(html.render(report)).prose.split())
    for diagnosis in report.diagnoses:
        assert diagnosis.name in shown
        assert diagnosis.message in shown
        for evidence in diagnosis.evidence:
            assert evidence.statement in shown
        for cause in diagnosis.causes:
            assert f"{cause.name}: {cause.explanation}" in shown
            assert cause.evidence.statement in shown
    for skipped in report.skipped:
        assert skipped.name in shown
        assert skipped.reason in shown
    for failure in report.record.failures:
        assert failure.error in shown
    assert report.verdict.sentence in shown


def test_order_without_styles() -> None:
    shown = read(html.render(sorted_digits())).prose
    parts = [
        "run 1",
        "The training loss falls",
        "error",
        "label shares differ",
        "confirmed",
        "Fix 1.1",
        "ruled out",
        "warning",
        "possible",
        "light line",
        "Facts of the run",
        "What was examined",
        "How to go on",
    ]
    places = [shown.index(part) for part in parts]
    assert places == sorted(places)


def test_code_is_shown_once_and_exactly(report: Report) -> None:
    found = read(html.render(report)).prescriptions
    expected = [
        (f"{report.record.run}.{prescription.number}", prescription.source)
        for _diagnosis, _cause, prescription in report.prescriptions()
    ]
    assert [(block.identifier, block.code) for block in found] == expected


def test_code_of_a_confirmed_cause_stands_open() -> None:
    opened = [block.identifier for block in read(html.render(sorted_digits())).prescriptions if block.opened]
    assert opened == ["1.1"]


def test_nothing_runs_or_loads(report: Report) -> None:
    reading = read(html.render(report, standalone=True))
    assert not {"script", "button", "input", "form", "iframe", "link", "object", "a"} & set(reading.tags)
    for tag, name, value in reading.attributes:
        assert not name.startswith("on")
        assert name not in {"href", "style"}
        if name == "src":
            assert tag == "img"
            assert value.startswith("data:image/png;base64,")
    for style in re.findall(r"<style>(.*?)</style>", html.render(report, standalone=True), flags=re.DOTALL):
        assert "url(" not in style
        assert "@import" not in style


def test_every_class_is_ours(report: Report) -> None:
    # the two others tell MathJax to leave the user's words alone
    foreign = read(html.render(report)).classes - {"tex2jax_ignore", "mathjax_ignore"}
    assert all(name.startswith("kerasdoctor-") for name in foreign)


def test_styles_touch_nothing_outside() -> None:
    css = resources.files("kerasdoctor.renderers").joinpath("templates/report.css").read_text("utf-8")
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    selectors = [part.strip() for rule in re.findall(r"([^{}]+)\{", css) for part in rule.split(",")]
    assert [s for s in selectors if not s.startswith((".kerasdoctor-report", ".kerasdoctor-run", "@media"))] == []


def test_figure_tells_what_it_shows() -> None:
    (alt,) = [value for _tag, name, value in read(html.render(nan_loss())).attributes if name == "alt"]
    assert alt == "Curves of loss over the epochs: loss ends at NaN"


def test_no_figure_without_curves() -> None:
    assert "img" not in read(html.render(BUILDERS["raised"]())).tags


def test_a_clean_bill_is_only_for_a_run_that_ended_well() -> None:
    assert "✓ Nothing found." in " ".join(read(html.render(clean())).prose.split())
    assert "✓" not in read(html.render(BUILDERS["raised"]())).prose


def test_a_note_does_not_spoil_a_clean_bill() -> None:
    report = overfitting()
    noted = Report(report.record, report.verdict, report.diagnoses[1:], ())
    assert "Nothing found that needs treatment" in read(html.render(noted)).prose


def test_fragment_and_page() -> None:
    report = clean()
    assert html.render(report).count("<style>") == 1
    page = html.render(report, standalone=True)
    assert page.startswith("<!DOCTYPE html>")
    assert read(page).tags.count("h1") == 1


def test_the_caption_explains_the_signs_that_are_there() -> None:
    assert "cross: the next value is not finite" in html.render(nan_loss())
    assert "cross:" not in html.render(clean())
    assert "not drawn: sex_auc, sex_precision" in read(html.render(BUILDERS["many_metrics"]())).prose


def test_several_runs_have_an_overview(reports: list[Report]) -> None:
    reading = read(html.render_all(reports))
    # the gravest stands open, the others are closed
    assert reading.tags.count("h4") == sum(len(report.diagnoses) for report in reports)
    overview = reading.prose[: reading.prose.index("The training loss falls")]
    for report in reports:
        for diagnosis in report.diagnoses:
            assert diagnosis.name in overview


@pytest.mark.parametrize("words", [{}, {"name": "digits"}])
def test_a_report_of_nothing(words: dict[str, str]) -> None:
    report = clean()
    empty = Report(type(digits())(run=words.get("name", "")), report.verdict, (), ())
    assert "still running" in read(html.render(empty)).prose
