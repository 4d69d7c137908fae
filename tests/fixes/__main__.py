"""Measures whether the prescriptions treat what they are for: `python -m tests.fixes --help`.

Runs every notebook of `tests/fixes/programs`, and behind it each cell that is prescribed, as it is written. Keeps a
line of JSON per notebook; what was run in the same state of the package and the notebook is not run again.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.accuracy import score
from tests.accuracy.campaign import ROOT
from tests.fixes import campaign
from tests.fixes.programs import NOTEBOOKS

RESULTS = Path(__file__).with_name("RESULTS.md")
LINES = ROOT / "artifacts" / "fixes.jsonl"
Line = dict[str, Any]

DEFINITIONS = """\
A *case* is a prescription that a rule offers for one of its causes in one notebook. *Runs*: its cell was run exactly
as it is written, behind the cells of the notebook, and neither it nor its `fit` raised. *Clears*: no report of the
second run has the diagnosis, not even under another one, and none of them skipped the rule; or, for diagnoses of the
family "generalization" alone, the weights that are kept validate better than those of the first run (a share of right
rows by two standard errors of its rows; the same loss by a tenth). A prescription for a cause that is only possible is
counted like any other, though another cause may be the right one; the figures of confirmed causes stand beside. A cell
with `...` in it waits for the user: such cases are counted apart and are in no share. Intervals are Wilson's, 95 %."""


def main() -> int:
    options = _options()
    newest = _newest(options.results)
    todo = [name for name in NOTEBOOKS if options.only in name]
    if options.rule:
        # a notebook of which nothing is known may show it
        todo = [name for name in todo if name not in newest or options.rule in newest[name].get("diagnoses", [])]
    if not options.table:
        known = campaign.read(options.results)
        rest = [name for name in todo if (campaign.state(name), name) not in known]
        if options.older:
            rest = [name for name in rest if name not in newest]
        campaign.run(rest, options.workers, options.results, _show)
        newest = _newest(options.results)
    lines = [newest[name] for name in todo if name in newest]
    text = table(lines)
    print(f"\n{text}")
    if options.write:
        RESULTS.write_text(text, encoding="utf-8")
    return 0


def _newest(path: Path) -> dict[str, Line]:
    """The newest line of each notebook, of whatever state."""
    return {name: line for (_state, name), line in campaign.read(path).items()}


def _show(line: Line) -> None:
    print(f"{line.get('seconds', 0):6.1f} s  {line['notebook']}: {line['status']}", flush=True)
    for one in line["pairs"]:
        verdict = "cleared" if one["clears"] else "runs" if one["runs"] else "FAILS"
        print(f"    {verdict:8} {' : '.join(one['pair'])} ({one['status']}): {one['why']}", flush=True)


def cases(lines: list[Line]) -> list[Line]:
    """Every case with its notebook, sorted by pair."""
    found = [{**one, "notebook": line["notebook"]} for line in lines for one in line["pairs"]]
    return sorted(found, key=lambda one: (one["pair"], one["notebook"]))


def table(lines: list[Line]) -> str:
    """The results as Markdown."""
    commits = defaultdict(list)
    for line in lines:
        commits[line["commit"]].append(line["notebook"])
    shown: dict[campaign.Pair, list[Line]] = {pair: [] for pair in campaign.pairs()}
    # an older line may tell of a remedy that its rule has no longer
    every = [one for one in cases(lines) if campaign.Pair(*one["pair"]) in shown]
    counted = [one for one in every if not one["placeholders"]]
    confirmed = [one for one in counted if one["status"] == "confirmed"]
    for one in every:
        shown[campaign.Pair(*one["pair"])].append(one)
    whole = [of for of in shown.values() if of]
    text = ["# Whether the prescriptions treat what they are for", ""]
    seconds = sum(line.get("seconds", 0) for line in lines)
    text.append(
        f"Written by `python -m tests.fixes --write` on {dt.date.today()}: {len(lines)} notebooks, {len(every)} cases, "
        f"{seconds / 60:.0f} minutes of one worker in all. "
        + (
            f"Commit {next(iter(commits))}."
            if len(commits) == 1
            else "Commits: " + "; ".join(f"{name} ({len(of)} notebooks)" for name, of in commits.items()) + "."
        )
    )
    text += ["", DEFINITIONS, "", "| | runs unedited (at least 98 %) | clears (at least 85 %) |", "| --- | --- | --- |"]
    for name, of in (("all cases", counted), ("causes that are confirmed", confirmed)):
        text.append(f"| {name} | {score.share(c['runs'] for c in of)} | {score.share(c['clears'] for c in of)} |")
    for name, which in (("pairs, in some notebook", any), ("pairs, in all of their notebooks", all)):
        runs, clears = (score.share(which(c[key] for c in of) for of in whole) for key in ("runs", "clears"))
        text.append(f"| {name} | {runs} | {clears} |")
    apart = [one for one in every if one["placeholders"]]
    text += ["", f"{len(apart)} further cases have placeholders.", ""]
    missing = [pair for pair, of in shown.items() if not of]
    text += [f"## Not offered by any notebook that was run: {len(missing)} of {len(shown)} pairs", ""]
    text += [*(f"- {pair}" for pair in missing), ""] if missing else ["None.", ""]
    broken = [line for line in lines if line["status"] != "finished" or not line["pairs"]]
    if broken:
        text += ["## Notebooks that are offered nothing", ""]
        text += [f"- {line['notebook']}: {line['status']}" for line in broken] + [""]
    rest = sorted(set(NOTEBOOKS) - {line["notebook"] for line in lines})
    if rest:
        text += ["## Notebooks that have not been run", "", *(f"- {name}: not run" for name in rest), ""]
    text += ["## Cases that do not run or do not clear", ""]
    text += _rows([one for one in every if not one["clears"]])
    text += ["", "## Cases that clear", ""]
    text += _rows([one for one in every if one["clears"]])
    return "\n".join(text) + "\n"


def _rows(found: list[Line]) -> list[str]:
    rows = ["| diagnosis | cause | prescription | notebook | runs | clears | |", "| --- " * 7 + "|"]
    for one in found:
        rule, cause, remedy = one["pair"]
        said = one["why"].replace("|", "\\|").replace("\n", " ")
        if len(said) > 170:
            said = said[:167] + "..."
        status = "" if one["status"] == "confirmed" else f" ({one['status']})"
        runs = "placeholders" if one["placeholders"] else "yes" if one["runs"] else "no"
        clears = "yes" if one["clears"] else "no"
        rows.append(f"| {' | '.join([rule, cause + status, remedy, one['notebook'], runs, clears, said])} |")
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fixes", description=__doc__)
    parser.add_argument("--rule", default="", metavar="NAME", help="notebooks that show this diagnosis")
    parser.add_argument("--only", default="", metavar="TEXT", help="notebooks with this in their name")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--older", action="store_true", help="lines of an older state of the package will do")
    parser.add_argument("--table", action="store_true", help="run nothing: the newest line of each notebook")
    parser.add_argument("--write", action="store_true", help=f"keep the table in {RESULTS.name}")
    parser.add_argument("--results", type=Path, default=LINES, help="where the lines are kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
