"""The user's call of `fit`, found in its source, and what the top level of the notebook calls its objects."""

from __future__ import annotations

import ast
import builtins
import contextlib
import dataclasses
import itertools
import types
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import executing
import keras

from kerasdoctor.instrumentation.summaries import scope
from kerasdoctor.instrumentation.summaries.scope import Executed, Rewriting, Scope, is_of_shell, parents
from kerasdoctor.record import Cell, Source
from kerasdoctor.remedies.call import FitCall, free_names, renamed, replaced

#: What `%kdoctor fit` calls, as `notebook.transform` writes it.
MAGIC = "get_ipython().kdoctor.fit"
#: What may have to be imported -> the name that a cell would choose for it.
_FUNCTIONS = ("sklearn.model_selection.train_test_split", "sklearn.model_selection.TimeSeriesSplit")


def summarize(
    frame: types.FrameType, *, model: Any = None, cell_id: str = "", cells: tuple[Cell, ...] = ()
) -> Source | None:
    """The call that `frame` is making; None where its source cannot be had.

    Args:
        frame: the frame that calls `fit`.
        model: the model whose `fit` it is; a call of something else is none that a cell can repeat.
        cell_id: id of the notebook cell that is running, where the front end tells it.
        cells: those that have run, the running one last.
    """
    found = executed(frame)
    node, text = found.node, found.text
    if not isinstance(node, ast.Call):
        return None
    names = top_level(frame)
    seen = Scope(frame, names, executed)
    try:
        own = FitCall(_dedented(text, node, replaced(text, node, ())))
        if model is not None and not (own.method == "fit" and seen.may_be_method_of(node.func, model)):
            return None
        rewriting = seen.rewriting(node, text)
        call = FitCall(_dedented(text, node, rewriting.text))
    except ValueError:
        return None
    through, opaque = _through_mappings(call, rewriting)
    assignment, tail = _assignment(node, text, names)
    return Source(
        call=str(own),
        top="" if str(call) == str(own) else str(call),
        assignment=assignment,
        tail=tail,
        arguments={**call.arguments(), **through},
        hidden=tuple(through),
        opaque=f"*{call.starred}" if call.starred else opaque,
        model=call.model,
        function=_function(node),
        local_names=tuple(sorted(rewriting.unknown)),
        imports=tuple(rewriting.imports),
        taken=_taken(names),
        modules=_modules(names),
        notebook=_has_magics(names),
        cell_id=cell_id,
        cells=cells,
    )


def objects(source: Source, names: Mapping[str, Any]) -> dict[str, Any]:
    """What the names of the call stand for, without keeping it alive: name -> plain value, weak reference or id."""
    try:
        used = free_names(ast.parse(source.top or source.call, mode="eval"))
    except SyntaxError:
        return {}
    found: dict[str, Any] = {}
    for name in used & set(names):
        value = names[name]
        if value is None or isinstance(value, bool | int | float | str):
            found[name] = value
        elif not isinstance(value, types.ModuleType):
            try:
                found[name] = weakref.ref(value)
            except TypeError:
                found[name] = _Identity(id(value))
    return found


def restated(source: Source, seen: Mapping[str, Any], names: Mapping[str, Any]) -> Source:
    """The call as the top level can write it now, where some of its names have gone or stand for something else.

    Args:
        source: the call as it was made.
        seen: what its names stood for then, from `objects`.
        names: the names of the top level now.
    """
    others: dict[str, str] = {}
    unknown = list(source.local_names)
    for name, then in seen.items():
        value = then() if isinstance(then, weakref.ref) else then
        now = names.get(name)
        lost = value is None and isinstance(then, weakref.ref)
        same = id(now) == value.number if isinstance(value, _Identity) else now is value and not lost
        if name in names and same:
            continue
        called = None if lost or isinstance(value, _Identity) else scope.called(value, names)
        if called is None:
            called = scope.free(name, names) if name not in names else scope.free(f"earlier_{name}", names)
            unknown.append(called)
        others[name] = called
    if not others:
        return source
    return dataclasses.replace(
        source,
        top=renamed(source.top or source.call, others),
        arguments={name: renamed(text, others) for name, text in source.arguments.items()},
        model=renamed(source.model, others),
        local_names=tuple(sorted(unknown)),
        taken=_taken(names),
    )


def present(source: Source, names: Mapping[str, Any]) -> Source:
    """The call with placeholders for names that the top level no longer has."""
    try:
        used = free_names(ast.parse(source.top or source.call, mode="eval"))
    except SyntaxError:
        return source
    known = {*names, *dir(builtins), *source.local_names, *(line.split()[-1] for line in source.imports)}
    return restated(source, dict.fromkeys(used - known, _Identity(0)), names)


@dataclasses.dataclass(frozen=True)
class _Identity:
    """Of an object that cannot be referred to weakly."""

    number: int


def top_level(frame: types.FrameType) -> Mapping[str, Any]:
    """The names of the notebook that runs, also where a module calls `fit` for it; else of the module of `frame`."""
    outer: types.FrameType | None = frame
    while outer is not None:
        names = outer.f_globals
        if names.get("__name__") == "__main__":
            return names if "get_ipython" in names else frame.f_globals
        outer = outer.f_back
    return frame.f_globals


def executed(frame: types.FrameType) -> Executed:
    """What a frame executes; IPython's `%time` compiles code anew, and keeps no source of it."""
    text = _timed(frame)
    found = executing.Source.executing(frame) if text is None else _timed_source(text).executing(frame)
    source = found.source
    # of several statements on a line, and of chains over several lines, only Python itself knows the place
    node = found.node or (_call_that_ends_with(frame, source.tree) if source.tree else None)
    return Executed(node, source.text)


def _call_that_ends_with(frame: types.FrameType, tree: ast.AST) -> ast.Call | None:
    """The call that ends where the instruction of a frame does."""
    _, row, _, column = next(itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return next((node for node in calls if (node.end_lineno, node.end_col_offset) == (row, column)), None)


def _timed_source(text: str) -> type[executing.Source]:
    lines = text.splitlines(keepends=True)

    class Timed(executing.Source):
        """A class of its own has a cache of its own, which goes with it."""

        @classmethod
        def for_frame(cls, frame: types.FrameType, use_cache: bool = True) -> executing.Source:
            return cls(frame.f_code.co_filename, lines)

    return Timed


def _timed(frame: types.FrameType) -> str | None:
    """The source of code that IPython's magic `time` is executing, from the locals of that magic (IPython 8 and 9)."""
    if not frame.f_code.co_filename.startswith("<timed "):
        return None
    outer = frame.f_back
    while outer is not None:
        own = outer.f_locals
        if outer.f_code.co_name == "time" and isinstance(own.get("expr"), str):
            codes = [own[name] for name in ("code", "code_2") if isinstance(own.get(name), types.CodeType)]
            return own["expr"] if any(_holds(code, frame.f_code) for code in codes) else None
        outer = outer.f_back
    return None


def _holds(code: types.CodeType, inner: types.CodeType) -> bool:
    return code is inner or any(_holds(part, inner) for part in code.co_consts if isinstance(part, types.CodeType))


def _dedented(text: str, node: ast.Call, source: str) -> str:
    """The source of a call that stands in a block, as it stands at the top level."""
    if "\n" not in source or any(
        isinstance(part, ast.Constant | ast.JoinedStr) and part.lineno != part.end_lineno for part in ast.walk(node)
    ):
        return source
    line = text.split("\n")[node.lineno - 1]
    indent = line[: len(line) - len(line.lstrip())]
    return source.replace(f"\n{indent}", "\n")


def _through_mappings(call: FitCall, rewriting: Rewriting) -> tuple[dict[str, str], str]:
    """Arguments behind `**options`, with their source as items; and the mapping that cannot be looked into."""
    sources: dict[str, str] = {}
    opaque = ""
    written = call.arguments()
    for source, items in zip(call.mappings(), rewriting.mappings, strict=True):
        if items is None:
            opaque = f"**{source}"
        else:
            sources |= {key: f'{source}["{key}"]' for key in items if key not in written}
    return sources, opaque


def _assignment(node: ast.Call, text: str, names: Mapping[str, Any]) -> tuple[str, str]:
    """What stands before `model.fit(...)` where its value is assigned, and what stands between (".history").

    The magic may have made the call a lambda's. A name that a function gives is left out where the top level has one.
    """
    outer: ast.expr = node
    tail = ""
    for parent in parents(node):
        if isinstance(parent, ast.Attribute) and parent.value is outer:
            outer, tail = parent, f"{tail}.{parent.attr}"
            continue
        if isinstance(parent, ast.Subscript) and parent.value is outer and isinstance(parent.slice, ast.Constant):
            outer, tail = parent, f"{tail}[{replaced(text, parent.slice, ())}]"
            continue
        if isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr):
            targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
            if not all(_can_be_assigned(target, names) for target in targets):
                return "", ""
            return "".join(f"{replaced(text, target, ())} = " for target in targets), tail
        if not (isinstance(parent, ast.Lambda | ast.keyword) or _is_magic(parent)):
            return "", ""
        # a lambda is the magic's own, or somebody's
        if isinstance(parent, ast.Lambda) and not any(map(_is_magic, list(parents(parent))[:2])):
            return "", ""
    return "", ""


def _is_magic(node: ast.AST) -> bool:
    """Whether it is what `%kdoctor fit` is rewritten as."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) == MAGIC


def _can_be_assigned(target: ast.expr, names: Mapping[str, Any]) -> bool:
    function = _definition(target)
    if function is None:
        return isinstance(target, ast.Name | ast.Attribute | ast.Subscript)
    if not isinstance(target, ast.Name):
        return False
    own = not any(isinstance(part, ast.Global) and target.id in part.names for part in ast.walk(function))
    return not own or target.id not in names


def _definition(node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    return next(
        (parent for parent in parents(node) if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef)), None
    )


def _function(node: ast.Call) -> str:
    definition = _definition(node)
    return "" if definition is None else definition.name


def _taken(names: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if not is_of_shell(name)))


def _has_magics(names: Mapping[str, Any]) -> bool:
    with contextlib.suppress(Exception):
        return getattr(names["get_ipython"](), "kdoctor", None) is not None
    return False


def _modules(names: Mapping[str, Any]) -> dict[str, str]:
    found = dict(_imported(names))
    if "keras" not in found and "tensorflow" in found:
        module = vars(names[found["tensorflow"]]).get("keras")
        if _is_keras(module):
            found["keras"] = f"{found['tensorflow']}.keras"
    found.pop("tensorflow", None)
    return found


def _imported(names: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    # the last one counts: the first name that was given, and `keras` before every other
    for name, value in reversed(list(names.items())):
        if isinstance(value, types.ModuleType):
            known = getattr(value, "__name__", "")
            if known in {"numpy", "tensorflow"}:
                yield known, name
            elif "keras" in known and name != "keras" and _is_keras(value):
                yield "keras", name
        else:
            path = f"{getattr(value, '__module__', '')}.{getattr(value, '__name__', '')}"
            yield from ((function, name) for function in _FUNCTIONS if _is_function(path, function))
    if _is_keras(names.get("keras")):
        yield "keras", "keras"


def _is_function(path: str, function: str) -> bool:
    """Whether an object that tells `path` is the function; its module is a private one of the package."""
    package, _, name = function.rpartition(".")
    return path.startswith(f"{package}.") and path.endswith(f".{name}")


def _is_keras(value: object) -> bool:
    """Whether it is Keras; `from tensorflow import keras` and `import keras` are two modules with one content."""
    return isinstance(value, types.ModuleType) and getattr(value, "Model", None) is keras.Model
