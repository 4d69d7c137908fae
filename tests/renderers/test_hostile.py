"""Names, messages and code are the user's words: whatever they hold, they are data."""

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasdoctor.diagnosis import (
    Applicability,
    CauseFinding,
    Diagnosis,
    Evidence,
    Prescription,
    Severity,
    Skipped,
    Status,
    Verdict,
)
from kerasdoctor.record import Compile, Data, Failure, Fit, Layer, Loss, MetricFacts, Model, Outcome, Source
from kerasdoctor.renderers import bundle, figure, html, text, wording
from kerasdoctor.report import Report
from tests.renderers.conftest import digits
from tests.renderers.reading import read

HOSTILE = [
    "<script>alert(1)</script>",
    "</code></pre></div><img src=x onerror=alert(1)>",
    '"\' onmouseover="alert(1)',
    "</style><style>*{display:none}",
    "{{ 7 * 7 }}{% raw %}&amp;&lt;",
    "\x1b[2J\x1b]8;;http://x\x07click\x1b]8;;\x07\x9b31m",
    "safe\u202ecod.exe\u2066\u2069\u200f\ufeff",
    "a\x00b\x08\x7f\x85\u2028\u2029",
    "\ud800 alone",
    "line\r\nfeed\rback\ttab",
    "$\\frac{1}{0}$ $$ \\(x\\)",
    "x" * 10_000,
    "名" * 10_000,
    "👩‍👩‍👧 می‌خواهم",
    " ",
]


def everywhere(word: str) -> Report:
    """A report with `word` in every place that a user can write into."""
    evidence = Evidence(word, quantity=word, where=word, value=1.0)
    prescription = Prescription(1, "name", word, f"x = 1\n{word}\n", Applicability.SAFE)
    findings = tuple(CauseFinding(status.value, word, status, evidence, (prescription,)) for status in Status)
    record = digits(
        model=Model(name=word, layers=(Layer(name=word, kind=word),)),
        compile=Compile(optimizer=word, losses=(Loss(name=word, output=word, builtin=False),), dtype_policy=word),
        data=Data(containers={word: word}, not_examined=word),
        fit=Fit(callbacks=(word,)),
        history={f"m{word}": [1.0, 0.5], f"val_m{word}": [1.0, 0.5]},
        metric_facts={f"m{word}": MetricFacts(direction="down")},
        outcome=Outcome(status="raised", exception=f"ValueError: {word}"),
        source=Source(call=word),
        failures=[Failure(where=word, error=word)],
    )
    diagnosis = Diagnosis("rule", "data", Severity.ERROR, word, (evidence,), findings)
    return Report(record, Verdict("down", "up", "x", word), (diagnosis,), (Skipped("other", word),))


def check_html(word: str) -> None:
    report = everywhere(word)
    reading = read(html.render_all([report], pictures=[None]))
    assert reading.tags == read(html.render_all([everywhere("word")], pictures=[None])).tags
    assert [name for _tag, name, _value in reading.attributes if name.startswith("on")] == []
    assert harmless(reading.prose)
    (block,) = reading.prescriptions
    source = report.diagnoses[0].causes[0].prescriptions[0].source
    # no page can hold these two
    expected = source.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
    assert block.code == expected


def check_text(word: str) -> None:
    shown = text.render(everywhere(word))
    assert harmless(shown)
    shown.encode()


def harmless(shown: str) -> bool:
    """Nothing that drives a terminal, hides or reorders text."""
    return all(
        character in "\n\t\u200c\u200d" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        for character in shown
    )


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: ascii(word[:20]))
def test_words(word: str) -> None:
    check_html(word)
    check_text(word)


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: ascii(word[:20]))
def test_size_and_picture(word: str) -> None:
    contents = bundle.render(everywhere(word))
    assert sum(len(part.encode()) for part in contents.values()) < bundle.MOST_BYTES
    assert figure.render(everywhere(word)).startswith(b"\x89PNG")


@settings(max_examples=60, deadline=None)
# "none" is no container but the note that there is none: its line is left out
@given(st.text(st.characters(exclude_categories=[]), min_size=1).filter(lambda word: word != "none"))
def test_any_word(word: str) -> None:
    check_html(word)
    check_text(word)


def test_what_is_escaped_can_still_be_read() -> None:
    assert wording.plain("a\x1b[2J\u202eb\U000e0041") == "a\\x1b[2J\\u202eb\\U000e0041"
    assert wording.plain("x" * 1300) == "x" * 1200 + "... (100 more characters)"


def test_code_in_a_terminal_keeps_its_meaning() -> None:
    report = everywhere("word")
    (diagnosis,) = report.diagnoses
    prescription = replace(diagnosis.causes[0].prescriptions[0], source='s = "\x1b[2J"\n')
    causes = (replace(diagnosis.causes[0], prescriptions=(prescription,)),)
    shown = text.render(replace(report, diagnoses=(replace(diagnosis, causes=causes),)))
    assert '        s = "\\x1b[2J"\n' in shown
