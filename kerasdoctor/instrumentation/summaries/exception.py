"""Whose code an exception of `fit` comes from: read from its traceback and, of a graph, from its text."""

from __future__ import annotations

import linecache
import re
import sys
import sysconfig
import traceback
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras

from kerasdoctor.record import RaisedBy

_LIBRARIES = (
    sysconfig.get_paths()["stdlib"],
    *(str(Path(sys.modules[name].__file__ or "").parent) for name in ("keras", "kerasdoctor")),
)
#: TensorFlow's words for Python that a pipeline runs: "File "...", line 3, in rows", innermost last.
_PLACE = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')
_PIPELINE = (
    "{{node PyFunc}}",
    "{{node EagerPyFunc}}",
    "Error in user-defined function passed to",
    "Op:IteratorGetNext",
)
_NODE = re.compile(r"Detected at node (\S+) defined at")


def summarize(error: BaseException, model: keras.Model, arguments: Mapping[str, Any]) -> RaisedBy | None:
    """Whose code raised it; None where neither the frames nor the text tell.

    Args:
        error: what `fit` raised.
        model: what was trained.
        arguments: those of `fit`.
    """
    frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)]
    lines = {id(frame): line for frame, line in traceback.walk_tb(error.__traceback__)}
    found = _of_frames(frames, model, arguments)
    if found is None:
        return _of_text(str(error), model, arguments)
    kind, name, frame = found
    return RaisedBy(kind=kind, name=name, line=_line(frame.f_code.co_filename, lines[id(frame)]))


def _of_frames(
    frames: list[types.FrameType], model: keras.Model, arguments: Mapping[str, Any]
) -> tuple[Any, str, types.FrameType] | None:
    own = [frame for frame in frames if _is_own(frame.f_code.co_filename)]
    # a callback that calls the model is what raised, whatever in the model did
    for frame in own:
        owner = _owner(frame)
        if isinstance(owner, keras.callbacks.Callback):
            return "callback", f"{type(owner).__name__}.{frame.f_code.co_name}", frame
    generators = {id(code) for code in _generators(arguments)}
    for frame in reversed(own):
        owner = _owner(frame)
        if id(frame.f_code) in generators or isinstance(owner, keras.utils.PyDataset):
            return "data", frame.f_code.co_name if owner is None else type(owner).__name__, frame
        if isinstance(owner, keras.Model):
            return "model", f"{type(owner).__name__}.{frame.f_code.co_name}", frame
        if isinstance(owner, keras.layers.Layer):
            return "layer", owner.name, frame
        for kind, functions in _compiled(model):
            if any(owner is one or getattr(one, "__code__", None) is frame.f_code for one in functions):
                return kind, frame.f_code.co_name if owner is None else type(owner).__name__, frame
    return None


def _of_text(text: str, model: keras.Model, arguments: Mapping[str, Any]) -> RaisedBy | None:
    if any(words in text for words in _PIPELINE):
        places = [found for found in _PLACE.findall(text) if _is_own(found[0])]
        owner = arguments.get("x")
        name = type(owner).__name__ if isinstance(owner, keras.utils.PyDataset) else ""
        if not places:
            return RaisedBy(kind="data", name=name)
        file, line, function = places[-1]
        return RaisedBy(kind="data", name=name or function, line=_line(file, int(line)))
    node = _NODE.search(text)
    if node is None:
        return None
    *parts, operation = node[1].split("/")
    layers = {layer.name for layer in model._flatten_layers(include_self=False)}
    # a second graph of the same model numbers all of its names
    numbered = model.name not in parts
    names = [re.sub(r"_\d+$", "", part) if numbered else part for part in parts]
    known = [name for name in names if name in layers]
    return RaisedBy(kind="operation", name=known[-1] if known else "", operation=operation)


def _generators(arguments: Mapping[str, Any]) -> Iterable[types.CodeType]:
    """The code of every generator that `fit` was given."""
    held_out = arguments.get("validation_data")
    parts = [arguments.get("x"), *(held_out if isinstance(held_out, tuple | list) else (held_out,))]
    return [part.gi_code for part in parts if isinstance(part, types.GeneratorType)]


def _compiled(model: keras.Model) -> list[tuple[Any, list[Any]]]:
    """Losses and metrics as the user gave them."""
    loss, metrics = getattr(model, "_compile_loss", None), getattr(model, "_compile_metrics", None)
    given = [
        ("loss", getattr(loss, "_user_loss", None)),
        ("metric", [getattr(metrics, name, None) for name in ("_user_metrics", "_user_weighted_metrics")]),
    ]
    return [(kind, [part for part in keras.tree.flatten(what) if callable(part)]) for kind, what in given]


def _owner(frame: types.FrameType) -> Any:
    """The object whose method the frame runs."""
    code = frame.f_code
    first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    return first if first is not None and hasattr(type(first), code.co_name) else None


def _is_own(file: str) -> bool:
    return not file.startswith(_LIBRARIES) and "site-packages" not in file


def _line(file: str, number: int) -> str:
    return linecache.getline(file, number).strip()
