"""What the names of a call stand for, and what the top level of the notebook calls the same objects."""

from __future__ import annotations

import ast
import inspect
import keyword
import math
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kerasdoctor.remedies.call import LINE, atom, broken, free_names, own_names, renamed, replaced

#: Names that IPython puts at the top level.
_SHELL = {"In", "Out", "exit", "quit", "get_ipython", "open"}
_SHELL_HISTORY = re.compile(r"__\w+__|_+|_i+|_\d+|_i\d+|_[iod]h|_exit_code")
#: Longest string and container that stand in a call as a literal, and longest container whose parts are looked at.
_MOST_CHARACTERS, _MOST_ITEMS, _MOST_PARTS = 60, 16, 64

Chain = ast.Name | ast.Attribute | ast.Subscript


class Unknown(Exception):
    """An expression whose value cannot be told without running code of the user's."""


@dataclass(frozen=True)
class Executed:
    """The node that a frame executes, whose tree knows parents, and the source of that tree."""

    node: Any
    text: str


@dataclass
class Rewriting:
    """A call as the top level can write it."""

    text: str = ""
    #: Names that the user must fill in.
    unknown: set[str] = field(default_factory=set)
    #: Lines for what a module of the user's calls by a name of its own.
    imports: list[str] = field(default_factory=list)
    #: What is passed through each `**` that is left; None where it cannot be told.
    mappings: list[dict[str, Any] | None] = field(default_factory=list)
    edits: list[tuple[ast.expr, str]] = field(default_factory=list)


def is_of_shell(name: str) -> bool:
    """Whether IPython or Python put the name at the top level."""
    return name in _SHELL or _SHELL_HISTORY.fullmatch(name) is not None


class Scope:
    """The names that a frame sees, beside those of the top level."""

    def __init__(
        self, frame: types.FrameType, top: Mapping[str, Any], executed: Callable[[types.FrameType], Executed]
    ) -> None:
        """The scope of a frame.

        Args:
            frame: makes the call.
            top: names of the top level, where a cell will stand.
            executed: tells the node that a frame executes, as `executing` does.
        """
        self._frame = frame
        self._top = top
        self._executed = executed

    # what expressions stand for ------------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Any:
        """What an expression stands for, of names, attributes and items alone: nothing of the user's is run.

        Raises:
            Unknown: for every other one.
        """
        try:
            match node:
                case ast.Constant(value):
                    return value
                case ast.Name(name):
                    names = self._frame.f_locals
                    return names[name] if name in names else self._frame.f_globals[name]
                case ast.NamedExpr(ast.Name() as target):
                    return self.value(target)
                case ast.Attribute(owner, name):
                    # not `getattr`, which may run a property
                    return vars(self.value(owner))[name]
                case ast.Subscript(owner, index):
                    container, key = self.value(owner), self.value(index)
                    if type(container) in {dict, list, tuple} and isinstance(key, str | int):
                        return container[key]
        except (LookupError, TypeError) as error:
            raise Unknown from error
        raise Unknown

    def may_be_method_of(self, node: ast.expr, model: Any) -> bool:
        """Whether an expression can stand for a method of the model."""
        try:
            return isinstance(node, ast.Attribute) and self.value(node.value) is model
        except Unknown:
            return True

    # what the top level calls them ---------------------------------------------------------------------------------

    def rewriting(self, call: ast.Call, text: str) -> Rewriting:
        """The call with names of the top level, plain values in place of names that are local, and stars opened."""
        found = Rewriting()
        self._visit(call.func, frozenset(), found)
        parts: list[str] = [replaced(text, call.func, found.edits)]
        opened = False
        for argument in call.args:
            items = self._opened_star(argument, text) if isinstance(argument, ast.Starred) else None
            parts += self._text(argument, text, found) if items is None else items
            opened |= items is not None
        for word in call.keywords:
            items = self._opened_mapping(word, text, found) if word.arg is None else None
            opened |= items is not None
            if items is None:
                (value,) = self._text(word.value, text, found)
                items = [f"{word.arg}={value}" if word.arg else f"**{value}"]
            parts += items
        if opened:
            # what stars stand for may be nothing at all, which leaves no place for the user's own commas
            line = f"{parts[0]}({', '.join(parts[1:])})"
            found.text = line if len(line) <= LINE else broken(parts[0], parts[1:])
        else:
            found.text = replaced(text, call, found.edits)
        return found

    def _text(self, node: ast.expr, text: str, found: Rewriting) -> list[str]:
        before = len(found.edits)
        self._visit(node, frozenset(), found)
        return [replaced(text, node, found.edits[before:])]

    def _whole(self, node: ast.expr, text: str) -> str | None:
        """An expression in names of the top level; None where some are unknown."""
        trial = Rewriting()
        (source,) = self._text(node, text, trial)
        return None if trial.unknown or trial.imports else source

    def _container(self, node: ast.expr, text: str) -> str | None:
        """What the top level calls a container that is passed through a star; None where it has no name."""
        source = self._whole(node, text)
        return source if source is not None and _root(ast.parse(source, mode="eval").body) is not None else None

    def _opened_star(self, argument: ast.Starred, text: str) -> list[str] | None:
        inner = argument.value
        if isinstance(inner, ast.Tuple | ast.List) and not any(isinstance(part, ast.Starred) for part in inner.elts):
            sources = [self._whole(part, text) for part in inner.elts]
            return _all(sources)
        try:
            values = self.value(inner)
        except Unknown:
            return None
        if type(values) not in {list, tuple} or len(values) > _MOST_ITEMS:
            return None
        whole = self._container(inner, text)
        if whole is not None:
            return [f"{atom(whole)}[{position}]" for position in range(len(values))]
        return _all([self._called(value) for value in values])

    def _opened_mapping(self, word: ast.keyword, text: str, found: Rewriting) -> list[str] | None:
        inner = word.value
        written = _written_items(inner)
        if written is not None:
            sources = _all([self._whole(part, text) for part in written.values()])
            if sources is not None:
                return [f"{name}={source}" for name, source in zip(written, sources, strict=True)]
        try:
            items = self.value(inner)
        except Unknown:
            items = None
        if type(items) is not dict or not all(_is_keyword(key) for key in items):
            found.mappings.append(None)
            return None
        if self._container(inner, text) is None:
            sources = _all([self._called(value) for value in items.values()])
            if sources is not None:
                return [f"{name}={source}" for name, source in zip(items, sources, strict=True)]
        found.mappings.append(items)
        return None

    def _visit(self, node: ast.AST, bound: frozenset[str], found: Rewriting) -> None:
        bound = bound | own_names(node)
        if isinstance(node, ast.JoinedStr):
            self._visit_string(node, bound, found)
            return
        if isinstance(node, Chain):
            root = _root(node)
            if root is not None and root.id not in bound and self._is_foreign(root.id):
                inner = self._resolve(node, root, found)
                # what stands in brackets behind what was replaced
                while isinstance(node, ast.Attribute | ast.Subscript) and node is not inner:
                    if isinstance(node, ast.Subscript):
                        self._visit(node.slice, bound, found)
                    node = node.value
                return
        for child in ast.iter_child_nodes(node):
            self._visit(child, bound, found)

    def _resolve(self, chain: Chain, root: ast.Name, found: Rewriting) -> ast.expr:
        """Replaces the begin of a chain of attributes and items; returns the part of it that was replaced."""
        name = root.id
        own = self._named(self.value(root), name)
        if own is not None:
            found.edits.append((root, own))
            return root
        part: ast.expr = chain
        while True:
            try:
                called = self._called(self.value(part))
            except Unknown:
                called = None
            if called is not None:
                found.edits.append((part, called))
                return part
            if not isinstance(part, ast.Attribute | ast.Subscript):
                break
            part = part.value
        passed = self._passed(name)
        if passed is not None:
            found.edits.append((root, passed if chain is root else atom(passed)))
            return root
        source = self._imported(name, found)
        if source is None:
            source = name if name not in self._top else self.free(f"{self._function or 'local'}_{name}")
            found.unknown.add(source)
        found.edits.append((root, source))
        return root

    def _visit_string(self, node: ast.JoinedStr, bound: frozenset[str], found: Rewriting) -> None:
        # places within an f-string are not its own before Python 3.12
        others: dict[str, str] = {}
        for name in sorted(free_names(node) - bound):
            if self._is_foreign(name):
                trial = Rewriting()
                self._resolve(root := ast.Name(name), root, trial)
                others[name] = trial.edits[0][1]
                found.unknown |= trial.unknown
                found.imports += trial.imports
        if others:
            found.edits.append((node, renamed(ast.unparse(node), others)))

    def _is_foreign(self, name: str) -> bool:
        """Whether the name stands for something else at the top level, or for nothing."""
        for names in (self._frame.f_locals, self._frame.f_globals):
            if name in names:
                return name not in self._top or self._top[name] is not names[name]
        return False

    def _called(self, value: Any) -> str | None:
        return called(value, self._top)

    def _named(self, value: Any, name: str) -> str | None:
        return named(value, self._top, name)

    def free(self, name: str) -> str:
        """A name that the top level does not have."""
        return free(name, self._top)

    def _imported(self, name: str, found: Rewriting) -> str | None:
        """The name under which a module's own global is imported."""
        module = self._frame.f_globals.get("__name__")
        if name in self._frame.f_locals or self._frame.f_globals is self._top or module not in sys.modules:
            return None
        alias = self.free(name)
        line = f"from {module} import {name}" + (f" as {alias}" if alias != name else "")
        if line not in found.imports:
            found.imports.append(line)
        return alias

    # what the caller passed ----------------------------------------------------------------------------------------

    @property
    def _function(self) -> str:
        owner = _owner(self._frame)
        return "" if owner is None else owner.f_code.co_name

    def _passed(self, name: str) -> str | None:
        """The caller's own expression for a parameter that was not bound anew since, in names of the top level."""
        owner = _owner(self._frame)
        caller = None if owner is None else owner.f_back
        if owner is None or caller is None or _binds(owner, name, self._executed):
            return None
        made = self._executed(caller)
        if not isinstance(made.node, ast.Call):
            return None
        scope = Scope(caller, self._top, self._executed)
        try:
            function = scope._callee(made.node.func)
        except Unknown:
            return None
        node = _argument(function, owner.f_code, made.node, name)
        return None if node is None else scope._whole(node, made.text)

    def _callee(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Attribute):
            owner = self.value(node.value)
            static = inspect.getattr_static(type(owner), node.attr, None)
            if isinstance(static, types.FunctionType):
                return types.MethodType(static, owner)
        return self.value(node)


def called(value: Any, top: Mapping[str, Any]) -> str | None:
    """What the top level may write for a value: a name, or a literal; None where it has neither."""
    match value:
        case None | bool() | int() | float() | str():
            return _literal(value)
    own = named(value, top)
    if own is not None or type(value) not in {list, tuple, dict} or len(value) > _MOST_ITEMS:
        return own
    keys = [_literal(key) for key in value] if isinstance(value, dict) else []
    sources = _all([called(item, top) for item in (value.values() if isinstance(value, dict) else value)])
    if sources is None or None in keys:
        return None
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {source}" for key, source in zip(keys, sources, strict=True)) + "}"
    if isinstance(value, list):
        return f"[{', '.join(sources)}]"
    return f"({sources[0]},)" if len(sources) == 1 else f"({', '.join(sources)})"


def named(value: Any, top: Mapping[str, Any], name: str = "") -> str | None:
    """What the top level calls an object, by a name or as an item of something that has one."""
    if value is None or isinstance(value, bool | int | float | str):
        # equal ones are one object by chance
        return None
    if name and top.get(name) is value:
        return name
    shown = {known: other for known, other in top.items() if not is_of_shell(known)}
    for known, other in shown.items():
        if other is value:
            return known
    for known, other in shown.items():
        if type(other) in {list, tuple, dict} and len(other) <= _MOST_PARTS:
            for key, item in other.items() if isinstance(other, dict) else enumerate(other):
                if item is value and (literal := _literal(key)) is not None:
                    return f"{known}[{literal}]"
    return None


def free(name: str, top: Mapping[str, Any]) -> str:
    """`name`, or one like it that the top level does not have."""
    numbered = (f"{name}_{number}" for number in range(2, 1000))
    return next(free for free in (name, *numbered) if free not in top)


def _literal(value: object) -> str | None:
    match value:
        case str():
            short = len(value) <= _MOST_CHARACTERS and value.isprintable()
            text = repr(value)
            return (f'"{value}"' if text == f"'{value}'" and '"' not in value else text) if short else None
        case float() if not math.isfinite(value):
            return None
        case None | bool() | int() | float() if type(value) in {type(None), bool, int, float}:
            return repr(value)
    return None


def _all(sources: list[str | None]) -> list[str] | None:
    known = [source for source in sources if source is not None]
    return known if len(known) == len(sources) else None


def _is_keyword(key: object) -> bool:
    return isinstance(key, str) and key.isidentifier() and not keyword.iskeyword(key)


def _written_items(node: ast.expr) -> dict[str, ast.expr] | None:
    """The items of `{"epochs": 3}` and `dict(epochs=3)`."""
    if isinstance(node, ast.Dict):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        words = [key for key in keys if isinstance(key, str) and _is_keyword(key)]
        return dict(zip(words, node.values, strict=True)) if len(words) == len(node.values) else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        given = {word.arg: word.value for word in node.keywords if word.arg}
        return given if len(given) == len(node.keywords) else None
    return None


def _root(chain: ast.expr) -> ast.Name | None:
    while isinstance(chain, ast.Attribute | ast.Subscript):
        chain = chain.value
    return chain if isinstance(chain, ast.Name) else None


def _owner(frame: types.FrameType) -> types.FrameType | None:
    """The frame of the function that holds the code: a lambda's and a comprehension's is that of what is around it."""
    code, owner = frame.f_code, frame
    while code.co_name.startswith("<"):
        back = owner.f_back
        while back is not None and code not in back.f_code.co_consts:
            back = back.f_back
        if back is None:
            return None
        code, owner = back.f_code, back
    return owner


def _binds(frame: types.FrameType, name: str, executed: Callable[[types.FrameType], Executed]) -> bool:
    """Whether the function of a frame may give a parameter another value than it was called with."""
    node = executed(frame).node
    for parent in () if node is None else parents(node):
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef):
            return any(
                isinstance(part, ast.Name) and part.id == name and not isinstance(part.ctx, ast.Load)
                for part in ast.walk(parent)
            )
    return True


def parents(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes around one, from inside out."""
    while (parent := getattr(node, "parent", None)) is not None:
        yield parent
        node = parent


def _argument(function: Any, code: types.CodeType, call: ast.Call, name: str) -> ast.expr | None:
    """The node that a call passes for a parameter of the function whose code that is."""
    if getattr(function, "__code__", None) is not code:
        return None
    if any(isinstance(part, ast.Starred) for part in call.args) or any(word.arg is None for word in call.keywords):
        return None
    words = {word.arg: word.value for word in call.keywords if word.arg}
    try:
        bound = inspect.signature(function).bind(*call.args, **words)
    except (TypeError, ValueError):
        return None
    node = bound.arguments.get(name)
    return node if isinstance(node, ast.expr) else None
