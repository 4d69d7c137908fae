import textwrap
import unicodedata
from dataclasses import replace

from kerasdoctor.diagnosis import Verdict
from kerasdoctor.renderers import html, text, wording
from kerasdoctor.report import Report
from tests.renderers.conftest import nan_loss, overfitting, sorted_digits


def test_everything_that_was_found_is_said(report: Report) -> None:
    shown = " ".join(text.render(report).split())
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


def test_what_the_message_tells_is_not_said_again() -> None:
    report = nan_loss()
    (diagnosis,) = report.diagnoses
    told = replace(diagnosis, message="The loss is not finite: the batch loss is NaN.")
    shown = text.render(replace(report, diagnoses=(told,)))
    assert shown.count("the batch loss is NaN") == 1
    assert "the batch loss is NaN. [batch_loss = NaN, epoch 3, step 88]" in shown


def test_code_stands_once_and_in_full(report: Report) -> None:
    shown = text.render(report)
    for _diagnosis, _cause, prescription in report.prescriptions():
        code = textwrap.indent(prescription.source.rstrip("\n"), " " * 8)
        assert shown.count(f"\n\n{code}\n") == 1
        assert f"Fix {report.record.run}.{prescription.number}: {prescription.title}" in shown


def test_causes_stand_in_the_order_of_the_differential() -> None:
    shown = text.render(nan_loss())
    places = [shown.index(sign) for sign in ("  + confirmed:", "  ? possible:", "  - ruled out:")]
    assert places == sorted(places)


def test_lines_keep_to_the_width_code_apart(report: Report) -> None:
    code = {line.strip() for _d, _c, prescription in report.prescriptions() for line in prescription.source.split("\n")}
    lines = text.render(report).split("\n")
    assert max(len(line) for line in lines if line.strip() not in code) <= text.WIDTH
    assert not [line for line in lines if line != line.rstrip()]


def test_chinese_keeps_to_the_width_of_a_terminal() -> None:
    sentence = "训练损失下降而验证损失上升" * 20
    report = replace(sorted_digits(), verdict=Verdict("down", "up", "overfitting", sentence))
    shown = text.render(report)
    lines = shown.split("\n")[2:10]
    widths = [sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line) for line in lines]
    assert max(widths) <= text.WIDTH
    assert sentence in "".join(line.strip() for line in lines)


def test_numbers() -> None:
    assert [wording.number(value) for value in (0.123456, -12345.6, 1.5e9, float("nan"), float("-inf"))] == [
        "0.1235",
        "-12,346",
        "1.5e+09",
        "NaN",
        "-inf",
    ]


def test_durations() -> None:
    shown = [wording.duration(seconds) for seconds in (0, 0.0421, 9.96, 59.4, 59.6, 200, 7500)]
    assert shown == ["0 s", "0.042 s", "10 s", "59 s", "1 min 0 s", "3 min 20 s", "2 h 5 min"]


def test_epochs_are_counted_as_keras_counts_them() -> None:
    report = nan_loss()
    record = replace(report.record, fit=replace(report.record.fit, initial_epoch=10, epochs=22))
    assert "epoch 13, step 88]" in text.render(replace(report, record=record))


def test_beside_curves_that_are_not_well_there_is_no_clean_bill() -> None:
    report = replace(sorted_digits(), diagnoses=(), skipped=())
    for reading, clean in (("learning", True), ("overfitting", False), ("diverging", False)):
        verdict = Verdict("falling", "rising", reading, "The curves.")
        said = wording.no_finding(replace(report, verdict=verdict))
        assert ("Nothing found" in said) is clean


def test_what_follows_from_a_diagnosis_is_said_under_it() -> None:
    report = overfitting()
    first, second = report.diagnoses
    nested = replace(report, diagnoses=(replace(first, explained=(second,)),))
    sentence = f"This explains {second.name}: {second.message}"
    assert sentence in " ".join(text.render(nested).split())
    assert html.render(nested).count("<li>This explains loss-accuracy-disagreement: ") == 1
    assert text.render(nested).count("[INFO]") == 0
    assert "overfitting (and by it loss-accuracy-disagreement)" in " ".join(text.render(nested).split())
