"""What users read, kept in `tests/snapshots`; `pytest --snapshot-update` writes it anew."""

import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

from kerasdoctor.renderers import html, text
from kerasdoctor.report import Report
from tests.renderers.conftest import BUILDERS


class _File(SingleFileSnapshotExtension):
    _write_mode = WriteMode.TEXT

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(Path(__file__).parents[1] / "snapshots" / test_location.basename)


class _Text(_File):
    file_extension = "txt"


class _Html(_File):
    file_extension = "html"


@pytest.mark.parametrize("name", BUILDERS)
def test_text(name: str, snapshot: SnapshotAssertion) -> None:
    assert text.render(BUILDERS[name]()) == snapshot(extension_class=_Text)


@pytest.mark.parametrize("name", BUILDERS)
def test_html(name: str, snapshot: SnapshotAssertion) -> None:
    assert _readable(html.render(BUILDERS[name]())) == snapshot(extension_class=_Html)


def test_text_of_several_runs(reports: list[Report], snapshot: SnapshotAssertion) -> None:
    assert text.overview(reports) == snapshot(extension_class=_Text)


def test_html_of_several_runs(reports: list[Report], snapshot: SnapshotAssertion) -> None:
    page = html.render_all(reports[:2], pictures=[None, None], overview=reports, left_out=["2", "3", "5", "6", "7"])
    assert _readable(page) == snapshot(extension_class=_Html)


def _readable(page: str) -> str:
    """Without the style sheet, which is a file, and the pixels, which differ with the version of Matplotlib."""
    page = re.sub(r"<style>.*?</style>", "<style>report.css</style>", page, flags=re.DOTALL)
    return re.sub(r"base64,[A-Za-z0-9+/=]+", "base64,FIGURE", page)
