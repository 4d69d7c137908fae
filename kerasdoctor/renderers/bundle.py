"""Reports as one mimebundle for a notebook: HTML with the figure inside, the figure, and plain text."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from markupsafe import escape

from kerasdoctor.diagnosis import Severity
from kerasdoctor.locale import _
from kerasdoctor.renderers import figure, html, text
from kerasdoctor.report import Report

#: Bytes that one output may add to a saved notebook.
MOST_BYTES = 300_000
#: Runs that the overview of one output lists, the gravest.
MOST_RUNS = 100
#: Bytes of it that plain text may take when even a single report is too large.
MOST_TEXT_BYTES = 60_000


def render(report: Report) -> dict[str, str]:
    """MIME type -> content of one report; a front end shows the richest that it knows."""
    picture = figure.render(report) if figure.panels(report.record)[0] else None
    contents = {"text/html": html.render_all([report], pictures=[picture])}
    if picture is not None:
        contents["image/png"] = _base64(picture)
    contents["text/plain"] = text.render(report)
    if _size(contents) > MOST_BYTES:
        contents.pop("image/png", None)  # the page holds it too
    return contents if _size(contents) <= MOST_BYTES else _cut(contents["text/plain"])


def render_all(reports: Sequence[Report]) -> dict[str, str]:
    """The same for several runs of one cell: an overview, then each of them; one report as `render` shows it.

    The gravest reports get the room; runs that find none are named instead.
    """
    if len(reports) == 1:
        return render(reports[0])
    gravest = sorted(range(len(reports)), key=lambda place: -_severity(reports[place]))
    listed = [reports[place] for place in sorted(gravest[:MOST_RUNS])]
    common = figure.png(figure.draw_runs([report.record for report in reports]))
    frame = html.render_all([], common=common, overview=listed)
    names = sum(_size(report.record.run) for report in reports)
    room = MOST_BYTES - _size([frame, _base64(common), text.overview(listed)]) - 4 * names

    texts: dict[int, str] = {}
    for place in gravest[:MOST_RUNS]:
        written = text.render(reports[place])
        cost = _size([html.render_all([reports[place]], pictures=[None]), written])
        if cost > room:
            break
        texts[place] = written
        room -= cost
    pictures: dict[int, bytes] = {}
    for place in texts:
        if figure.panels(reports[place].record)[0]:
            picture = figure.render(reports[place])
            # with its place in the page and its description
            cost = len(_base64(picture)) + 2000
            if cost > room:
                break
            pictures[place] = picture
            room -= cost

    kept = sorted(texts)
    left_out = [report.record.run for place, report in enumerate(reports) if place not in texts]
    contents = {
        "text/html": html.render_all(
            [reports[place] for place in kept],
            pictures=[pictures.get(place) for place in kept],
            common=common,
            overview=listed,
            left_out=left_out,
        ),
        "image/png": _base64(common),
        "text/plain": "\n\n\n".join([text.overview(listed, left_out), *(texts[place] for place in kept)]),
    }
    return contents if _size(contents) <= MOST_BYTES else _cut(contents["text/plain"])


def _severity(report: Report) -> int:
    return max((diagnosis.severity for diagnosis in report.diagnoses), default=Severity.INFO - 1)


def _base64(picture: bytes) -> str:
    return base64.b64encode(picture).decode("ascii")


def _size(contents: object) -> int:
    """Bytes in the notebook file, which is JSON."""
    return len(json.dumps(contents, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _cut(whole: str) -> dict[str, str]:
    """The beginning of a text that is too large for a notebook."""
    beginning = whole.encode()[:MOST_TEXT_BYTES].decode(errors="ignore")
    note = _("This report is too large for a notebook; `%kdoctor report --html FILE` writes it in full.")
    shown = f"{beginning}\n\n{note}"
    return {"text/html": f"<pre>{escape(shown)}</pre>", "text/plain": shown}
