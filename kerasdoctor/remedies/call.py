"""The user's `fit` call as text that can be changed argument by argument."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

#: `fit`'s parameters in their order, for arguments that are passed by position (keras.Model.fit, Keras 3).
FIT_PARAMETERS = (
    "x",
    "y",
    "batch_size",
    "epochs",
    "verbose",
    "callbacks",
    "validation_split",
    "validation_data",
    "shuffle",
    "class_weight",
    "sample_weight",
    "initial_epoch",
    "steps_per_epoch",
    "validation_steps",
    "validation_batch_size",
    "validation_freq",
)
#: Keras's own values, for arguments that a mapping still holds.
_DEFAULTS = {"validation_split": "0.0"}
#: A call longer than this stands on several lines.
LINE = 88


@dataclass
class _Argument:
    kind: Literal["positional", "keyword", "star", "double_star"]
    name: str
    text: str
    #: Items beside those of a mapping.
    added: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        match self.kind:
            case "keyword":
                return f"{self.name}={self.text}"
            case "star":
                return f"*{self.text}"
            case "double_star":
                items = "".join(f', "{name}": {source}' for name, source in self.added.items())
                return f"**{{**{self.text}{items}}}" if items else f"**{self.text}"
            case "positional":
                return self.text


class FitCall:
    """One `fit` call; what is not changed keeps the user's own text.

    Raises:
        ValueError: when the text is no call of a method.
    """

    def __init__(self, text: str) -> None:
        self._source = text.strip()
        try:
            node = _parsed(self._source)
        except SyntaxError:
            # a chain whose lines the parentheses around it hold together
            self._source = f"({self._source})"
            try:
                node = _parsed(self._source)
            except SyntaxError as error:
                raise ValueError(f"not a call: {text!r}") from error
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            raise ValueError(f"not a call of a method: {text!r}")
        self.model = atom(self._segment(node.func.value))
        self.method = node.func.attr
        self._changed = False
        self._several_lines = "\n" in self._source
        self._arguments = [self._positional(index, argument) for index, argument in enumerate(node.args)]
        self._arguments += [
            _Argument("keyword" if keyword.arg else "double_star", keyword.arg or "", self._segment(keyword.value))
            for keyword in node.keywords
        ]

    def _segment(self, node: ast.expr) -> str:
        # `x := load()` has its name by now
        node = node.target if isinstance(node, ast.NamedExpr) else node
        return ast.get_source_segment(self._source, node) or ast.unparse(node)

    def _positional(self, index: int, node: ast.expr) -> _Argument:
        if isinstance(node, ast.Starred):
            return _Argument("star", "", self._segment(node.value))
        name = FIT_PARAMETERS[index] if index < len(FIT_PARAMETERS) else ""
        return _Argument("positional", name, self._segment(node))

    @property
    def starred(self) -> str:
        """Source of what is passed through `*`, so that positions do not tell what they are; empty without."""
        return next((argument.text for argument in self._arguments if argument.kind == "star"), "")

    def arguments(self) -> dict[str, str]:
        """Parameter name -> source, of what is written out in the call."""
        return {argument.name: argument.text for argument in self._arguments if argument.name}

    def mappings(self) -> list[str]:
        """Source of what is passed through `**`."""
        return [argument.text for argument in self._arguments if argument.kind == "double_star"]

    def set_model(self, source: str) -> None:
        """Call the method on another object."""
        self._changed |= source != self.model
        self.model = source

    def set(self, name: str, source: str, *, hidden: bool = False) -> None:
        """Pass `source` for the parameter `name`; `hidden` when it comes through `**` so far."""
        for argument in self._arguments:
            if argument.name == name:
                self._changed |= argument.text != source
                argument.text = source
                return
        self._changed = True
        if hidden:
            self._last_mapping().added[name] = source
        else:
            self._insert(_Argument("keyword", name, source))

    def remove(self, name: str, *, hidden: bool = False) -> None:
        """Do not pass the parameter `name`; where it comes through `**`, pass Keras's default."""
        for position, argument in enumerate(self._arguments):
            if argument.name == name:
                self._changed = True
                del self._arguments[position]
                # what followed by position moves up: name it
                for later in self._arguments[position:]:
                    if later.kind == "positional":
                        later.kind = "keyword"
                return
        if hidden:
            self.set(name, _DEFAULTS[name], hidden=True)

    def _last_mapping(self) -> _Argument:
        return next(argument for argument in reversed(self._arguments) if argument.kind == "double_star")

    def _insert(self, argument: _Argument) -> None:
        position = len(self._arguments)
        while position and self._arguments[position - 1].kind == "double_star":
            position -= 1
        self._arguments.insert(position, argument)

    def __str__(self) -> str:
        if not self._changed:
            return self._source
        call = f"{self.model}.{self.method}"
        line = f"{call}({', '.join(map(str, self._arguments))})"
        if not self._several_lines and len(line) <= LINE:
            return line
        return broken(call, [str(argument) for argument in self._arguments])


def broken(call: str, arguments: list[str]) -> str:
    """A call with one argument a line."""
    return "\n".join([f"{call}(", *(f"    {argument}," for argument in arguments), ")"])


def number(value: float) -> str:
    """A number as a person writes it: 1e-5, not 1e-05."""
    return re.sub(r"e\+?(-?)0*", r"e\1", repr(value))


def atom(source: str) -> str:
    """`source` in parentheses where an index or an attribute could not follow it."""
    simple = isinstance(_parsed(source.strip()), ast.Name | ast.Attribute | ast.Subscript | ast.Call)
    return source if simple else f"({source})"


def _parsed(source: str) -> ast.expr:
    return ast.parse(source, mode="eval").body


def replaced(text: str, within: ast.expr, edits: Iterable[tuple[ast.expr, str]]) -> str:
    """The source of the expression `within` of `text`, with the source of some of its parts replaced."""
    starts = [0]
    for line in re.split(r"(?<=\n)", text):
        starts.append(starts[-1] + len(line))

    def place(row: int, column: int) -> int:
        # columns count bytes
        line = text[starts[row - 1] : starts[row]] if row < len(starts) else ""
        return starts[row - 1] + len(line.encode()[:column].decode())

    position = place(within.lineno, within.col_offset)
    parts = []
    for node, source in sorted(edits, key=lambda edit: (edit[0].lineno, edit[0].col_offset)):
        parts += [text[position : place(node.lineno, node.col_offset)], source]
        position = place(node.end_lineno or 0, node.end_col_offset or 0)
    return "".join([*parts, text[position : place(within.end_lineno or 0, within.end_col_offset or 0)]])


def renamed(source: str, names: Mapping[str, str]) -> str:
    """An expression in which what stands for some names stands in their place."""
    try:
        node = _parsed(source)
    except SyntaxError:
        return source
    return replaced(source, node, _renamings(node, names, frozenset()))


def free_names(node: ast.AST) -> set[str]:
    """The names that an expression uses and does not bind itself."""
    return {part.id for part, _bound in _names(node, frozenset())}


def _names(node: ast.AST, bound: frozenset[str]) -> Iterator[tuple[ast.Name, frozenset[str]]]:
    inner = bound | own_names(node)
    if isinstance(node, ast.Name):
        if node.id not in inner:
            yield node, inner
        return
    for child in ast.iter_child_nodes(node):
        yield from _names(child, inner)


def own_names(node: ast.AST) -> frozenset[str]:
    """The names that a lambda or a comprehension binds for itself."""
    if isinstance(node, ast.Lambda):
        return frozenset(part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg))
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        targets = [part for generator in node.generators for part in ast.walk(generator.target)]
        return frozenset(part.id for part in targets if isinstance(part, ast.Name))
    return frozenset()


def _renamings(node: ast.AST, names: Mapping[str, str], bound: frozenset[str]) -> Iterator[tuple[ast.expr, str]]:
    bound = bound | own_names(node)
    if isinstance(node, ast.Name):
        if node.id in names and node.id not in bound:
            yield node, names[node.id]
    elif isinstance(node, ast.JoinedStr):
        # places within an f-string are not its own before Python 3.12
        if (free_names(node) - bound) & set(names):
            yield node, ast.unparse(_Renaming(names).visit(node))
    else:
        for child in ast.iter_child_nodes(node):
            yield from _renamings(child, names, bound)


class _Renaming(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return _parsed(self._names[node.id]) if node.id in self._names else node
