"""The project's tasks: `nox -s quickstart`, `nox -s test`, `nox -l` for all."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

# every session uses the environment that nox itself runs in: TensorFlow is installed once
nox.options.default_venv_backend = "none"
nox.options.sessions = ["test"]

HERE = Path(__file__).parent
ARTIFACTS = HERE / "artifacts"
BIN = Path(sys.executable).parent
# what this environment has comes before what the machine has
ENVIRONMENT = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "TF_CPP_MIN_LOG_LEVEL": "3"}


def run(session: nox.Session, tool: str, *arguments: str) -> None:
    """Run a program of this environment, whether or not it is activated."""
    session.run(str(BIN / tool), *arguments, env=ENVIRONMENT, external=True)


def install(session: nox.Session, extra: str) -> None:
    run(session, "pip", "install", "--quiet", "--editable", f".[{extra}]")


@nox.session
def quickstart(session: nox.Session) -> None:
    """Set up and open the quickstart in JupyterLab; `-- --headless` runs it and prints where its report is."""
    install(session, "notebooks")
    notebook = "notebooks/quickstart.ipynb"
    if "--headless" not in session.posargs:
        run(session, "jupyter", "lab", notebook, *session.posargs)
        return
    ARTIFACTS.mkdir(exist_ok=True)
    output = ARTIFACTS / "quickstart.ipynb"
    shutil.copy(notebook, output)
    run(session, "jupyter", "execute", "--inplace", str(output))
    run(session, "jupyter", "nbconvert", "--log-level=WARN", "--to", "html", str(output))
    print(f"\nThe notebook with its report: {output}\nThe same as a page:           {output.with_suffix('.html')}")


@nox.session
def test(session: nox.Session) -> None:
    """Set up and run every check and test, the browser tests included; arguments go to pytest."""
    install(session, "test")
    browser(session)
    check(session)
    # a file stays in one process: its browser, server and models are made once
    run(
        session,
        "python",
        "-m",
        "pytest",
        *(session.posargs or ("-n", "auto", "--maxprocesses", "4", "--dist", "loadfile")),
    )


@nox.session
def check(session: nox.Session) -> None:
    """Lint, formatting, types, import contracts and the front end's types."""
    run(session, "ruff", "check", ".")
    run(session, "ruff", "format", "--check", ".")
    run(session, "mypy")
    run(session, "lint-imports")
    run(session, "python", "js/build.py", "typecheck")
    run(session, "python", "js/build.py", "test")


@nox.session
def browser(session: nox.Session) -> None:
    """Install Debian's Chromium where there is no Chromium yet."""
    if any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        return
    root = [] if os.geteuid() == 0 else ["sudo"]
    session.run(*root, "apt-get", "update", "-qq", external=True)
    session.run(*root, "apt-get", "install", "-y", "-qq", "chromium", external=True)


@nox.session
def cost(session: nox.Session) -> None:
    """What watching costs, as a ratio to plain `fit`; arguments go to the benchmark."""
    run(session, "python", "-m", "tests.benchmarks.cost", *session.posargs)


@nox.session
def accuracy(session: nox.Session) -> None:
    """Recall, precision and false alarms of the diagnoses on the development half; `-- --part all --write` for all."""
    run(session, "python", "-m", "tests.accuracy", *session.posargs)


@nox.session
def fixes(session: nox.Session) -> None:
    """Whether every prescription runs as it is written and clears its diagnosis; `-- --write` keeps the table."""
    run(session, "python", "-m", "tests.fixes", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the page of all diagnoses from the rules."""
    run(session, "python", "-m", "tests.documentation")
