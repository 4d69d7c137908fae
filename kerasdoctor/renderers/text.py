"""The report as plain text: complete, at most 88 columns wide, readable in a terminal and as a diff."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from kerasdoctor.diagnosis import CauseFinding, Diagnosis, Evidence, Prescription, Status
from kerasdoctor.locale import _
from kerasdoctor.renderers import wording
from kerasdoctor.report import Report

#: Columns; source code is never wrapped.
WIDTH = 88

#: White space, a character of a script without blanks between its words, or a word.
_BLANK = " \t\r\n\v\f"
_WIDE = r"\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60"
_TOKEN = re.compile(rf"[{_BLANK}]+|[{_WIDE}]|[^{_BLANK}{_WIDE}]+")
#: Columns of the longest name that has its text beside it, not below.
MOST_LEAD = 34
_STATUS = {Status.CONFIRMED: "+", Status.POSSIBLE: "?", Status.RULED_OUT: "-"}


def render(report: Report) -> str:
    """The whole report; ends without a line feed."""
    return "\n".join(_lines(report))


def overview(reports: Sequence[Report], left_out: Sequence[str] = ()) -> str:
    """One line for each run, and the names of those whose reports do not follow."""
    lines: list[str] = []
    count = len({report.record.run for report in reports}.union(left_out))
    for report in reports:
        found = ", ".join(diagnosis.name for diagnosis in report.diagnoses) or _("nothing found")
        lines += _wrap("; ".join([*wording.header(report.record), found]), "- ", "  ")
    if left_out:
        note = _("Not shown, to keep the notebook small: runs {runs}. %kdoctor report RUN shows one of them.")
        lines += ["", *_wrap(note.format(runs=", ".join(left_out)))]
    return "\n".join([_heading(_("Keras Doctor: {count:,} runs").format(count=count)), *lines])


def _lines(report: Report) -> Iterator[str]:
    record = report.record
    # a part is not torn in two where it fits on a line
    parts = [part.replace(" ", "\xa0") for part in [_("Keras Doctor"), *wording.header(record)]]
    title = [line.replace("\xa0", " ") for line in _wrap(" | ".join(parts))]
    yield from title
    yield "=" * max(_width(line) for line in title)
    if record.outcome.exception:
        yield from _wrap(_("Exception: {exception}").format(exception=wording.plain(record.outcome.exception)))
    yield ""
    yield from _wrap(_("Verdict: {sentence}").format(sentence=wording.plain(report.verdict.sentence)))
    read = [f"{key}: {word}" for key, _arrow, word in wording.trends(report.verdict, record)]
    if read:
        yield from _wrap(f"({', '.join(read)})", "  ")
    if report.clean:
        yield ""
        yield from _wrap(wording.no_finding(report))
    yield from _findings(report)
    yield from _curves(report)
    yield ""
    yield _heading(_("Facts of the run"))
    facts = wording.facts(record)
    indent = max(_width(title) for title, _rows in facts) + 4
    for group, rows in facts:
        lead = f"  {group}"
        for name, text in rows:
            line = wording.plain(f"{name}: {text}")
            yield from _wrap(line, lead + " " * (indent - _width(lead)), " " * (indent + 2))
            lead = ""
    yield ""
    yield _heading(_("What was examined, and what was not"))
    yield from _table(wording.examined(report))
    own = wording.failures(record)
    if own:
        yield ""
        yield from _wrap(_("Keras Doctor itself failed here; the training was not disturbed:"))
        for failure in own:
            yield from _wrap(wording.plain(f"{failure.where}: {failure.error}"), "  - ", "    ")
    steps = wording.next_steps(report)
    if steps:
        yield ""
        yield _heading(_("How to go on"))
        yield from _table(steps)


def _findings(report: Report) -> Iterator[str]:
    places = wording.first_place(report.diagnoses)
    for diagnosis in report.diagnoses:
        yield ""
        yield from _diagnosis(diagnosis, report, places)
    if report.unwritten:
        yield ""
        yield from _wrap(wording.plain(wording.unwritten(report)))


def _diagnosis(diagnosis: Diagnosis, report: Report, places: dict[int, tuple[str, str]]) -> Iterator[str]:
    yield f"[{wording.severity(diagnosis.severity).upper()}] {diagnosis.name}"
    measured, further = wording.told(diagnosis, report.record.fit.initial_epoch)
    yield from _wrap(_with(wording.plain(diagnosis.message), measured), "  ")
    for evidence in further:
        yield from _wrap(_statement(evidence, report), "  * ", "    ")
    for sentence in wording.explained(diagnosis):
        yield from _wrap(sentence, "  > ", "    ")
    for cause in diagnosis.causes:
        yield ""
        lead = f"  {_STATUS[cause.status]} {wording.status(cause.status)}: "
        yield from _wrap(wording.plain(f"{cause.name}: {cause.explanation}"), lead, "    ")
        yield from _wrap(_statement(cause.evidence, report), "    * ", "      ")
        for prescription in cause.prescriptions:
            yield from _prescription(prescription, diagnosis, cause, report, places[prescription.number])


def _prescription(
    prescription: Prescription, diagnosis: Diagnosis, cause: CauseFinding, report: Report, place: tuple[str, str]
) -> Iterator[str]:
    name = wording.identifier(report, prescription.number)
    title = wording.plain(prescription.title)
    yield ""
    if place != (diagnosis.name, cause.name):
        seen = _("{title} (code above, under {cause})").format(title=title, cause=place[1])
        yield from _wrap(_("Fix {name}: {text}").format(name=name, text=seen), "    ", "      ")
        return
    words = wording.applicability(prescription.applicability)
    yield from _wrap(_("Fix {name}: {text}").format(name=name, text=f"{title} ({words})"), "    ", "      ")
    yield ""
    for line in wording.exact(prescription.source.rstrip("\n")).split("\n"):
        yield f"        {line}".rstrip()
    for edit in prescription.edits:
        yield ""
        command = _("{edit} (%kdoctor fix {name} --edit):").format(edit=wording.edit(edit), name=name)
        yield from _wrap(command, "    ", "      ")
        yield ""
        # the two lines of file names say what the line above says
        for line in wording.exact(edit.unified).split("\n")[2:]:
            yield f"        {line}".rstrip()


def _statement(evidence: Evidence, report: Report) -> str:
    return _with(wording.plain(evidence.statement), wording.measured(evidence, report.record.fit.initial_epoch))


def _with(statement: str, measured: list[str]) -> str:
    return f"{statement} [{', '.join(measured)}]" if measured else statement


def _curves(report: Report) -> Iterator[str]:
    rows, more = wording.curves(report.record)
    if not rows:
        return
    yield ""
    yield _heading(_("Curves"))
    table = [("", _("first"), _("best"), _("last")), *((wording.plain(key, 40), *values) for key, *values in rows)]
    widths = [max(_width(row[column]) for row in table) for column in range(4)]
    for row in table:
        cells = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        yield f"  {'  '.join(cells)}".rstrip()
    if more:
        yield _("  and {count:,} more").format(count=more)


def _table(rows: list[tuple[str, str]]) -> Iterator[str]:
    indent = max((width for name, _text in rows if (width := _width(name)) <= MOST_LEAD), default=0) + 4
    for name, text in rows:
        lead = f"  {wording.plain(name)}"
        if _width(lead) + 2 > indent:
            yield from _wrap(lead.strip(), "  ")
            lead = ""
        yield from _wrap(wording.plain(text), lead + " " * (indent - _width(lead)), " " * indent)


def _heading(text: str) -> str:
    return f"{text}\n{'-' * _width(text)}"


def _width(text: str) -> int:
    """Columns that a terminal gives to `text`: East Asian wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _wrap(text: str, first: str = "", rest: str | None = None) -> Iterator[str]:
    """Lines of at most `WIDTH` columns, led by `first` and then `rest`; Chinese breaks between any two characters."""
    rest = first if rest is None else rest
    line, lead = "", first
    gap = ""
    for piece in _pieces(text, WIDTH - max(_width(first), _width(rest))):
        if piece == " ":
            gap = " " if line else ""
        elif line and _width(lead + line + gap + piece) > WIDTH:
            yield lead + line
            line, lead, gap = piece, rest, ""
        else:
            line, gap = line + gap + piece, ""
    yield (lead + line).rstrip()


def _pieces(text: str, longest: int) -> Iterator[str]:
    """Words in pieces of at most `longest` columns, wide characters one by one, a blank for each white space."""
    for match in _TOKEN.finditer(text):
        word = match.group()
        if word[0] in _BLANK:
            yield " "
            continue
        size = longest if word.isascii() else longest // 2
        yield from (word[start : start + size] for start in range(0, len(word), size))
