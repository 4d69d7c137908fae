"""Turns `%kdoctor fit` and `%kdoctor check` into Python before IPython reads the cell.

A line magic ends at its line, is handed to Python as a string and cannot see the closure that it stands in. Rewritten
as a call with a lambda, the user's call may run over several lines, stand in a function, and keeps its own line
numbers in a traceback.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from IPython.utils.tokenutil import generate_tokens_catch_errors

#: Where the extension is reached from a cell.
HOME = "get_ipython().kdoctor"


#: Magics that run the rest of a cell as Python, and so may follow `%%kdoctor fit`.
_TIMING = ("%%time", "%%capture", "%%prun")


@dataclass(frozen=True)
class _Magic:
    """`%kdoctor fit` or `%kdoctor check` with what follows it, by (row, column); rows from 0."""

    command: str
    start: tuple[int, int]
    expression_start: tuple[int, int]
    end: tuple[int, int]


def rewrite(lines: list[str]) -> list[str]:
    """The lines of a cell with `%kdoctor fit` and `%kdoctor check` rewritten; an input transformer for IPython."""
    text = "".join(lines)
    if "kdoctor" not in text:
        return lines
    first = next((row for row, line in enumerate(lines) if line.strip()), 0)
    if lines[first].split()[:2] == ["%%kdoctor", "fit"]:
        return _rewrite_cell(lines, first)
    for magic in reversed(list(_find(lines))):
        expression = _between(lines, magic.expression_start, magic.end)
        head = lines[magic.start[0]][: magic.start[1]]
        tail = lines[magic.end[0]][magic.end[1] :]
        # a call alone on its line shows its report; the repr of its History below would only be in the way
        quiet = "" if head.rstrip().endswith("=") or tail.startswith(";") else ";"
        call = _call(expression, quiet) if magic.command == "fit" else _check(expression, quiet)
        lines[magic.start[0] : magic.end[0] + 1] = (head + call + tail).splitlines(keepends=True)
    return lines


def _rewrite_cell(lines: list[str], first: int) -> list[str]:
    level, rest = level_of("".join(lines[first].split(maxsplit=2)[2:]))
    call = f"{HOME}.watch_cell({_named(level)})" if not rest else f"{HOME}.refuse_words({rest!r})"
    following = next((row for row in range(first + 1, len(lines)) if lines[row].strip()), None)
    if following is not None and lines[following].split()[:1] and lines[following].split()[0] in _TIMING:
        # IPython runs the rest of the cell for it, which begins behind its line
        return [lines[following], call + "\n", *lines[first + 1 : following], *lines[following + 1 :]]
    return [*lines[:first], call + "\n", *lines[first + 1 :]]


def _call(expression: str, end: str) -> str:
    level, stripped = level_of(expression)
    option = _named(level)
    if not stripped:
        return f"{HOME}.watch_next({option})"
    # the option first: a call that is left open has no end
    fit = f"{HOME}.fit({option}, call=lambda: {stripped}" if option else f"{HOME}.fit(lambda: {stripped}"
    if _open(stripped):
        # left open: the prompt waits for the rest, and Python points at the bracket if none comes
        return fit
    try:
        tree = ast.parse(stripped, mode="eval")
    except SyntaxError as error:
        return f"{HOME}.refuse({stripped!r}, {error.msg!r})"
    if not any(isinstance(node, ast.Call) for node in ast.walk(tree)):
        return f"{HOME}.refuse({stripped!r})"
    return f"{fit}){end}"


def _check(expression: str, end: str) -> str:
    overfit, stripped = overfit_of(expression)
    if not stripped:
        # the magic says what is missing
        return f"{HOME}.check_text('', None)"
    check = f"{HOME}.check(overfit=True, call=lambda: {stripped}" if overfit else f"{HOME}.check(lambda: {stripped}"
    if _open(stripped):
        return check
    try:
        ast.parse(stripped, mode="eval")
    except SyntaxError:
        return f"{HOME}.check_text({stripped!r}, None)"
    return f"{check}){end}"


def level_of(text: str) -> tuple[str, str]:
    """The level that `--level NAME` in front asks for, "default" without it, and the text behind it."""
    found = re.match(r"\s*--\s*level[ \t=]+(\w+)", text)
    return (found[1], text[found.end() :].strip()) if found else ("default", text.strip())


def overfit_of(text: str) -> tuple[bool, str]:
    """Whether `--overfit` stands in front, and the text behind it."""
    found = re.match(r"\s*--\s*overfit(?!\w)", text)
    return found is not None, text[found.end() :].strip() if found else text.strip()


def _named(level: str) -> str:
    return "" if level == "default" else f"level={level!r}"


def _find(lines: list[str]) -> Iterator[_Magic]:
    """Every such magic at the begin of a logical line or right after an assignment's `=`."""
    logical: list[tokenize.TokenInfo] = []
    for token in _tokens(lines):
        if token.type in {tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT}:
            continue
        if token.type in {tokenize.NEWLINE, tokenize.ENDMARKER} or (token.string == ";" and _depth(logical) == 0):
            yield from _in_line(logical)
            logical = []
        else:
            logical.append(token)
    # an unclosed bracket ends with the cell
    yield from _in_line(logical)


def _tokens(lines: list[str]) -> Iterator[tokenize.TokenInfo]:
    try:
        yield from generate_tokens_catch_errors(iter([*lines, ""]).__next__)
    except (tokenize.TokenError, SyntaxError):
        # Python will say what is wrong with the cell; what was read so far is good
        return


def _in_line(tokens: list[tokenize.TokenInfo]) -> Iterator[_Magic]:
    for position, token in enumerate(tokens[:-2]):
        *words, command = [following.string for following in tokens[position : position + 3]]
        at_start = position == 0 or tokens[position - 1].string == "="
        if words == ["%", "kdoctor"] and command in {"fit", "check"} and at_start and _depth(tokens[:position]) == 0:
            last = tokens[-1]
            expression = tokens[position + 3].start if len(tokens) > position + 3 else tokens[position + 2].end
            yield _Magic(command, _place(token.start), _place(expression), _place(last.end))
            return


def _open(expression: str) -> bool:
    return _depth(list(_tokens(expression.splitlines(keepends=True)))) > 0


def _depth(tokens: list[tokenize.TokenInfo]) -> int:
    return sum((token.string in {"(", "[", "{"}) - (token.string in {")", "]", "}"}) for token in tokens)


def _place(position: tuple[int, int]) -> tuple[int, int]:
    return position[0] - 1, position[1]


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    if start[0] == end[0]:
        return lines[start[0]][start[1] : end[1]]
    return "".join([lines[start[0]][start[1] :], *lines[start[0] + 1 : end[0]], lines[end[0]][: end[1]]])
