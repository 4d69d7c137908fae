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
# what pip and npm leave in this environment comes before what the machine has
ENVIRONMENT = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "TF_CPP_MIN_LOG_LEVEL": "3"}


def install(session: nox.Session, extra: str) -> None:
    session.run(sys.executable, "-m", "pip", "install", "--quiet", "--editable", f".[{extra}]", env=ENVIRONMENT)


@nox.session
def quickstart(session: nox.Session) -> None:
    """Set up and open the quickstart in JupyterLab; `-- --headless` runs it and prints where its report is."""
    install(session, "notebooks")
    notebook = "notebooks/quickstart.ipynb"
    if "--headless" not in session.posargs:
        session.run("jupyter", "lab", notebook, *session.posargs, env=ENVIRONMENT, external=True)
        return
    ARTIFACTS.mkdir(exist_ok=True)
    output = ARTIFACTS / "quickstart.ipynb"
    shutil.copy(notebook, output)
    session.run("jupyter", "execute", "--inplace", str(output), env=ENVIRONMENT, external=True)
    session.run("jupyter", "nbconvert", "--to", "html", str(output), env=ENVIRONMENT, external=True, silent=True)
    print(f"\nThe notebook with its report: {output}\nThe same as a page:           {output.with_suffix('.html')}")


@nox.session
def test(session: nox.Session) -> None:
    """Set up and run every check and test, the browser tests included; arguments go to pytest."""
    install(session, "test")
    browser(session)
    check(session)
    session.run(sys.executable, "-m", "pytest", *session.posargs, env=ENVIRONMENT)


@nox.session
def check(session: nox.Session) -> None:
    """Lint, formatting, types, import contracts and the front end's types."""
    for command in (
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports",),
    ):
        session.run(sys.executable, "-m", *command, env=ENVIRONMENT) if command[0] != "lint-imports" else session.run(
            *command, env=ENVIRONMENT, external=True
        )
    session.run(sys.executable, "js/build.py", "typecheck", env=ENVIRONMENT)


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
    session.run(sys.executable, "-m", "tests.benchmarks.cost", *session.posargs, env=ENVIRONMENT)
