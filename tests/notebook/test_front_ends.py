"""Where `%kdoctor fix` puts its code in each kind of front end."""

from __future__ import annotations

import concurrent.futures
import contextvars
from collections.abc import Iterator
from typing import Any

import pytest
from ipykernel.inprocess.blocking import BlockingInProcessKernelClient
from ipykernel.inprocess.manager import InProcessKernelManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.terminal.interactiveshell import TerminalInteractiveShell
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from tests.notebook.test_cells import RUNS

#: The code of fix 2 in `RUNS`.
CODE = "code 2"


@pytest.fixture(autouse=True)
def _no_shell() -> Iterator[None]:
    TerminalInteractiveShell.clear_instance()
    InteractiveShell.clear_instance()
    yield
    TerminalInteractiveShell.clear_instance()
    InteractiveShell.clear_instance()


def load(shell: Any) -> None:
    shell.run_cell("%load_ext kerasdoctor").raise_error()
    shell.kdoctor.runs.update(RUNS)


def test_a_terminal_fills_the_next_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        shell = TerminalInteractiveShell.instance(simple_prompt=False)
        load(shell)
        capsys.readouterr()
        shell.run_cell("%kdoctor fix 2").raise_error()
        assert CODE not in capsys.readouterr().out
        # Escape, Enter: what stands there is taken as it is
        keys.send_text("\x1b\r")
        # in a thread: other tests may keep an event loop running in this one
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            prompted = thread.submit(contextvars.copy_context().run, shell.prompt_for_code)
        assert prompted.result() == CODE
        shell.run_cell("%unload_ext kerasdoctor")


def test_a_prompt_that_cannot_be_filled_gets_it_printed(capsys: pytest.CaptureFixture[str]) -> None:
    shell = TerminalInteractiveShell.instance(simple_prompt=True)
    load(shell)
    shell.run_cell("%kdoctor fix 2").raise_error()
    assert CODE in capsys.readouterr().out
    shell.run_cell("%unload_ext kerasdoctor")


@pytest.fixture(scope="module")
def client() -> Iterator[BlockingInProcessKernelClient]:
    manager = InProcessKernelManager()
    manager.start_kernel()
    client: BlockingInProcessKernelClient = manager.client()
    client.start_channels()
    load(manager.kernel.shell)
    yield client
    manager.kernel.shell.run_cell("%unload_ext kerasdoctor")
    client.stop_channels()
    type(manager.kernel.shell).clear_instance()
    manager.shutdown_kernel()


def run(client: BlockingInProcessKernelClient, code: str, *, person: bool = True) -> tuple[list[Any], str]:
    """The payload of the kernel's reply, and what was printed; a person may be asked for input."""
    client.execute(code, allow_stdin=person)
    reply = client.get_shell_msg(timeout=10)
    assert reply["content"]["status"] == "ok", reply
    printed = ""
    while client.iopub_channel.msg_ready():
        message = client.get_iopub_msg(timeout=1)
        if message["msg_type"] == "stream":
            printed += message["content"]["text"]
    return reply["content"]["payload"], printed


def test_a_notebook_gets_a_new_cell_by_the_reply(client: BlockingInProcessKernelClient) -> None:
    # JupyterLab, Notebook, VS Code, Colab, the consoles
    payload, printed = run(client, "%kdoctor fix 2")
    assert payload == [{"source": "set_next_input", "text": CODE, "replace": False}]
    assert CODE not in printed


def test_a_notebook_that_a_program_runs_prints_it(client: BlockingInProcessKernelClient) -> None:
    _payload, printed = run(client, "%kdoctor fix 2", person=False)
    assert printed == f"{CODE}\n"


def test_it_is_printed_where_a_person_asks_for_that(client: BlockingInProcessKernelClient) -> None:
    assert run(client, "%kdoctor fix --print 2") == ([], f"{CODE}\n")
