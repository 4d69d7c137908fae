"""The report as static HTML: a fragment for a notebook's output, or a page of its own."""

from __future__ import annotations

import base64
import functools
from collections.abc import Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from kerasdoctor.diagnosis import Severity, Status
from kerasdoctor.locale import _
from kerasdoctor.renderers import combinations, figure, wording
from kerasdoctor.report import Report

# shapes, not colours alone, and characters that no font draws as emoji
_SEVERITY = {Severity.ERROR: "■", Severity.WARNING: "▲", Severity.INFO: "●"}
_STATUS = {Status.CONFIRMED: "✓", Status.POSSIBLE: "?", Status.RULED_OUT: "✕"}


def render(report: Report, *, standalone: bool = False) -> str:
    """HTML without scripts or outside resources, that reads in order also where styles are stripped.

    Args:
        report: what to show.
        standalone: a whole page, which follows the reader's light or dark setting, instead of a fragment.
    """
    return render_all([report], standalone=standalone)


def render_all(
    reports: Sequence[Report],
    *,
    standalone: bool = False,
    pictures: Sequence[bytes | None] | None = None,
    common: bytes | None = None,
    overview: Sequence[Report] = (),
    left_out: Sequence[str] = (),
) -> str:
    """Several runs, each in a section below an overview; a single one as `render` shows it.

    Args:
        reports: the runs to show.
        standalone: see `render`.
        pictures: a PNG for each report, None for one that shall have none; drawn here by default.
        common: a PNG of all runs.
        overview: the runs that the overview lists; `reports` by default.
        left_out: names of those of them whose reports are not shown.
    """
    if pictures is None:
        pictures = [figure.render(report) if figure.panels(report.record)[0] else None for report in reports]
    environment = _environment()
    template = environment.get_template("page.html.jinja" if standalone else "reports.html.jinja")
    return template.render(
        reports=[
            _page(report, picture, alone=len(overview or reports) == 1)
            for report, picture in zip(reports, pictures, strict=True)
        ],
        common=None if common is None else _embedded(common),
        common_caption=_common_caption(overview),
        overview=overview or reports,
        left_out=list(left_out),
        count=len({report.record.run for report in overview or reports}.union(left_out)),
        width=figure.WIDTH,
        level=2 if standalone else 4,
        brand=not standalone,
        severity_symbol=_SEVERITY,
        status_symbol=_STATUS,
        css=_style("report.css"),
        page_css=_style("page.css") if standalone else "",
    )


def _page(report: Report, picture: bytes | None, *, alone: bool) -> dict[str, Any]:
    """What the template shows of one report."""
    rows, more = wording.curves(report.record)
    return {
        "report": report,
        "record": report.record,
        "header": wording.header(report.record),
        "trends": wording.trends(report.verdict, report.record),
        "places": wording.first_place(report.diagnoses),
        "open_number": _open_number(report),
        "picture": None if picture is None else _embedded(picture),
        "sound": report.record.outcome.status in {"finished", "stopped_early", "checked"}
        and not report.record.outcome.exception,
        "alt": _alt(report),
        "caption": _caption(report),
        "curves": rows,
        "more_curves": more,
        "facts": wording.facts(report.record),
        "examined": wording.examined(report),
        "failures": wording.failures(report.record),
        "next_steps": wording.next_steps(report),
        "combinations": combinations.render(report, alone=alone),
    }


def _open_number(report: Report) -> int | None:
    """The prescription whose code stands open: the first of a confirmed cause, else the first of all."""
    first = None
    for _diagnosis, cause, prescription in report.prescriptions():
        if cause.status is Status.CONFIRMED:
            return prescription.number
        first = first or prescription.number
    return first


def _embedded(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"


def _alt(report: Report) -> str:
    """The figure in one sentence, for readers who do not see it."""
    rows, _more = wording.curves(report.record)
    last = ", ".join(_("{key} ends at {value}").format(key=wording.plain(row[0], 40), value=row[3]) for row in rows[:8])
    names = ", ".join(wording.plain(metric.name, 40) for metric in figure.panels(report.record, report.diagnoses)[0])
    if not last:
        return _("Curves of {names} over the batches").format(names=names)
    return _("Curves of {names} over the epochs: {last}").format(names=names, last=last)


def _caption(report: Report) -> str:
    """What the signs in the figure mean, those that are there, and what it leaves out."""
    signs = figure.signs(report.record, report.diagnoses)
    words = {
        "batch": _("light line: loss of each batch"),
        "ring": _("ring: best epoch of validation"),
        "end": _("cross: the next value is not finite"),
        "mark": _("dotted line: where a diagnosis begins"),
    }
    parts = [words[sign] for sign in signs]
    omitted = figure.panels(report.record, report.diagnoses)[1]
    if omitted:
        names = ", ".join(wording.plain(name, 40) for name in omitted[: wording.MOST_ROWS])
        parts.append(_("not drawn: {names}").format(names=names))
    return "; ".join(parts)


def _common_caption(reports: Sequence[Report]) -> str:
    """How to read the picture of several runs."""
    chains = figure.chains([report.record for report in reports])
    parts = [_("one curve for each run")]
    if len(chains) < len(reports):
        parts.append(_("runs that go on with the same model are joined"))
    omitted = [record.run for chain in chains[figure.MOST_RUNS :] for record in chain]
    if omitted:
        parts.append(_("not drawn: {names}").format(names=_("runs {runs}").format(runs=", ".join(omitted))))
    return "; ".join(parts)


def _finalize(value: Any) -> Any:
    """Every value that a template prints: strings lose what could hide or reorder text, then they are escaped."""
    return wording.plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _source(code: str) -> Markup:
    """Code in full, so that what is inserted is what was shown; only what no page can hold is replaced."""
    escaped = Markup.escape(code.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "\\x00"))
    # a parser reads a bare carriage return as a line feed
    return escaped.replace("\r", Markup("&#13;"))


@functools.cache
def _style(name: str) -> Markup:
    environment = _environment()
    source, _path, _uptodate = environment.loader.get_source(environment, name)  # type: ignore[union-attr] # it has one
    return Markup(source)  # noqa: S704 # a file of this package


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("kerasdoctor.renderers"),
        autoescape=True,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals |= {"_": _, "wording": wording, "Severity": Severity, "Status": Status}
    environment.filters["source"] = _source
    return environment
