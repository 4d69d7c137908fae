import base64
import json
from dataclasses import replace

from kerasdoctor.diagnosis import Severity
from kerasdoctor.renderers import bundle, html, text
from kerasdoctor.report import Report
from tests.renderers.conftest import BUILDERS, clean, sorted_digits
from tests.renderers.reading import read


def size(contents: dict[str, str]) -> int:
    return len(json.dumps(contents, ensure_ascii=False).encode())


def test_three_forms_of_one_report() -> None:
    report = sorted_digits()
    contents = bundle.render(report)
    assert list(contents) == ["text/html", "image/png", "text/plain"]
    assert base64.b64decode(contents["image/png"]).startswith(b"\x89PNG")
    assert contents["image/png"] in contents["text/html"]
    assert contents["text/plain"] == text.render(report)
    assert contents == report._repr_mimebundle_()


def test_no_picture_where_there_is_nothing_to_draw() -> None:
    assert "image/png" not in bundle.render(BUILDERS["raised"]())


def test_size(report: Report) -> None:
    assert size(bundle.render(report)) < 200_000


def test_one_report_of_several_is_that_report() -> None:
    assert bundle.render_all([clean()]) == bundle.render(clean())


def test_several_reports_share_one_output(reports: list[Report]) -> None:
    contents = bundle.render_all(reports)
    assert size(contents) < bundle.MOST_BYTES
    for report in reports:
        assert f"run {report.record.run}" in contents["text/html"]
        assert text.render(report) in contents["text/plain"]
    assert contents["text/plain"].startswith(text.overview(reports))


def test_many_runs_keep_the_gravest_reports() -> None:
    runs = [
        replace(builder(), record=replace(builder().record, run=str(place)))
        for place, builder in enumerate([clean] * 90 + [sorted_digits])
    ]
    contents = bundle.render_all(runs)
    assert size(contents) < bundle.MOST_BYTES
    reading = read(contents["text/html"])
    assert "unshuffled-split" in reading.prose
    assert [block.identifier for block in reading.prescriptions] == ["90.1", "90.2", "90.3"]
    assert "Not shown, to keep the notebook small: runs" in reading.prose
    left_out = reading.prose.split("small: runs ")[1].split(". %kdoctor")[0].split(", ")
    shown = {str(place) for place in range(91) if f"\nKeras Doctor | run {place} |" in contents["text/plain"]}
    assert shown | set(left_out) == {str(place) for place in range(91)}
    assert not shown & set(left_out)


def test_hundreds_of_runs_still_fit() -> None:
    runs = [replace(clean(), record=replace(clean().record, run=str(place))) for place in range(600)]
    contents = bundle.render_all(runs)
    assert size(contents) < bundle.MOST_BYTES
    assert contents["text/plain"].startswith("Keras Doctor: 600 runs")
    assert "600 runs" in read(contents["text/html"]).prose


def test_a_report_beyond_all_bounds_is_cut_and_says_so() -> None:
    report = sorted_digits()
    (first, *_rest) = report.diagnoses
    many = tuple(
        replace(first, name=f"rule-{place}", severity=Severity.ERROR, message="<b>" * 400) for place in range(400)
    )
    contents = bundle.render(replace(report, diagnoses=many))
    assert size(contents) < bundle.MOST_BYTES
    assert set(read(contents["text/html"]).tags) == {"pre"}
    assert "too large for a notebook" in contents["text/plain"]
    assert "rule-399" in html.render(replace(report, diagnoses=many))
