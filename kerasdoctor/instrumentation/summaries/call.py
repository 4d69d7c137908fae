"""The user's call of `fit`, found in its source."""

from __future__ import annotations

import ast
import builtins
import types
from collections.abc import Mapping
from typing import Any

import executing

from kerasdoctor.record import Source
from kerasdoctor.remedies.call import FitCall

#: Names that IPython puts at the top level.
_SHELL = {"In", "Out", "exit", "quit", "get_ipython", "open"}


def summarize(frame: types.FrameType, *, cell_id: str = "") -> Source | None:
    """The call that `frame` is making; None where its source cannot be had.

    Args:
        frame: the frame that calls `fit`.
        cell_id: id of the notebook cell that is running, where the front end tells it.
    """
    found = executing.Source.executing(frame)
    node = found.node
    if not isinstance(node, ast.Call):
        return None
    text = ast.get_source_segment(found.source.text, node)
    if text is None:
        return None
    try:
        call = FitCall(text)
    except ValueError:
        return None
    names = top_level(frame)
    written = call.arguments()
    through, hidden = _through_mappings(call, frame, written)
    return Source(
        call=text,
        assignment=_assignment(node),
        arguments={**written, **through},
        hidden=hidden,
        model=call.model,
        function=_function(node),
        local_names=tuple(sorted(_local_names(node, frame))),
        taken=tuple(sorted(name for name in names if not name.startswith("_") and name not in _SHELL)),
        modules=_modules(names),
        notebook="get_ipython" in names,
        cell_id=cell_id,
    )


def top_level(frame: types.FrameType) -> Mapping[str, Any]:
    """The names of the notebook or module that holds the code of `frame`."""
    return frame.f_globals


def _through_mappings(
    call: FitCall, frame: types.FrameType, written: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Arguments behind `**options`: their source as items, and their names. Only plain names are looked at."""
    sources: dict[str, str] = {}
    for mapping in call.mappings():
        value = frame.f_locals.get(mapping, frame.f_globals.get(mapping)) if mapping.isidentifier() else None
        if isinstance(value, dict):
            sources |= {key: f'{mapping}["{key}"]' for key in value if isinstance(key, str) and key not in written}
    return sources, tuple(sources)


def _parents(node: ast.AST) -> list[ast.AST]:
    chain = []
    while (parent := getattr(node, "parent", None)) is not None:
        chain.append(parent)
        node = parent
    return chain


def _assignment(node: ast.Call) -> str:
    """What stands before `model.fit(...)` in an assignment, also when the magic has made the call a lambda's."""
    for parent in _parents(node):
        if isinstance(parent, ast.Assign):
            names = [target.id for target in parent.targets if isinstance(target, ast.Name)]
            return "".join(f"{name} = " for name in names) if len(names) == len(parent.targets) else ""
        given = [*parent.args, *(word.value for word in parent.keywords)] if isinstance(parent, ast.Call) else [parent]
        if not any(isinstance(part, ast.Lambda) for part in given) and not isinstance(parent, ast.keyword):
            return ""
    return ""


def _function(node: ast.Call) -> str:
    for parent in _parents(node):
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef):
            return parent.name
    return ""


def _local_names(node: ast.Call, frame: types.FrameType) -> set[str]:
    bound = {
        name.arg if isinstance(name, ast.arg) else name.id
        for name in ast.walk(node)
        if isinstance(name, ast.arg) or (isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store))
    }
    used = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)} - bound
    if frame.f_locals is frame.f_globals:
        return set()
    return {
        name
        for name in used
        if not hasattr(builtins, name)
        and (
            name not in frame.f_globals
            or (name in frame.f_locals and frame.f_locals[name] is not frame.f_globals[name])
        )
    }


def _modules(names: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in names.items():
        if not isinstance(value, types.ModuleType):
            continue
        if value.__name__ == "numpy":
            found.setdefault("numpy", name)
        # `from tensorflow import keras` and `import keras` are two modules with the same content
        elif name == "keras" and hasattr(value, "models"):
            found["keras"] = name
    return found
