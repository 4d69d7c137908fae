"""Real JupyterLab and Notebook servers with a real browser before them.

Chromium is taken from the system (`chromium` on the PATH); Playwright only drives it. Every test works in a notebook
of its own, and pictures of what it saw are written to `artifacts/`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nbformat
import pytest
from jupyter_core.paths import jupyter_path
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"

Application = Literal["lab", "notebook"]
Theme = Literal["light", "dark"]

#: Milliseconds that one step of a test may take on a slow machine.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)

CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Server:
    """A running server of one of the two applications, with a folder for notebooks."""

    application: Application
    url: str
    folder: Path

    def address(self, notebook: str) -> str:
        """Where a notebook is opened; a JupyterLab workspace of its own, so that no other tab is restored into it."""
        if self.application == "lab":
            return f"{self.url}lab/workspaces/{Path(notebook).stem}/tree/{notebook}"
        return f"{self.url}notebooks/{notebook}"


@pytest.fixture(scope="session", autouse=True)
def installed_extension() -> None:
    """The plugin that the servers load is the one that was built last."""
    built = ROOT / "kerasdoctor" / "labextension" / "package.json"
    places = [Path(place) / "kerasdoctor" / "package.json" for place in jupyter_path("labextensions")]
    found = next((place for place in places if place.exists()), None)
    if found is None or not built.exists() or found.read_bytes() != built.read_bytes():
        pytest.fail("the JupyterLab extension is not installed as it is here: pip install -e .")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serve(application: Application, folder: Path, *, shared: bool = False) -> Iterator[Server]:
    """A server that runs until it is left; `shared` is one of notebooks that several people edit at once."""
    notebooks = folder / "notebooks"
    notebooks.mkdir()
    shutil.copy(Path(__file__).with_name("simulation.py"), notebooks)
    settings = folder / "settings"
    # neither a question about news nor a look for updates
    quiet = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}))
    if not shared:
        pages = folder / "JUPYTER_CONFIG_DIR" / "labconfig" / "page_config.json"
        pages.parent.mkdir(parents=True)
        off = ("@jupyter/collaboration-extension", "@jupyter/docprovider-extension")
        pages.write_text(json.dumps({"disabledExtensions": dict.fromkeys(off, True)}))
    port = _free_port()
    environment = {
        **os.environ,
        **{name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")},
        "IPYTHONDIR": str(folder / "ipython"),
        # a kernel starts with this Python and finds its programs
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
    }
    command = [
        *(sys.executable, "-m", "jupyterlab" if application == "lab" else "notebook"),
        *("--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        *("--IdentityProvider.token=", f"--ServerApp.root_dir={notebooks}"),
        *(() if shared else ("--ServerApp.jpserver_extensions=jupyter_server_ydoc=False",)),
        *(f"--LabApp.user_settings_dir={settings}", f"--LabApp.workspaces_dir={folder / 'workspaces'}"),
        f"--{'LabApp' if application == 'lab' else 'JupyterNotebookApp'}.expose_app_in_browser=True",
    ]
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    log: list[str] = []
    running = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            log.append(line)
            if "is running at" in line:
                running.set()
        running.set()

    threading.Thread(target=read, daemon=True).start()
    try:
        running.wait(PATIENCE / 1000)
        assert any("is running at" in line for line in log), f"{application} did not start:\n{''.join(log)}"
        yield Server(application, f"http://127.0.0.1:{port}/", notebooks)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            # its kernels end when they find their parent gone
            process.kill()
            process.wait()


@pytest.fixture(scope="session", params=["lab", "notebook"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """JupyterLab, then Notebook 7."""
    with serve(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    executable = shutil.which("chromium") or "/usr/bin/chromium"
    if not Path(executable).exists():
        pytest.fail("the browser tests need Chromium: apt-get install chromium")
    browser = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_OPTIONS))
    yield browser
    browser.close()


@dataclass
class Cell:
    """A cell as the notebook's model holds it."""

    id: str
    kind: str
    source: str
    metadata: dict[str, Any]
    #: The MIME types of each output.
    outputs: list[list[str]]


#: The panel of the notebook that a test has opened, and its document.
_PANEL = "[...jupyterapp.shell.widgets('main')].find((w) => w.context?.path.replace(/^RTC:/, '') === {path!r})"


@dataclass
class Notebook:
    """One notebook in the browser, as a person sees it; the models behind it are only read."""

    server: Server
    page: Page
    path: str

    @property
    def panel(self) -> str:
        return _PANEL.format(path=self.path)

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """The value of a script; in it, `panel` is the notebook's panel and `argument` what was passed."""
        return self.page.evaluate(f"async (argument) => {{ const panel = {self.panel}; {script} }}", argument)

    def wait_until(self, condition: str) -> None:
        """Waits for a condition on `panel`."""
        self.page.wait_for_function(f"() => {{ const panel = {self.panel}; return {condition}; }}", timeout=PATIENCE)

    def open(self, *, kernel: bool = True) -> None:
        """Opens the notebook and waits until it is there, its kernel too."""
        self.page.goto(self.server.address(self.path))
        self.wait_loaded(kernel=kernel)

    def wait_loaded(self, *, kernel: bool = True) -> None:
        self.page.wait_for_function("() => window.jupyterapp?.shell", timeout=PATIENCE)
        self.wait_until("panel?.context?.isReady && panel.content.widgets.length > 0")
        if kernel:
            # a cell that is run earlier is dropped without a word
            self.wait_until("panel.sessionContext.isReady && panel.sessionContext.session?.kernel")
            self.evaluate("await panel.sessionContext.session.kernel.info;")

    def reload(self, *, kernel: bool = True) -> None:
        """Loads the page anew; without a kernel none is started either."""
        if not kernel:
            self.evaluate("await panel.sessionContext.shutdown();")
            self.page.route(
                "**/api/sessions*", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
            )
        self.page.reload()
        self.wait_loaded(kernel=kernel)
        if not kernel:
            # the page asks what to do without
            dialog = self.page.locator(".jp-Dialog")
            dialog.get_by_role("button", name="Ok").click()
            dialog.get_by_role("button", name="No Kernel").click()
            dialog.wait_for(state="detached")

    def cells(self) -> list[Cell]:
        rows = self.evaluate(
            """return panel.content.widgets.map(({model}) => ({
                id: model.id, kind: model.type, source: model.sharedModel.getSource(),
                metadata: model.sharedModel.getMetadata(),
                outputs: (model.sharedModel.outputs ?? []).map((o) => Object.keys(o.data ?? {[o.output_type]: 0})),
            }));"""
        )
        return [Cell(**row) for row in rows]

    def start(self, index: int) -> None:
        """Runs a cell and does not wait for it."""
        self.evaluate(
            """panel.content.deselectAll(); panel.content.activeCellIndex = argument;
            window.ranCell = jupyterapp.commands.execute('notebook:run-cell');""",
            index,
        )

    def wait_idle(self) -> None:
        """Waits for the cell that was started, and for its last output."""
        self.page.evaluate("() => window.ranCell")
        self.wait_until("panel.sessionContext.session.kernel.status === 'idle'")

    def run(self, index: int) -> None:
        """Runs a cell to its end."""
        self.start(index)
        self.wait_idle()

    def cell(self, index: int) -> Locator:
        return self.page.locator(f"[data-windowed-list-index='{index}'].jp-Cell").first

    def output(self, index: int) -> Locator:
        return self.cell(index).locator(".jp-Cell-outputArea")

    def open_gate(self, name: str) -> None:
        """Lets a simulated run go on that waits there."""
        (self.server.folder / f"{Path(self.path).stem}-{name}.open").touch()

    @property
    def active_cell(self) -> int:
        index: int = self.evaluate("return panel.content.activeCellIndex;")
        return index

    def save(self) -> nbformat.NotebookNode:
        """Saves the notebook and reads the file."""
        self.evaluate("await panel.context.save();")
        return nbformat.read(self.server.folder / self.path, as_version=4)

    def theme(self, name: Theme) -> None:
        self.page.evaluate(
            "(theme) => jupyterapp.commands.execute('apputils:change-theme', {theme})", f"JupyterLab {name.title()}"
        )
        light = "true" if name == "light" else "false"
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{light}'", timeout=PATIENCE)

    def picture(self, name: str, what: Locator | None = None, *, themes: Sequence[Theme] = ("dark", "light")) -> None:
        """Writes what is seen in each theme; the window grows to show all of `what`."""
        ARTIFACTS.mkdir(exist_ok=True)
        size, box = self.page.viewport_size, what.bounding_box() if what else None
        if size and box:
            self.page.set_viewport_size(
                {"width": size["width"], "height": max(size["height"], int(box["height"]) + 250)}
            )
        for theme in themes:
            self.theme(theme)
            path = ARTIFACTS / f"{self.server.application}-{name}-{theme}.png"
            (what or self.page).screenshot(path=path, animations="disabled")
        if size and box:
            self.page.set_viewport_size(size)


@dataclass
class Window:
    """A browser window of its own before a server."""

    server: Server
    context: BrowserContext
    name: str
    notebooks: list[Notebook] = field(default_factory=list)

    def open(self, *sources: str) -> Notebook:
        """A new notebook with these code cells, in a new tab."""
        document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        return self.open_document(document)

    def open_document(self, document: nbformat.NotebookNode) -> Notebook:
        document.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        path = f"{self.name}-{len(self.notebooks)}.ipynb"
        nbformat.write(document, self.server.folder / path)
        notebook = Notebook(self.server, self.context.new_page(), path)
        self.notebooks.append(notebook)
        notebook.open()
        return notebook


@contextlib.contextmanager
def new_window(server: Server, browser: Browser, name: str) -> Iterator[Window]:
    context = browser.new_context(
        viewport={"width": 1280, "height": 1000}, permissions=["clipboard-read", "clipboard-write"]
    )
    context.set_default_timeout(PATIENCE)
    window = Window(server, context, re.sub(r"\W+", "-", name).strip("-").lower())
    try:
        yield window
    finally:
        for notebook in window.notebooks:
            notebook.evaluate("await panel?.sessionContext?.shutdown();")
        context.close()


@pytest.fixture
def window(server: Server, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Window]:
    with new_window(server, browser, request.node.name) as opened:
        yield opened
