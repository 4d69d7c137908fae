"""The user's own callbacks, changed where they are written out."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

from kerasdoctor.record import TrainingRecord


def with_keywords(record: TrainingRecord, kind: str, keywords: Mapping[str, str]) -> str | None:
    """Source of the `callbacks` argument with keywords of every call of `kind` set.

    Args:
        record: the run.
        kind: class of a callback, e.g. "EarlyStopping".
        keywords: keyword -> its source.

    Returns:
        None where no such call is written out in the call of `fit`, e.g. because the list is a variable.
    """
    written = record.source.arguments.get("callbacks") if record.source else None
    if written is None:
        return None
    try:
        tree = ast.parse(written.strip(), mode="eval")
    except SyntaxError:
        return None
    found = False
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or getattr(node.func, "attr", getattr(node.func, "id", "")) != kind:
            continue
        if node.args[1:] or any(isinstance(argument, ast.Starred) for argument in node.args):
            # positions may hold what a keyword would give twice
            continue
        if "monitor" in keywords and kind != "ModelCheckpoint":
            # its first argument is the file
            node.args = []
        node.keywords = [keyword for keyword in node.keywords if keyword.arg not in keywords]
        node.keywords += [ast.keyword(name, ast.parse(source, mode="eval").body) for name, source in keywords.items()]
        found = True
    # `unparse` writes single quotes; the cells of this package hold double ones
    return ast.unparse(tree) if found else None


def in_its_place(
    record: TrainingRecord,
    kind: str,
    settings: Mapping[str, Any],
    keywords: Mapping[str, str],
    kept: Sequence[str] = ("min_delta", "start_from_epoch"),
) -> str | None:
    """Source of the `callbacks` argument with a new callback of `kind` for the one that a variable holds.

    Args:
        record: the run.
        kind: class of a callback of Keras's.
        settings: those that it has.
        keywords: keyword -> source of those that it gets.
        kept: names of numbers among the settings that it keeps.
    """
    given = record.source.arguments.get("callbacks") if record.source else None
    if given is None or not isinstance(settings.get("monitor"), str):
        return None
    same = {
        name: json.dumps(settings[name]) for name in ("monitor", "mode") if settings.get(name) not in (None, "auto")
    }
    same |= {name: repr(settings[name]) for name in kept if settings.get(name)}
    arguments = ", ".join(f"{name}={value}" for name, value in {**same, **keywords}.items())
    new = f"keras.callbacks.{kind}({arguments})"
    if record.data.containers.get("callbacks") not in {"list", "tuple"}:
        return f"[{new}]"
    others = f"*(other for other in {given} if not isinstance(other, keras.callbacks.{kind}))"
    return f"[{others}, {new}]"
