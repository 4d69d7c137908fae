"""A cell of the user's as text and as syntax tree: where things stand in it, and insertions that keep all else."""

from __future__ import annotations

import ast
import contextlib
import io
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass

#: Cell magics with Python below them.
_PYTHON = {"%%kdoctor", "%%time", "%%timeit", "%%capture"}
_INDENT = "    "


@dataclass(frozen=True)
class Splice:
    """Text to stand in place of that between two offsets."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Item:
    """One argument of a call or one element of a list, by offsets; with the comma behind it, where there is one."""

    start: int
    end: int
    comma: int | None


@dataclass(frozen=True)
class Items:
    """What stands between two brackets."""

    open: int
    close: int
    items: tuple[Item, ...]


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    text: str
    comment: bool


class CellText:
    """A cell that can be read as Python once its magics are left out.

    Raises:
        SyntaxError: when it cannot.
    """

    def __init__(self, text: str) -> None:
        """Reads the cell.

        Args:
            text: the cell as it stands in the notebook.
        """
        self.text = text
        if "\r" in text or "\f" in text:
            raise SyntaxError("lines that Python counts otherwise")
        self._masked = _masked(text)
        self.tree = ast.parse(self._masked)
        self._lines = self._masked.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._tokens = list(self._read_tokens())

    def _read_tokens(self) -> Iterable[_Token]:
        skipped = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
        for token in tokenize.generate_tokens(io.StringIO(self._masked).readline):
            if token.type not in skipped:
                start, end = (self._starts[row - 1] + column for row, column in (token.start, token.end))
                yield _Token(start, end, token.string, token.type == tokenize.COMMENT)

    @property
    def comments(self) -> list[str]:
        """The comments, in their order."""
        return [token.text for token in self._tokens if token.comment]

    # places --------------------------------------------------------------------------------------------------------

    def start(self, node: ast.AST) -> int:
        """Offset of the node's first character."""
        return self._offset(node.lineno, node.col_offset)  # type: ignore[attr-defined] # not of every `ast.AST`

    def end(self, node: ast.AST) -> int:
        """Offset behind the node's last character."""
        return self._offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined] # nor this

    def segment(self, node: ast.AST) -> str:
        """The node as the user wrote it."""
        return self.text[self.start(node) : self.end(node)]

    def _offset(self, line: int, column: int) -> int:
        text = self._lines[line - 1]
        # the tree counts bytes
        return self._starts[line - 1] + (column if text.isascii() else len(text.encode()[:column].decode()))

    def line_start(self, offset: int) -> int:
        """Offset of the first character of the line."""
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Offset of the line feed that ends the line, or of the end of the text."""
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found

    def indent(self, offset: int) -> str:
        """The blanks that the line begins with."""
        line = self.text[self.line_start(offset) : self.line_end(offset)]
        return line[: len(line) - len(line.lstrip())]

    def alone_on_its_lines(self, node: ast.AST) -> bool:
        """Whether nothing but blanks stands before the node, and nothing but a comment behind it."""
        start, end = self.start(node), self.end(node)
        before = self.text[self.line_start(start) : start]
        following = next((token for token in self._tokens if token.start >= end and not token.comment), None)
        return not before.strip() and (following is None or following.start > self.line_end(end))

    def has_comment(self, start: int, end: int) -> bool:
        """Whether there is a comment between two offsets."""
        return any(token.comment and start <= token.start < end for token in self._tokens)

    def items(self, node: ast.Call | ast.List) -> Items:
        """The arguments of a call, or the elements of a list.

        Raises:
            SyntaxError: for one inside of a string.
        """
        close = self.end(node) - 1
        tokens = [token for token in self._tokens if not token.comment]
        last = next((i for i, token in enumerate(tokens) if token.start == close), None)
        if last is None:
            raise SyntaxError("a call inside of a string")
        first, depth = last, 1
        while depth:
            first -= 1
            depth += (tokens[first].text in {")", "]", "}"}) - (tokens[first].text in {"(", "[", "{"})
        found: list[Item] = []
        begin = first + 1
        for position in range(first + 1, last + 1):
            text = tokens[position].text
            if position == last or (depth == 0 and text == ","):
                if position > begin:
                    comma = tokens[position].start if text == "," else None
                    found.append(Item(tokens[begin].start, tokens[position - 1].end, comma))
                begin = position + 1
            depth += (text in {"(", "[", "{"}) - (text in {")", "]", "}"})
        return Items(tokens[first].start, close, tuple(found))

    # insertions ----------------------------------------------------------------------------------------------------

    def behind_statement(self, node: ast.stmt, lines: Iterable[str]) -> Splice:
        """New lines behind a statement, as far in as it is."""
        place, indent = self.line_end(self.end(node)), self.indent(self.start(node))
        return Splice(place, place, "".join(f"\n{indent}{line}" for line in lines))

    def above(self, offset: int, line: str) -> Splice:
        """A new line above that of the offset."""
        place = self.line_start(offset)
        return Splice(place, place, f"{self.indent(place)}{line}\n")

    def into(self, items: Items, index: int, texts: list[str], note: str) -> tuple[list[Splice], bool]:
        """New items behind that at `index`, -1 for in front, in the way that the others stand there.

        Args:
            items: those that are there.
            index: the one that they follow.
            texts: the new ones.
            note: a comment for the line above them; empty for none.

        Returns:
            The insertions, and whether the comment is among them: on a line with others there is no room.
        """
        here = items.items
        if not here:
            return [Splice(items.open + 1, items.open + 1, ", ".join(texts))], False
        if index < 0:
            return self._in_front(items, texts, note)
        item = here[index]
        following = here[index + 1].start if index + 1 < len(here) else items.close
        end = self.line_end(item.end)
        if following <= end or (item.comma is not None and item.comma > end):
            return [Splice(item.end, item.end, "".join(f", {text}" for text in texts))], False
        indent = "\n" + self._item_indent(items, index)
        lines = f"{indent}{note}" if note else ""
        if item.comma is None:
            lines += ",".join(indent + text for text in texts)
            return [Splice(item.end, item.end, ","), Splice(end, end, lines)], True
        return [Splice(end, end, lines + "".join(f"{indent}{text}," for text in texts))], True

    def _in_front(self, items: Items, texts: list[str], note: str) -> tuple[list[Splice], bool]:
        first = items.items[0]
        place = self.line_start(first.start)
        if place <= items.open:
            return [Splice(first.start, first.start, "".join(f"{text}, " for text in texts))], False
        indent = self.indent(place)
        lines = [f"{indent}{line}\n" for line in [*([note] if note else []), *(f"{text}," for text in texts)]]
        return [Splice(place, place, "".join(lines))], True

    def _item_indent(self, items: Items, index: int) -> str:
        """How far in the items stand that begin a line."""
        for item in [*items.items[index + 1 :], *reversed(items.items[: index + 1])]:
            start = self.line_start(item.start)
            if not self.text[start : item.start].strip():
                return self.text[start : item.start]
        return self.indent(items.open) + _INDENT

    def spliced(self, splices: Iterable[Splice]) -> str:
        """The text with all of them made; what stands at one place keeps its order."""
        parts, position = [], 0
        for splice in sorted(splices, key=lambda splice: (splice.start, splice.end)):
            parts += [self.text[position : splice.start], splice.text]
            position = splice.end
        return "".join([*parts, self.text[position:]])


def with_short_lines(text: str, old: str, limit: int) -> str:
    """`text` with those lines broken that are longer than `limit` and not in `old`.

    A call or list gets one item a line, as far as that helps.
    """
    kept = set(old.split("\n"))
    for _attempt in range(20):
        cell = CellText(text)
        for line in text.split("\n"):
            if len(line) > limit and line not in kept and (found := _broken(cell, line)) is not None:
                text = found
                break
        else:
            return text
    return text


def _broken(cell: CellText, line: str) -> str | None:
    """The cell with the widest bracket of that line broken; None where there is none."""
    row = cell.text.split("\n").index(line) + 1
    filled: list[tuple[ast.Call | ast.List, Items]] = []
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Call | ast.List) and node.end_lineno == row:
            with contextlib.suppress(SyntaxError):
                items = cell.items(node)
                if items.items and cell.text.count("\n", 0, items.open) + 1 == row:
                    filled.append((node, items))
    if not filled:
        return None
    node, items = max(filled, key=lambda pair: pair[1].close - pair[1].open)
    while len(items.items) == 1:
        # `Sequential([...])`: the inner brackets alone are broken
        inner = [
            (n, i) for n, i in filled if cell.start(n) == items.items[0].start and cell.end(n) == items.items[0].end
        ]
        if not inner:
            break
        node, items = inner[0]
    indent = cell.indent(items.open)
    body = "".join(f"\n{indent}{_INDENT}{cell.text[item.start : item.end]}," for item in items.items)
    return cell.spliced([Splice(items.open + 1, items.close, f"{body}\n{indent}")])


# magics ------------------------------------------------------------------------------------------------------------


def _masked(text: str) -> str:
    """`text` with magics and shell commands replaced by Python of the same length."""
    try:
        ast.parse(text)
    except SyntaxError:
        lines = text.split("\n")
        first = next((row for row, line in enumerate(lines) if line.strip()), 0)
        if lines[first].startswith("%%"):
            if lines[first].split()[0] not in _PYTHON:
                raise
            lines[first] = "#" + lines[first][1:]
        return "\n".join(_masked_line(line) for line in lines)
    return text


def _masked_line(line: str) -> str:
    code = line.lstrip()
    if code.startswith(("%", "!", "?")) or code.rstrip().endswith("?"):
        return line[: len(line) - len(code)] + _masked_magic(code, at_start=True)
    for sign in ("%", "!"):
        before, _, behind = line.partition(f"= {sign}")
        if behind and before.strip().isidentifier():
            return f"{before}= {_masked_magic(sign + behind, at_start=False)}"
    return line


def _masked_magic(code: str, *, at_start: bool) -> str:
    words = code.split(maxsplit=2)
    if words[:2] == ["%kdoctor", "fit"] and len(words) == 3:
        call = words[2]
        if call.startswith("--level"):
            call = call.removeprefix("--level").replace("=", " ", 1).split(maxsplit=1)[-1]
        if call:
            length = len(code) - len(call)
            return ("_" * (length - 1) + "=" if at_start else " " * length) + code[length:]
    return "0" + "#" * (len(code) - 1)
