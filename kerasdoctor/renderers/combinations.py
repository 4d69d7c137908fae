"""What selections of fixes become as one cell, for the plugin, which shows it before it inserts it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from kerasdoctor.diagnosis import Prescription
from kerasdoctor.remedies.merging import Conflict, merge
from kerasdoctor.renderers import wording
from kerasdoctor.report import Report

#: Cells that are written beforehand, the smaller selections first: all of six fixes, of eleven still every pair. For
#: others the plugin inserts the command that writes the cell.
MOST_CELLS = 57


def render(report: Report, *, alone: bool = True) -> str:
    """The cells as JSON; empty where there are fewer than two prescriptions that can be combined or exclude each other.

    `ids` are those of all fixes. `cells` are the ids of a selection, what the code does to the user's, and the places
    of its lines in `lines`: the cells have most of them in common. `conflicts` are two ids and why they are none.

    Args:
        report: the report of a run.
        alone: whether no other run is shown beside it; cells of many runs would take long and be large.
    """
    if report.record.source is None or not report.record.source.notebook:
        return ""
    offered = {prescription.number: prescription for _, _, prescription in report.prescriptions() if prescription.plan}
    conflicts = dict(_conflicts(report, list(offered.values())))
    lines: dict[str, int] = {}
    cells = []
    for selection in itertools.islice(_selections(list(offered), set(conflicts)), MOST_CELLS if alone else 0):
        written = report.combined([offered[number] for number in selection])
        if written is not None:
            places = [lines.setdefault(line, len(lines)) for line in written.source.split("\n")]
            ids = [wording.identifier(report, number) for number in selection]
            cells.append([ids, wording.applicability(written.applicability), places])
    if len(offered) < 2 or (alone and not cells and not conflicts):
        return ""
    told = [
        [*(wording.identifier(report, number) for number in pair), sentence] for pair, sentence in conflicts.items()
    ]
    names = [wording.identifier(report, number) for number in offered]
    data = {"ids": names, "lines": list(lines), "cells": cells, "conflicts": told}
    return json.dumps(data, separators=(",", ":"))


def _conflicts(report: Report, offered: list[Prescription]) -> Iterator[tuple[tuple[int, int], str]]:
    for pair in itertools.combinations(offered, 2):
        try:
            merge(report.record, [prescription.plan for prescription in pair if prescription.plan])
        except Conflict as conflict:
            yield (pair[0].number, pair[1].number), wording.conflict(report, pair, conflict)


def _selections(numbers: list[int], conflicts: set[tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    for size in range(2, len(numbers) + 1):
        for selection in itertools.combinations(numbers, size):
            if not conflicts.intersection(itertools.combinations(selection, 2)):
                yield selection
