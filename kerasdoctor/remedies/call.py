"""The user's `fit` call as text that can be changed argument by argument."""

from __future__ import annotations

import ast
from dataclasses import dataclass
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
#: A call longer than this stands on several lines.
LINE = 88


@dataclass
class _Argument:
    kind: Literal["positional", "keyword", "star", "double_star"]
    name: str
    text: str

    def __str__(self) -> str:
        match self.kind:
            case "keyword":
                return f"{self.name}={self.text}"
            case "star":
                return f"*{self.text}"
            case "double_star":
                return f"**{self.text}"
            case "positional":
                return self.text


class FitCall:
    """One `fit` call; what is not changed keeps the user's own text.

    Raises:
        ValueError: when the text is no call of a method.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        try:
            node = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise ValueError(f"not a call: {text!r}") from error
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            raise ValueError(f"not a call of a method: {text!r}")
        self._source = text.strip()
        self.model = self._segment(node.func.value)
        self.method = node.func.attr
        self._changed = False
        self._several_lines = "\n" in self._source
        self._arguments = [self._positional(index, argument) for index, argument in enumerate(node.args)]
        self._arguments += [
            _Argument("keyword" if keyword.arg else "double_star", keyword.arg or "", self._segment(keyword.value))
            for keyword in node.keywords
        ]

    def _segment(self, node: ast.expr) -> str:
        return ast.get_source_segment(self._source, node) or ast.unparse(node)

    def _positional(self, index: int, node: ast.expr) -> _Argument:
        if isinstance(node, ast.Starred):
            return _Argument("star", "", self._segment(node.value))
        name = FIT_PARAMETERS[index] if index < len(FIT_PARAMETERS) else ""
        return _Argument("positional", name, self._segment(node))

    @property
    def starred(self) -> bool:
        """Whether arguments are passed through `*`, so positions do not tell what they are."""
        return any(argument.kind == "star" for argument in self._arguments)

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
            mapping = self._last_mapping()
            mapping.text = f'{{**{mapping.text}, "{name}": {source}}}'
        else:
            self._insert(_Argument("keyword", name, source))

    def remove(self, name: str, *, hidden: bool = False) -> None:
        """Do not pass the parameter `name`."""
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
            self._changed = True
            mapping = self._last_mapping()
            mapping.text = f'{{key: value for key, value in {mapping.text}.items() if key != "{name}"}}'

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
